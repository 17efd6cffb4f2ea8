/**
 * Queries that only choose rows and columns of one relation: they are views, as looking at the rows again for
 * each reader costs less than writing them once.
 */

import type { Database } from "../duckdb/database.ts";
import { type Sql, sql } from "../duckdb/sql.ts";
import {
  expressionText,
  fromClause,
  nodesOf,
  selectText,
  type Tree,
  type TreeNode,
  textIn,
} from "../duckdb/syntax.ts";
import { columnRef } from "./post-aggregation.ts";
import type { StreamScan } from "./scan-numbering.ts";
import { hidesRowid, type OwnColumns, type Stream } from "./stream.ts";
import { clausesOf, modifiersOf, selectListOf } from "./syntax-facts.ts";

/** What costs no more than reading the values that it compares. */
const CHEAP: ReadonlySet<string> = new Set([
  "COLUMN_REF",
  "STAR",
  "CONSTANT",
  "COMPARISON",
  "CONJUNCTION",
  "OPERATOR",
  "BETWEEN",
]);

/** The query's rows with the order of those of the table they are in; undefined where it does more. */
export async function projectionView(
  database: Database,
  flat: TreeNode,
  scans: readonly StreamScan[],
  streams: ReadonlyMap<string, Stream>,
  { order }: OwnColumns,
): Promise<Stream["rowsInOrder"]> {
  const [scan, ...others] = scans;
  const from = flat["from_table"] as TreeNode;
  const input = streams.get(scan?.stream ?? "");
  if (scan === undefined || input === undefined) return undefined;
  if (input.rowsInOrder !== undefined || hidesRowid(input.columns)) return undefined;
  if (scan.window !== undefined || others.length > 0) return undefined;
  if (flat["type"] !== "SELECT_NODE" || from["type"] !== "BASE_TABLE" || modifiersOf(flat).length > 0)
    return undefined;
  if (((from["column_name_alias"] ?? []) as readonly Tree[]).length > 0) return undefined;
  const isCheap = [...nodesOf(clausesOf(flat))].every(
    (node) => node["class"] === undefined || CHEAP.has(textIn(node, "class")),
  );
  if (!isCheap || !(await comparesAlike(database, flat))) return undefined;
  const place = columnRef("rowid", order.text);
  const rows = await selectText(database, { ...flat, select_list: [...selectListOf(flat), place] });
  return { rows, order };
}

/** Casts between these do not fail. */
const PLAIN_NUMBER = /^(?:U?(?:TINY|SMALL|BIG)?INT(?:EGER)?|FLOAT|DOUBLE)$/;

/**
 * Whether what the query compares needs no cast that may fail for a row: a view is asked again by each of its
 * readers, and a row must not fail there.
 */
async function comparesAlike(database: Database, flat: TreeNode): Promise<boolean> {
  const from = await fromClause(database, flat, flat["from_table"] as TreeNode);
  for (const node of nodesOf(clausesOf(flat))) {
    if (!["COMPARISON", "BETWEEN", "OPERATOR"].includes(textIn(node, "class"))) continue;
    const operands = [...nodesOf(node)].filter(({ class: kind }) => kind === "COLUMN_REF");
    const texts: Sql[] = [];
    for (const operand of operands) texts.push(await expressionText(database, flat, operand));
    if (texts.length === 0) continue;
    const types = (await database.describe(sql`SELECT ${texts} ${from}`)).map(({ type }) => type);
    const isOneType = new Set(types).size === 1 && !/^(?:U?HUGEINT|DECIMAL\(38,.*\))$/.test(types[0] ?? "");
    if (!isOneType && !types.every((type) => PLAIN_NUMBER.test(type))) return false;
  }
  return true;
}

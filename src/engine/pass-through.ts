/**
 * Queries that only choose rows and columns of one relation: they are views, as looking at the rows again for
 * each reader costs less than writing them once.
 */

import type { Database } from "../duckdb/database.ts";
import type { Sql } from "../duckdb/sql.ts";
import { nodesOf, selectText, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import type { LeafPlace } from "./leaves.ts";
import { columnRef } from "./over-groups.ts";
import { ORDER_COLUMN, type Stream } from "./stream.ts";
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
export async function passedThrough(
  database: Database,
  flat: TreeNode,
  leaves: readonly LeafPlace[],
  streams: ReadonlyMap<string, Stream>,
): Promise<Sql | undefined> {
  const [leaf, ...others] = leaves;
  const from = flat["from_table"] as TreeNode;
  const isOfTable = leaf !== undefined && streams.get(leaf.stream)?.rowsInOrder === undefined;
  if (!isOfTable || leaf.window !== undefined || others.length > 0) return undefined;
  if (flat["type"] !== "SELECT_NODE" || from["type"] !== "BASE_TABLE" || modifiersOf(flat).length > 0)
    return undefined;
  if (((from["column_name_alias"] ?? []) as readonly Tree[]).length > 0) return undefined;
  const isCheap = [...nodesOf(clausesOf(flat))].every(
    (node) => node["class"] === undefined || CHEAP.has(textIn(node, "class")),
  );
  if (!isCheap) return undefined;
  const order = columnRef("rowid", ORDER_COLUMN);
  return selectText(database, { ...flat, select_list: [...selectListOf(flat), order] });
}

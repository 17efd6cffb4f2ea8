/**
 * Rows with which a query surely fails, found all at once: DuckDB's TRY(…) is NULL where an expression fails.
 * Only the query itself tells whether it fails; this spares looking at each of many rows.
 */

import type { Database } from "../../duckdb/database.ts";
import { id, join, type Sql, sql } from "../../duckdb/sql.ts";
import { expressionText, nodesOf, type TreeNode, textIn } from "../../duckdb/syntax.ts";
import type { AnalyzedQuery } from "../../sql/analyzed-query.ts";
import { inputView } from "../../sql/input.ts";
import { relationOf } from "../../sql/query-analysis.ts";
import { numberScans, scanNumberOf, withRelations } from "../../sql/scan-numbering.ts";
import { type OwnColumns, relation } from "../../sql/stream.ts";
import type { Catalog } from "../../sql/syntax-facts.ts";
import { overInput } from "../stored-scans.ts";
import { fallible, probeOf } from "./probe.ts";

/**
 * The numbers of rows of the only stream that the query reads, each once or more; the relation of the query's
 * input, with its order, is there. Undefined where nothing can fail, or the query's shape does not tell rows
 * apart.
 */
export async function rowSuspects({
  database,
  name,
  flat: select,
  catalog,
  own,
}: Pick<AnalyzedQuery, "database" | "name" | "flat" | "catalog" | "own">): Promise<Sql | undefined> {
  const { scans } = numberScans(select, catalog);
  const isOne = new Set(scans.map(({ stream }) => stream)).size === 1;
  const found: Sql[] = [];
  for (const scan of isOne ? scans : []) {
    // A call of a window function has no name of its own.
    const alias = scan.window === undefined ? relationOf(scan.from) : textIn(scan.from, "alias") || "_place";
    const over = { ...overInput(scan.from, relation.input(name)), alias };
    const start = { from: scan.from, over, row: id(alias, own.order.text) };
    const probe = await probeOf(database, catalog, select, start);
    if (probe !== undefined) found.push(sql`SELECT _row FROM (${probe}) WHERE _failed`);
  }
  return found.length === 0 ? undefined : sql`SELECT DISTINCT _row FROM (${join(found, " UNION ALL ")})`;
}

/** The same for a query without an input relation of its own, which it is given for this. */
export async function orderedSuspects(
  request: Pick<AnalyzedQuery, "database" | "name" | "flat" | "catalog" | "own" | "streams">,
): Promise<Sql | undefined> {
  const { database, name, flat, catalog, streams, own } = request;
  const [scan] = numberScans(flat, catalog).scans;
  const input = streams.get(scan?.stream ?? "");
  const suspects = input === undefined ? undefined : await rowSuspects(request);
  if (suspects !== undefined && input !== undefined)
    await database.run(inputView(name, input, undefined, own));
  return suspects;
}

/**
 * The rows of the only place of a query that fail, as lists `[_b, _o]`, where the rows that it reads are in
 * the relation `over`.
 */
export async function keptSuspects(
  database: Database,
  tree: TreeNode,
  catalog: Catalog,
  over: string,
  { batch, order }: OwnColumns,
): Promise<Sql | undefined> {
  const items = [...nodesOf(tree)].filter((node) => scanNumberOf(node) !== undefined);
  const [from, another] = items;
  if (from === undefined || another !== undefined) return undefined;
  const alias = relationOf(from);
  const row = sql`[${id(alias, batch.text)}, ${id(alias, order.text)}]`;
  const probe = await probeOf(database, catalog, tree, { from, over: withRelations(from, () => over), row });
  return probe === undefined ? undefined : sql`SELECT DISTINCT _row FROM (${probe}) WHERE _failed`;
}

/**
 * The condition on rows of a place of a join, in resolved names, with which expressions fail that name the
 * place's columns alone; undefined where there are none. The rows must go by the place's name.
 */
export async function placeSuspects(
  database: Database,
  tree: TreeNode,
  alias: string,
  catalog: Catalog,
): Promise<Sql | undefined> {
  const isOurs = (column: TreeNode): boolean => {
    const [relation = "", ...names] = column["column_names"] as readonly string[];
    return names.length > 0 && relation.toLowerCase() === alias.toLowerCase();
  };
  const nodes = fallible(Object.values(tree), catalog, (node) =>
    [...nodesOf(node)].every((inner) => inner["class"] !== "COLUMN_REF" || isOurs(inner)),
  );
  if (nodes.length === 0) return undefined;
  const texts = await Promise.all(nodes.map((node) => expressionText(database, tree, node)));
  return sql`TRY(row(${texts})) IS NULL`;
}

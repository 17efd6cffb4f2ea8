/**
 * A query over one of its places that gives, for each row of it, whether an expression of the row fails: the
 * SELECTs around the place, from the innermost out to the first that groups or counts rows, with TRY around
 * what they compute. A row that fails goes on with NULLs, so that all are found at once.
 */

import type { Database } from "../../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import {
  expressionText,
  fromClause,
  NO_LOCATION,
  nodesOf,
  replaceNodes,
  type Tree,
  type TreeNode,
  textIn,
} from "../../duckdb/syntax.ts";
import { relationOf } from "../../sql/query-analysis.ts";
import {
  type Catalog,
  clausesOf,
  hasModifier,
  isAggregateCall,
  isGrouped,
  outputNameOf,
  selectListOf,
  windowFunctionsOf,
} from "../../sql/syntax-facts.ts";

export interface ProbePlace {
  /** The FROM item as it stands in the query, and what is read in its place. */
  readonly from: TreeNode;
  readonly over: TreeNode;
  /** What tells its rows apart. */
  readonly row: Sql;
}

interface Level {
  readonly select: TreeNode;
  /** Names of columns that may fail to be computed, in lower case. */
  readonly failing: ReadonlySet<string>;
  readonly text: Sql;
}

/** Gives `_row` and `_failed`; undefined where nothing of a row can fail. */
export async function probeOf(
  database: Database,
  catalog: Catalog,
  query: TreeNode,
  place: ProbePlace,
): Promise<Sql | undefined> {
  const chain = [...nodesOf(query)]
    .filter((node) => node["type"] === "SELECT_NODE" && [...nodesOf(node)].includes(place.from))
    .toReversed();
  const levels: Level[] = [];
  let canFail = false;
  for (const select of chain) {
    const below = levels.at(-1);
    const item = itemOf(select["from_table"] as TreeNode, below?.select ?? place.from);
    if (item === undefined) break;
    const level = await levelOf(database, catalog, select, { item, below, place, depth: levels.length });
    canFail ||= level.canFail;
    levels.push(level);
    if (isLast(select, catalog)) break;
  }
  if (levels.length === 0 || !canFail) return undefined;
  const top = levels.length - 1;
  const ctes = levels.map(({ text }, depth) => sql`${id(`_level${depth}`)} AS (${text})`);
  return sql`WITH ${ctes} SELECT ${id(`_row${top}`)} AS _row, ${id(`_failed${top}`)} AS _failed
    FROM ${id(`_level${top}`)}`;
}

interface Position {
  /** The FROM item to be replaced. */
  readonly item: TreeNode;
  readonly below: Level | undefined;
  readonly place: ProbePlace;
  readonly depth: number;
}

async function levelOf(
  database: Database,
  catalog: Catalog,
  select: TreeNode,
  { item, below, place, depth }: Position,
): Promise<Level & { readonly canFail: boolean }> {
  const text = (node: TreeNode): Promise<Sql> => expressionText(database, select, node);
  const failure = async (nodes: readonly TreeNode[]): Promise<Sql | undefined> =>
    nodes.length === 0 ? undefined : sql`TRY(row(${await Promise.all(nodes.map(text))})) IS NULL`;
  const alias = below === undefined ? relationOf(item) : textIn(item, "alias");
  const over = below === undefined ? place.over : tableItem(item, `_level${depth - 1}`);
  const from = replaceNodes(select["from_table"] ?? null, (node) => (node === item ? over : undefined));
  const where = select["where_clause"] as TreeNode | null;
  const isEnd = isLast(select, catalog);
  const values = fallible([select["select_list"], select["group_expressions"]] as Tree, catalog);
  const below1 = below === undefined ? undefined : id(alias, `_failed${depth - 1}`);
  const whereFails = where === null ? undefined : await failure([where]);
  const failed = [below1, whereFails, await failure(values)].filter((one) => one !== undefined);
  const items: Sql[] = [];
  const failing = new Set<string>();
  for (const one of isEnd ? [] : selectListOf(select)) {
    const name = outputNameOf(one);
    const as = name === undefined || one["class"] === "STAR" ? raw("") : sql` AS ${id(name)}`;
    const isFallible = fallible(one, catalog).includes(one);
    if (isFallible && name !== undefined) failing.add(name.toLowerCase());
    items.push(isFallible ? sql`TRY(${await text(one)})${as}` : sql`${await text(one)}${as}`);
  }
  // A row that has failed below is looked for also where NULL would not pass; but not if the condition is
  // about other columns, as DuckDB asks it first then.
  const isAboutFailing = [...nodesOf(where)].some(
    (node) =>
      node["class"] === "COLUMN_REF" &&
      below?.failing.has(String((node["column_names"] as readonly string[]).at(-1)).toLowerCase()) === true,
  );
  const passes = where === null ? undefined : sql`TRY(${await text(where)})`;
  const conditions = [whereFails, passes, ...(isAboutFailing ? [below1] : [])].filter(
    (one) => one !== undefined,
  );
  const condition = conditions.length === 0 ? raw("") : sql` WHERE ${join(conditions, " OR ")}`;
  const rowName = below === undefined ? place.row : id(alias, `_row${depth - 1}`);
  return {
    select,
    failing,
    canFail: failed.length > (below1 === undefined ? 0 : 1),
    text: sql`SELECT ${[
      ...items,
      sql`${rowName} AS ${id(`_row${depth}`)}`,
      sql`(${failed.length === 0 ? raw("false") : join(failed, " OR ")}) AS ${id(`_failed${depth}`)}`,
    ]} ${await fromClause(database, select, from as TreeNode)}${condition}`,
  };
}

/** Whether what is around a SELECT does not see one row for each of its rows. */
function isLast(select: TreeNode, catalog: Catalog): boolean {
  return (
    isGrouped(select, catalog) ||
    hasModifier(select, "LIMIT") ||
    windowFunctionsOf(clausesOf(select)).length > 0
  );
}

/** The FROM item that is the place, or a subquery of this SELECT, itself or as a side of joins. */
function itemOf(from: TreeNode, wanted: TreeNode): TreeNode | undefined {
  if (from === wanted) return from;
  if (from["type"] === "SUBQUERY")
    return (from["subquery"] as TreeNode)["node"] === wanted ? from : undefined;
  if (from["type"] !== "JOIN") return undefined;
  return itemOf(from["left"] as TreeNode, wanted) ?? itemOf(from["right"] as TreeNode, wanted);
}

function tableItem(item: TreeNode, table: string): TreeNode {
  return {
    type: "BASE_TABLE",
    alias: item["alias"] ?? "",
    sample: null,
    query_location: NO_LOCATION,
    schema_name: "",
    table_name: table,
    column_name_alias: item["column_name_alias"] ?? [],
    catalog_name: "",
    at_clause: null,
  };
}

/** The largest expressions of rows that do more than name a column, and that TRY takes. */
export function fallible(
  tree: Tree,
  catalog: Catalog,
  isWanted: (node: TreeNode) => boolean = () => true,
): readonly TreeNode[] {
  const found: TreeNode[] = [];
  replaceNodes(tree, (node) => {
    if ("select_list" in node || "setop_type" in node || node["type"] === "TABLE_FUNCTION") return node;
    if (node["class"] === undefined) return undefined;
    if (["COLUMN_REF", "CONSTANT", "STAR"].includes(textIn(node, "class"))) return node;
    if (!isTryable(node, catalog) || !isWanted(node)) return undefined;
    if ([...nodesOf(node)].some((inner) => inner["class"] === "COLUMN_REF")) found.push(node);
    return node;
  });
  return found;
}

/** Whether DuckDB takes TRY around an expression: aggregates, subqueries and the like stand outside of it. */
export function isTryable(node: TreeNode, catalog: Catalog): boolean {
  return [...nodesOf(node)].every((inner) => {
    const kind = textIn(inner, "class");
    if (["SUBQUERY", "WINDOW", "STAR", "DEFAULT", "POSITIONAL_REFERENCE"].includes(kind)) return false;
    if (isAggregateCall(inner, catalog)) return false;
    return !(kind === "FUNCTION" && /^(?:unnest|unlist)$/i.test(textIn(inner, "function_name")));
  });
}

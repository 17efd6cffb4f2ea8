/** The ways of writing `the first rows of each key` that the planner knows: they bound what must be kept. */

import type { Column } from "../duckdb/database.ts";
import { id, sql } from "../duckdb/sql.ts";
import {
  expressionText,
  NO_LOCATION,
  nodesOf,
  type Tree,
  type TreeNode,
  textIn,
  writeTree,
} from "../duckdb/syntax.ts";

import type { Pruning } from "../operators/stored-scans.ts";
import type { AnalyzedQuery } from "../sql/analyzed-query.ts";
import { relationOf } from "../sql/query-analysis.ts";
import {
  type Catalog,
  clausesOf,
  hasSubquery,
  includesName,
  isGrouped,
  modifiersOf,
  outputsOf,
  windowFunctionsOf,
} from "../sql/syntax-facts.ts";
import { nameOf } from "../sql/windows.ts";

/** Of each key the first `count` rows by `rank`, a `row_number() OVER (…)`. */
export interface TopOfKeys {
  readonly rank: TreeNode;
  readonly count: number;
  /** The name of the stream in the query. */
  readonly relation: string;
}

/** The `row_number() OVER (…)` of a `QUALIFY row_number() OVER (…) = 1`; undefined for any other query. */
export function firstOfKey(select: TreeNode): TreeNode | undefined {
  const found = limitedRank(select["qualify"] as TreeNode | null | undefined, (node) => node);
  return found?.count === 1 ? found.rank : undefined;
}

/**
 * What a query over one stream, in resolved names, needs of its rows; undefined where it may need all. The
 * rank is in QUALIFY, or in a subquery over the stream with a WHERE around it; the SELECT that ranks does
 * nothing else with rows.
 */
export function topOfKeys(
  { flat, catalog }: Pick<AnalyzedQuery, "flat" | "catalog">,
  columns: readonly Column[],
): TopOfKeys | undefined {
  if (flat["type"] !== "SELECT_NODE" || modifiersOf(flat).length > 0) return undefined;
  const from = flat["from_table"] as TreeNode;
  const isSubquery = from["type"] === "SUBQUERY";
  const ranking = isSubquery ? ((from["subquery"] as TreeNode)["node"] as TreeNode) : flat;
  const isRenamed = ((from["column_name_alias"] ?? []) as readonly string[]).length > 0;
  if (isSubquery && (flat["qualify"] !== null || ranking["qualify"] !== null || isRenamed)) return undefined;
  if (!isRankingOnly(ranking, catalog)) return undefined;
  const names = columns.map(({ name }) => name);
  const condition = isSubquery ? flat["where_clause"] : flat["qualify"];
  const found = limitedRank(condition as TreeNode | null, (node) => {
    if (node["class"] !== "COLUMN_REF") return node;
    const name = nameOf(node)?.toLowerCase();
    // Of columns of one name, the first has it.
    return outputsOf(ranking)?.find((output) => output.name?.toLowerCase() === name)?.expression;
  });
  if (found === undefined) return undefined;
  const relation = relationOf(ranking["from_table"] as TreeNode);
  const { partitions, orders } = found.rank as { partitions: Tree; orders: Tree };
  const isOwn = [...nodesOf([partitions, orders])].every(
    (node) => node["class"] !== "COLUMN_REF" || isColumnOf(node, relation, names),
  );
  return isOwn ? { ...found, relation } : undefined;
}

/** One SELECT over the stream itself, with no more than its columns and one rank. */
function isRankingOnly(select: TreeNode, catalog: Catalog): boolean {
  if (select["type"] !== "SELECT_NODE" || select["where_clause"] !== null) return false;
  const from = select["from_table"] as TreeNode;
  const isStream =
    from["type"] === "BASE_TABLE" && catalog.streamOf(textIn(from, "table_name")) !== undefined;
  const isRenamed = ((from["column_name_alias"] ?? []) as readonly string[]).length > 0;
  const ranks = windowFunctionsOf(clausesOf(select)).map((node) => writeTree({ ...node, alias: "" }));
  return (
    isStream &&
    !isRenamed &&
    modifiersOf(select).length === 0 &&
    !isGrouped({ ...select, qualify: null }, catalog) &&
    new Set(ranks).size === 1 &&
    !hasSubquery(clausesOf(select))
  );
}

function isColumnOf(node: TreeNode, relation: string, names: readonly string[]): boolean {
  const [before, name, ..._fields] = node["column_names"] as readonly string[];
  return before?.toLowerCase() === relation.toLowerCase() && includesName(names, name ?? "");
}

type LimitedRank = Omit<TopOfKeys, "relation">;

/** `rank = 1`, `rank <= N`, `rank < N`. */
function limitedRank(
  condition: TreeNode | null | undefined,
  resolve: (node: TreeNode) => TreeNode | undefined,
): LimitedRank | undefined {
  const [left, right] = [condition?.["left"], condition?.["right"]] as readonly (TreeNode | undefined)[];
  const rank = left === undefined ? undefined : resolve(left);
  const limit = (right?.["value"] as TreeNode | undefined)?.["value"];
  if (rank?.["type"] !== "WINDOW_ROW_NUMBER" || typeof limit !== "number") return undefined;
  switch (textIn(condition ?? undefined, "type")) {
    case "COMPARE_EQUAL":
      return limit === 1 ? { rank, count: 1 } : undefined;
    case "COMPARE_LESSTHANOREQUALTO":
      return limit >= 1 ? { rank, count: limit } : undefined;
    case "COMPARE_LESSTHAN":
      return limit >= 2 ? { rank, count: limit - 1 } : undefined;
    default:
      return undefined;
  }
}

/**
 * What a rewrite of the kept rows keeps: the others can't come back, as rows are only added. Where the user's
 * order leaves rows equal, the source's order settles it.
 */
export async function keepTop(
  { database, flat, own }: Pick<AnalyzedQuery, "database" | "flat" | "own">,
  { rank, count, relation }: TopOfKeys,
): Promise<Pruning> {
  const orders = rank["orders"] as readonly TreeNode[];
  const settled = [own.batch, own.order].map(({ text }) => columnOrder(text));
  const call = await expressionText(database, flat, { ...rank, alias: "", orders: [...orders, ...settled] });
  const asWritten = await expressionText(database, flat, { ...rank, alias: "" });
  return {
    merged: (rows) => sql`FROM ${rows} AS ${id(relation)} QUALIFY ${call} <= ${count}`,
    words: `the first ${count} by ${asWritten.text}`,
  };
}

function columnOrder(name: string): TreeNode {
  return {
    type: "ORDER_DEFAULT",
    null_order: "ORDER_DEFAULT",
    expression: {
      class: "COLUMN_REF",
      type: "COLUMN_REF",
      alias: "",
      query_location: NO_LOCATION,
      column_names: [name],
    },
  };
}

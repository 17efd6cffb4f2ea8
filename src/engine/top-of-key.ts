/** The ways of writing `the first rows of each key` that the planner knows: they bound what must be kept. */

import { id, type Sql, sql } from "../duckdb/sql.ts";
import { expressionText, NO_LOCATION, type TreeNode, textIn } from "../duckdb/syntax.ts";

import { relationOf } from "./shape.ts";
import type { Shaped } from "./shaped.ts";
import { BATCH_COLUMN, ORDER_COLUMN } from "./stream.ts";
import { modifiersOf, outputNameOf, selectListOf } from "./syntax-facts.ts";
import { nameOf, windowCallOf } from "./windows.ts";

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
 * What a query over one stream needs of its rows; undefined where it may need all. The rank is in QUALIFY, or
 * in a subquery over the stream with a WHERE around it.
 */
export function topOfKeys(select: TreeNode): TopOfKeys | undefined {
  if (select["type"] !== "SELECT_NODE" || modifiersOf(select).length > 0) return undefined;
  const items = selectListOf(select);
  const byName = (list: readonly TreeNode[]) => (node: TreeNode) =>
    node["class"] === "COLUMN_REF" ? list.find((item) => outputNameOf(item) === nameOf(node)) : node;
  const from = select["from_table"] as TreeNode;
  if (select["where_clause"] === null && isTable(from))
    return withRelation(limitedRank(select["qualify"] as TreeNode | null, byName(items)), from);
  if (from["type"] !== "SUBQUERY" || select["qualify"] !== null) return undefined;
  const inner = (from["subquery"] as TreeNode)["node"] as TreeNode;
  const isPlain =
    inner["type"] === "SELECT_NODE" &&
    inner["where_clause"] === null &&
    inner["qualify"] === null &&
    modifiersOf(inner).length === 0 &&
    isTable(inner["from_table"] as TreeNode) &&
    ((from["column_name_alias"] ?? []) as readonly string[]).length === 0;
  const where = select["where_clause"] as TreeNode | null;
  return isPlain
    ? withRelation(limitedRank(where, byName(selectListOf(inner))), inner["from_table"] as TreeNode)
    : undefined;
}

type LimitedRank = Omit<TopOfKeys, "relation">;

function withRelation(limited: LimitedRank | undefined, from: TreeNode): TopOfKeys | undefined {
  return limited === undefined ? undefined : { ...limited, relation: relationOf(from) };
}

function isTable(from: TreeNode): boolean {
  const isRenamed = ((from["column_name_alias"] ?? []) as readonly string[]).length > 0;
  return from["type"] === "BASE_TABLE" && windowCallOf(from) === undefined && !isRenamed;
}

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
  { database, flat }: Pick<Shaped, "database" | "flat">,
  { rank, count, relation }: TopOfKeys,
): Promise<(rows: Sql) => Sql> {
  const orders = rank["orders"] as readonly TreeNode[];
  const settled = [BATCH_COLUMN, ORDER_COLUMN].map((name) => columnOrder(name));
  const call = await expressionText(database, flat, { ...rank, alias: "", orders: [...orders, ...settled] });
  return (rows) => sql`FROM ${rows} AS ${id(relation)} QUALIFY ${call} <= ${count}`;
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

/**
 * Rows that tie in an aggregate's ORDER BY are in the input's order: SQL leaves that open, and DuckDB takes
 * one or another for `last(x ORDER BY t)`. So a row's place in the input becomes the last thing that such an
 * aggregate is ordered by, in the stream and in the batch alike.
 */

import type { Column } from "../duckdb/database.ts";
import { NO_LOCATION, nodesOf, replaceNodes, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { columnRef } from "./post-aggregation.ts";
import { scanNumberOf, scanNumbersOf } from "./scan-numbering.ts";
import { type Catalog, clausesOf, hasModifier, isGrouped, ordersOf, selectListOf } from "./syntax-facts.ts";

/** The column of a row's place, in relations that are asked for it. */
export function placeColumn(name: string): Column {
  return { name, type: "BIGINT" };
}

/** Aggregates whose value their ORDER BY decides. */
const ORDERED: ReadonlySet<string> = new Set([
  "first",
  "last",
  "arbitrary",
  "any_value",
  "list",
  "array_agg",
  "string_agg",
  "group_concat",
  "listagg",
]);

export interface InInputOrder {
  readonly tree: TreeNode;
  /** The marked places whose relations must have the column of the place. */
  readonly scans: ReadonlySet<number>;
}

/** A FROM item whose rows have their place, all from one marked place. */
interface Placed {
  readonly from: TreeNode;
  readonly scan: number;
}

/**
 * `tree` is without CTEs and has its places marked. Ties are settled wherever a single stream gives the rows:
 * of a join of streams there is no order. `isOfRows`: whether a marked place gives the rows of the input.
 * `place`: the name of the column of a row's place.
 */
export function inInputOrder(
  tree: TreeNode,
  catalog: Catalog,
  isOfRows: (scan: number) => boolean,
  place: string,
): InInputOrder {
  const scans = new Set<number>();

  const settled = (node: TreeNode): TreeNode => {
    // A star would take the place for one of the stream's own columns.
    if (node["type"] !== "SELECT_NODE" || hasStar(clausesOf(node))) return node;
    const clauses = { ...node, from_table: null };
    if (!hasOrderedCall(clauses)) return node;
    const placed = placedFrom(node["from_table"] as TreeNode);
    if (placed === undefined) return node;
    scans.add(placed.scan);
    return { ...(withPlaces(clauses, place) as TreeNode), from_table: placed.from };
  };
  const placedFrom = (from: TreeNode): Placed | undefined => {
    if (((from["column_name_alias"] ?? []) as readonly string[]).length > 0) return undefined;
    const scan = scanNumberOf(from);
    if (scan !== undefined) return isOfRows(scan) ? { from, scan } : undefined;
    if (from["type"] === "JOIN") return placedJoin(from);
    return from["type"] === "SUBQUERY" ? placedSubquery(from) : undefined;
  };
  const placedJoin = (join: TreeNode): Placed | undefined => {
    const [left, right] = [join["left"] as TreeNode, join["right"] as TreeNode];
    const sides = [left, right].filter((side) => scanNumbersOf(side).length > 0);
    const isHidden = sides[0] === right && /SEMI|ANTI/.test(textIn(join, "join_type"));
    if (sides.length !== 1 || isHidden) return undefined;
    const placed = placedFrom(sides[0] as TreeNode);
    const side = sides[0] === left ? "left" : "right";
    return placed && { ...placed, from: { ...join, [side]: placed.from } };
  };
  const placedSubquery = (from: TreeNode): Placed | undefined => {
    const subquery = from["subquery"] as TreeNode;
    const select = subquery["node"] as TreeNode;
    if (select["type"] !== "SELECT_NODE" || isGrouped(select, catalog)) return undefined;
    if (hasModifier(select, "DISTINCT")) return undefined;
    const list = selectListOf(select);
    const stars = list.filter((item) => hasStar(item));
    const isWhole = stars.length === 1 && list.some((item) => item["type"] === "STAR" && isWholeStar(item));
    if (stars.length > 0 && !isWhole) return undefined;
    const placed = placedFrom(select["from_table"] as TreeNode);
    if (placed === undefined) return undefined;
    const items = isWhole ? list : [...list, columnRef(place)];
    const node = { ...select, select_list: items, from_table: placed.from };
    return { ...placed, from: { ...from, subquery: { ...subquery, node } } };
  };

  const visit = (node: Tree): Tree => {
    if (Array.isArray(node)) return (node as readonly Tree[]).map(visit);
    if (node === null || typeof node !== "object") return node;
    return settled(Object.fromEntries(Object.entries(node).map(([key, value]) => [key, visit(value)])));
  };
  return { tree: visit(tree) as TreeNode, scans };
}

/** `*` with the columns of all that stands in FROM, and not `COLUMNS(…)` or `t.*`. */
function isWholeStar(star: TreeNode): boolean {
  return textIn(star, "relation_name") === "" && star["columns"] !== true;
}

function hasStar(tree: Tree): boolean {
  return [...nodesOf(tree)].some((node) => node["class"] === "STAR");
}

function hasOrderedCall(clauses: TreeNode): boolean {
  let isFound = false;
  ownCalls(clauses, (call) => {
    isFound = true;
    return call;
  });
  return isFound;
}

function withPlaces(clauses: TreeNode, place: string): Tree {
  return ownCalls(clauses, (call) => {
    const last = {
      type: "ORDER_DEFAULT",
      null_order: "ORDER_DEFAULT",
      expression: columnRef(place),
    };
    return {
      ...call,
      query_location: NO_LOCATION,
      order_bys: { ...(call["order_bys"] as TreeNode), orders: [...ordersOf(call), last] },
    };
  });
}

/** The query's own ordered aggregates replaced; those of its subqueries are theirs. */
function ownCalls(clauses: TreeNode, change: (call: TreeNode) => TreeNode): Tree {
  return replaceNodes(clauses, (node) => {
    if (node["class"] === "SUBQUERY") return node;
    const isOrdered =
      node["class"] === "FUNCTION" &&
      ORDERED.has(textIn(node, "function_name").toLowerCase()) &&
      ordersOf(node).length > 0 &&
      node["distinct"] !== true;
    return isOrdered ? change(node) : undefined;
  });
}

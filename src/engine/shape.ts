/**
 * Which execution of a query is right, read from its syntax tree alone. Nothing is guessed: what is not surely right
 * is refused with the reason and a way out.
 */

import type { Tree, TreeNode } from "../duckdb/syntax.ts";
import {
  type Catalog,
  ctesOf,
  groupKeysOf,
  hasGroupingSets,
  hasModifier,
  hasSubquery,
  isColumn,
  isGrouped,
  leavesOf,
  modifiersOf,
  outputNameOf,
  selectListOf,
  windowFunctionsOf,
} from "./syntax-facts.ts";
import { hasConstantSize, WINDOW_COLUMNS, type WindowCall, windowCallOf } from "./windows.ts";

export type Shape =
  | { readonly kind: "stateless"; readonly streams: readonly string[] }
  /** One level of GROUP BY over a stream or its windows; merges if all its aggregates do. */
  | {
      readonly kind: "aggregate";
      readonly stream: string;
      readonly window: WindowCall | undefined;
      /** Whether keeping the rows of open windows is right too. */
      readonly isWindowLocal: boolean;
    }
  /** Every row of the answer depends on the rows of one window only. */
  | { readonly kind: "window rows"; readonly stream: string; readonly window: WindowCall }
  | { readonly kind: "refused"; readonly reason: string; readonly remedy: string };

export function shapeOf(select: TreeNode, catalog: Catalog): Shape {
  const leaves = leavesOf(select, catalog);
  const [leaf] = leaves;
  if (leaf === undefined)
    return refused(
      "it reads no stream",
      "name a source or another query in its FROM, or put it under tables",
    );
  for (const { kind, stream, ...rest } of leaves) {
    if (!catalog.isStream(stream))
      return refused(`"${stream}" is no stream`, "give the window function a stream's name");
    const window = kind === "window" && "from" in rest ? windowCallOf(rest.from) : undefined;
    if (window?.kind === "session")
      return refused("session windows depend on rows still to come", "use tumble or hop in this version");
    if (window !== undefined && !hasConstantSize(window))
      return refused("its window's size differs from row to row", "give the window a constant INTERVAL");
  }
  const rowWise = whyNotRowWise(select, catalog, new Map());
  if (rowWise === undefined)
    return { kind: "stateless", streams: [...new Set(leaves.map(({ stream }) => stream))] };
  if (leaves.length > 1)
    return refused(
      `it reads streams in ${leaves.length} places, and ${rowWise}`,
      "read one stream once; join with static tables, or in a query of its own before this one",
    );
  const local = windowColumnsOf(select, catalog, new Map());
  const isLocal = typeof local !== "string";
  const window = leaf.kind === "window" ? windowCallOf(leaf.from) : undefined;
  if (isSimpleAggregate(select, catalog))
    return { kind: "aggregate", stream: leaf.stream, window, isWindowLocal: isLocal };
  if (isLocal && window !== undefined) return { kind: "window rows", stream: leaf.stream, window };
  return refused(isLocal ? rowWise : local, "group it by window_start of tumble(…) or hop(…)");
}

function refused(reason: string, remedy: string): Shape {
  return { kind: "refused", reason, remedy };
}

/** One SELECT over one stream, grouped, with nothing that needs more than its groups. */
function isSimpleAggregate(select: TreeNode, catalog: Catalog): boolean {
  if (select["type"] !== "SELECT_NODE" || ctesOf(select).size > 0) return false;
  const from = select["from_table"] as TreeNode;
  const isLeaf = windowCallOf(from) !== undefined || isStreamTable(from, catalog);
  return (
    isLeaf &&
    isGrouped(select, catalog) &&
    !hasGroupingSets(select) &&
    windowFunctionsOf(clauses(select)).length === 0 &&
    !hasSubquery(clauses(select)) &&
    select["qualify"] === null &&
    select["sample"] === null &&
    !selectListOf(select).some((item) => item["class"] === "STAR")
  );
}

function isStreamTable(from: TreeNode, catalog: Catalog): boolean {
  return from["type"] === "BASE_TABLE" && catalog.isStream(String(from["table_name"]));
}

function clauses(select: TreeNode): Tree {
  return [
    select["select_list"],
    select["where_clause"],
    select["having"],
    select["qualify"],
    modifiersOf(select),
  ] as Tree;
}

type Ctes = ReadonlyMap<string, TreeNode>;

/** Why a row of the answer would depend on more than one row of the stream; undefined if it does not. */
function whyNotRowWise(node: TreeNode, catalog: Catalog, outer: Ctes): string | undefined {
  const ctes: Ctes = new Map([...outer, ...ctesOf(node)]);
  if (hasModifier(node, "LIMIT")) return "LIMIT counts rows over all batches";
  if (hasModifier(node, "DISTINCT")) return "DISTINCT compares rows of all batches";
  if (node["type"] === "SET_OPERATION_NODE") {
    if (node["setop_type"] !== "UNION" || node["setop_all"] !== true)
      return "set operations compare rows of all batches";
    const sides = [node["left"], node["right"]] as readonly TreeNode[];
    for (const side of sides) {
      if (leavesOf(side, catalog).length === 0) return "one side of UNION ALL reads no stream";
      const reason = whyNotRowWise(side, catalog, ctes);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }
  if (node["type"] !== "SELECT_NODE") return "it is no plain SELECT";
  if (isGrouped(node, catalog)) return "aggregates need the rows of all batches";
  if (windowFunctionsOf(clauses(node)).length > 0) return "window functions need rows of all batches";
  if (node["sample"] !== null) return "a sample is drawn from all rows";
  if (leavesOf(clauses(node), catalog).length > 0) return "a subquery reads a stream";
  return whyNotRowWiseFrom(node["from_table"] as TreeNode, catalog, ctes);
}

function whyNotRowWiseFrom(from: TreeNode, catalog: Catalog, ctes: Ctes): string | undefined {
  if (windowCallOf(from) !== undefined || isStreamTable(from, catalog)) return undefined;
  switch (from["type"]) {
    case "BASE_TABLE": {
      const cte = ctes.get(String(from["table_name"]));
      return cte === undefined ? undefined : whyNotRowWise(cte, catalog, ctes);
    }
    case "SUBQUERY":
      return whyNotRowWise((from["subquery"] as TreeNode)["node"] as TreeNode, catalog, ctes);
    case "JOIN":
      return whyNotRowWiseJoin(from, catalog, ctes);
    default:
      return leavesOf(from, catalog).length === 0 ? undefined : "its FROM is none that can be split by rows";
  }
}

/** A join with a static table keeps rows apart if the stream's side is the preserved one. */
function whyNotRowWiseJoin(join: TreeNode, catalog: Catalog, ctes: Ctes): string | undefined {
  const left = join["left"] as TreeNode;
  const right = join["right"] as TreeNode;
  const reads = (side: TreeNode): boolean => readsStream(side, catalog, ctes);
  if (reads(left) && reads(right)) return "it joins two streams";
  const streamSide = reads(left) ? left : right;
  const type = String(join["join_type"]);
  if (String(join["ref_type"]) === "POSITIONAL") return "a positional join counts rows";
  const isPreserved =
    type === "INNER" ||
    (streamSide === left && ["LEFT", "SEMI", "ANTI"].includes(type)) ||
    (streamSide === right && type === "RIGHT");
  if (!isPreserved) return `a ${type} join gives rows for what the stream does not have`;
  return whyNotRowWiseFrom(streamSide, catalog, ctes);
}

function readsStream(tree: TreeNode, catalog: Catalog, ctes: Ctes): boolean {
  if (leavesOf(tree, catalog).length > 0) return true;
  const cte = tree["type"] === "BASE_TABLE" ? ctes.get(String(tree["table_name"])) : undefined;
  return cte !== undefined && readsStream(cte, catalog, ctes);
}

/**
 * The columns of a query's answer that hold its window, if every row of the answer depends on one window's rows only;
 * otherwise the reason why not.
 */
function windowColumnsOf(node: TreeNode, catalog: Catalog, outer: Ctes): ReadonlySet<string> | string {
  const ctes: Ctes = new Map([...outer, ...ctesOf(node)]);
  if (node["type"] !== "SELECT_NODE")
    return "set operations over windows are not known to stay within a window";
  if (hasModifier(node, "LIMIT")) return "LIMIT counts rows over all windows";
  if (node["sample"] !== null) return "a sample is drawn from all rows";
  if (leavesOf(clauses(node), catalog).length > 0) return "a subquery reads a stream";
  const from = node["from_table"] as TreeNode;
  const inner = windowColumnsOfFrom(from, catalog, ctes);
  if (typeof inner === "string") return inner;
  if (isGrouped(node, catalog)) {
    if (hasGroupingSets(node)) return "grouping sets give totals over all windows";
    if (!groupKeysOf(node, [...inner], catalog).some((key) => isColumn(key, inner)))
      return "it aggregates over all windows: no window column is among its groups";
  }
  for (const call of windowFunctionsOf(clauses(node))) {
    if (!(call["partitions"] as readonly TreeNode[]).some((partition) => isColumn(partition, inner)))
      return "a window function (OVER) is not partitioned by a window column";
  }
  const output = new Set<string>();
  for (const item of selectListOf(node)) {
    if (item["class"] === "STAR") for (const column of inner) output.add(column);
    else if (isColumn(item, inner)) output.add(outputNameOf(item) ?? "");
  }
  if (hasModifier(node, "DISTINCT") && output.size === 0) return "DISTINCT compares rows of all windows";
  return output;
}

function windowColumnsOfFrom(from: TreeNode, catalog: Catalog, ctes: Ctes): ReadonlySet<string> | string {
  if (windowCallOf(from) !== undefined) return new Set(WINDOW_COLUMNS);
  const cte = from["type"] === "BASE_TABLE" ? ctes.get(String(from["table_name"])) : undefined;
  if (cte !== undefined) return windowColumnsOf(cte, catalog, ctes);
  if (from["type"] === "SUBQUERY")
    return windowColumnsOf((from["subquery"] as TreeNode)["node"] as TreeNode, catalog, ctes);
  return isStreamTable(from, catalog)
    ? "its state would grow without bound: it is neither row by row nor grouped by windows"
    : "a join of windows is not known to stay within a window";
}

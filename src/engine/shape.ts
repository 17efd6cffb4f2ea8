/**
 * Which execution of a query is right, read from its syntax tree alone. Nothing is guessed: what is not
 * surely right is refused with the reason and a way out.
 */

import { nodesOf, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { meaningOf, type Origin, passedOn, withoutCtes } from "./lineage.ts";
import {
  type Catalog,
  ctesOf,
  groupKeysOf,
  hasGroupingSets,
  hasModifier,
  hasSubquery,
  isGrouped,
  leavesOf,
  modifiersOf,
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
      /** The window's columns in the answer, if keeping the rows of open windows is right too. */
      readonly local: WindowColumns | undefined;
    }
  /** Every row of the answer depends on the rows of one window only. */
  | {
      readonly kind: "window rows";
      readonly stream: string;
      readonly window: WindowCall;
      readonly local: WindowColumns;
    }
  | { readonly kind: "refused"; readonly reason: string; readonly remedy: string };

/** By the name of an output column, in lower case: which column of the window it is. */
export type WindowColumns = ReadonlyMap<string, "window_start" | "window_end">;

export function shapeOf(select: TreeNode, catalog: Catalog): Shape {
  const flat = withoutCtes(select);
  const leaves = leavesOf(flat, catalog);
  const [leaf] = leaves;
  if (leaf === undefined)
    return refused(
      "it reads no stream",
      "name a source or another query in its FROM, or put it under tables",
    );
  const unfit = whyUnfit(flat, catalog);
  if (unfit !== undefined) return unfit;
  for (const { kind, stream, ...rest } of leaves) {
    if (catalog.streamOf(stream) === undefined)
      return refused(`"${stream}" is no stream`, "give the window function a stream's name");
    const window = kind === "window" && "from" in rest ? windowCallOf(rest.from) : undefined;
    if (window?.kind === "session")
      return refused("session windows depend on rows still to come", "use tumble or hop in this version");
    if (window !== undefined && !hasConstantSize(window))
      return refused("its window's size differs from row to row", "give the window a constant INTERVAL");
  }
  const rowWise = whyNotRowWise(flat, catalog);
  if (rowWise === undefined)
    return { kind: "stateless", streams: [...new Set(leaves.map(({ stream }) => stream))] };
  if (leaves.length > 1)
    return refused(
      `it reads streams in ${leaves.length} places, and ${rowWise}`,
      "read one stream once; join with static tables, or in a query of its own before this one",
    );
  const local = windowColumnsOf(flat, catalog);
  const window = leaf.kind === "window" ? windowCallOf(leaf.from) : undefined;
  if (isSimpleAggregate(select, catalog))
    return {
      kind: "aggregate",
      stream: leaf.stream,
      window,
      local: typeof local === "string" ? undefined : local,
    };
  if (typeof local !== "string" && window !== undefined)
    return { kind: "window rows", stream: leaf.stream, window, local };
  if (leaf.kind === "window")
    return refused(
      typeof local === "string" ? local : rowWise,
      "group it by window_start of tumble(…) or hop(…)",
    );
  if (
    flat["type"] === "SELECT_NODE" &&
    isStreamTable(flat["from_table"] as TreeNode, catalog) &&
    isGrouped(flat, catalog)
  )
    return refused(
      "an aggregation with subqueries, OVER, QUALIFY, COLUMNS, new names or grouping sets needs all rows",
      "write it in two queries, or group it by window_start of tumble(…) or hop(…)",
    );
  return refused(rowWise, "group it by window_start of tumble(…) or hop(…)");
}

function refused(reason: string, remedy: string): Shape & { kind: "refused" } {
  return { kind: "refused", reason, remedy };
}

/** Table functions that read what is named in a string. */
const READ_BY_NAME: ReadonlySet<string> = new Set(["query", "query_table"]);

/** What no execution can take, wherever in the query it stands. */
function whyUnfit(select: TreeNode, catalog: Catalog): (Shape & { kind: "refused" }) | undefined {
  for (const node of nodesOf(select)) {
    const name = textIn(node, "function_name").toLowerCase();
    if (node["class"] === "FUNCTION" && READ_BY_NAME.has(name))
      return refused(`${name}() reads what only a text names`, "write its query out in FROM");
    if (node["class"] === "FUNCTION" && catalog.isVolatile(name))
      return refused(
        `${name}() gives another value each time, so a batch that is run again would not give the same rows`,
        "compute it from the record's own columns",
      );
    const [column, ...more] =
      node["class"] === "COLUMN_REF" ? (node["column_names"] as readonly string[]) : [];
    if (
      more.length === 0 &&
      /^(?:current_(?:date|time|timestamp)|local(?:time|timestamp))$/i.test(column ?? "")
    )
      return refused(
        `${column} is another one each time, so a batch that is run again would not give the same rows`,
        "use the event time",
      );
    if (node["class"] === "POSITIONAL_REFERENCE")
      return refused("#1, #2, … count columns that the engine may arrange otherwise", "name the column");
    if (isRelation(node) && (node["sample"] ?? null) !== null)
      return refused("a sample is drawn from all rows", "leave out TABLESAMPLE and USING SAMPLE");
  }
  return undefined;
}

function isRelation(node: TreeNode): boolean {
  return "sample" in node && "type" in node;
}

/** One SELECT over one stream, grouped, with nothing that needs more than its groups. */
function isSimpleAggregate(select: TreeNode, catalog: Catalog): boolean {
  if (select["type"] !== "SELECT_NODE" || ctesOf(select).size > 0) return false;
  const from = select["from_table"] as TreeNode;
  const isLeaf = windowCallOf(from) !== undefined || isStreamTable(from, catalog);
  return (
    isLeaf &&
    !renamesColumns(from) &&
    isGrouped(select, catalog) &&
    !hasGroupingSets(select) &&
    windowFunctionsOf(clauses(select)).length === 0 &&
    !hasSubquery(clauses(select)) &&
    select["qualify"] === null &&
    ![...nodesOf([select["select_list"], select["where_clause"], select["having"]] as Tree)].some(
      (node) => node["class"] === "STAR" || node["type"] === "GROUPING_FUNCTION",
    )
  );
}

function isStreamTable(from: TreeNode, catalog: Catalog): boolean {
  return from["type"] === "BASE_TABLE" && catalog.streamOf(textIn(from, "table_name")) !== undefined;
}

function renamesColumns(from: TreeNode): boolean {
  return ((from["column_name_alias"] as readonly string[] | null) ?? []).length > 0;
}

function clauses(select: TreeNode): Tree {
  return [
    select["select_list"],
    select["where_clause"],
    select["group_expressions"],
    select["having"],
    select["qualify"],
    modifiersOf(select),
  ] as Tree;
}

/** Why a row of the answer would depend on more than one row of the stream; undefined if it does not. */
function whyNotRowWise(node: TreeNode, catalog: Catalog): string | undefined {
  if (hasModifier(node, "LIMIT")) return "LIMIT counts rows over all batches";
  if (hasModifier(node, "DISTINCT")) return "DISTINCT compares rows of all batches";
  if (node["type"] === "SET_OPERATION_NODE") {
    if (node["setop_type"] !== "UNION" || node["setop_all"] !== true)
      return "set operations compare rows of all batches";
    const sides = [node["left"], node["right"]] as readonly TreeNode[];
    for (const side of sides) {
      if (leavesOf(side, catalog).length === 0) return "one side of UNION ALL reads no stream";
      const reason = whyNotRowWise(side, catalog);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }
  if (node["type"] !== "SELECT_NODE") return "it is no plain SELECT";
  if (isGrouped(node, catalog)) return "aggregates need the rows of all batches";
  if (windowFunctionsOf(clauses(node)).length > 0) return "window functions need rows of all batches";
  if (leavesOf(clauses(node), catalog).length > 0) return "a subquery reads a stream";
  return whyNotRowWiseFrom(node["from_table"] as TreeNode, catalog);
}

function whyNotRowWiseFrom(from: TreeNode, catalog: Catalog): string | undefined {
  if (windowCallOf(from) !== undefined || isStreamTable(from, catalog)) return undefined;
  switch (from["type"]) {
    case "SUBQUERY":
      return whyNotRowWise((from["subquery"] as TreeNode)["node"] as TreeNode, catalog);
    case "JOIN":
      return whyNotRowWiseJoin(from, catalog);
    default:
      return "its FROM is none that can be split by rows";
  }
}

/** A join with a static table keeps rows apart if the stream's side is the preserved one. */
function whyNotRowWiseJoin(join: TreeNode, catalog: Catalog): string | undefined {
  const left = join["left"] as TreeNode;
  const right = join["right"] as TreeNode;
  const reads = (tree: Tree): boolean => leavesOf(tree, catalog).length > 0;
  if (reads(left) && reads(right)) return "it joins two streams";
  if (reads(join["condition"] ?? null)) return "the condition of its join reads a stream";
  const streamSide = reads(left) ? left : right;
  const type = textIn(join, "join_type");
  if (textIn(join, "ref_type") === "POSITIONAL") return "a positional join counts rows";
  if (textIn(join, "ref_type") === "ASOF" && streamSide === right)
    return "an ASOF join looks for the nearest of all rows of the stream";
  const isPreserved =
    type === "INNER" ||
    (streamSide === left && ["LEFT", "SEMI", "ANTI"].includes(type)) ||
    (streamSide === right && type === "RIGHT");
  if (!isPreserved) return `a ${type} join gives rows for what the stream does not have`;
  return whyNotRowWiseFrom(streamSide, catalog);
}

/**
 * The columns of a query's answer that hold its window, if every row of the answer depends on one window's
 * rows only; otherwise the reason why not.
 */
function windowColumnsOf(node: TreeNode, catalog: Catalog): WindowColumns | string {
  if (node["type"] !== "SELECT_NODE")
    return "set operations over windows are not known to stay within a window";
  if (hasModifier(node, "LIMIT")) return "LIMIT counts rows over all windows";
  if (leavesOf(clauses(node), catalog).length > 0) return "a subquery reads a stream";
  const from = node["from_table"] as TreeNode;
  const columns = windowColumnsOfFrom(from, catalog);
  if (typeof columns === "string") return columns;
  const origin: Origin<"window_start" | "window_end"> = {
    relation: relationOf(from),
    columns,
    isFirst: true,
  };
  const isWindow = (expression: TreeNode): boolean => meaningOf(expression, origin) !== undefined;
  if (isGrouped(node, catalog)) {
    if (hasGroupingSets(node)) return "grouping sets give totals over all windows";
    if (!groupKeysOf(node, [...columns.keys()], catalog).some(isWindow))
      return "it aggregates over all windows: no window column is among its groups";
  }
  for (const call of windowFunctionsOf(clauses(node))) {
    if (!(call["partitions"] as readonly TreeNode[]).some(isWindow))
      return "a window function (OVER) is not partitioned by a window column";
  }
  const output = passedOn(node, origin);
  for (const modifier of modifiersOf(node)) {
    if (modifier["type"] !== "DISTINCT_MODIFIER") continue;
    const on = modifier["distinct_on_targets"] as readonly TreeNode[];
    if (on.length === 0 ? output.size === 0 : !on.some(isWindow))
      return "DISTINCT compares rows of all windows";
  }
  return output;
}

function windowColumnsOfFrom(from: TreeNode, catalog: Catalog): WindowColumns | string {
  if (renamesColumns(from)) return "the names after AS t(…) hide which column is the window's";
  if (windowCallOf(from) !== undefined)
    return new Map(WINDOW_COLUMNS.map((name) => [name, name as "window_start" | "window_end"]));
  if (from["type"] === "SUBQUERY")
    return windowColumnsOf((from["subquery"] as TreeNode)["node"] as TreeNode, catalog);
  return isStreamTable(from, catalog)
    ? "its state would grow without bound: it is neither row by row nor grouped by windows"
    : "a join of windows is not known to stay within a window";
}

/** The name that may stand before a FROM item's columns. */
export function relationOf(from: TreeNode): string {
  const alias = textIn(from, "alias");
  return alias !== "" ? alias : (windowCallOf(from)?.kind ?? textIn(from, "table_name"));
}

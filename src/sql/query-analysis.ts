/**
 * What can be said of a query from its syntax tree alone: what no execution can take, whether its rows come
 * from single rows, whether it is one aggregation. Nothing is guessed: what is not surely so counts as not.
 */

import { nodesOf, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { refuseFunctions } from "./functions/refuse.ts";
import { refusal, refuseForeign } from "./refusals.ts";
import type { StreamScan } from "./scan-numbering.ts";
import {
  type Catalog,
  clausesOf,
  ctesOf,
  hasGroupingSets,
  hasModifier,
  hasSubquery,
  isGrouped,
  scansOf,
  windowFunctionsOf,
} from "./syntax-facts.ts";
import { hasConstantOrigin, hasConstantSize, isOrigin, windowCallOf } from "./windows.ts";

/** Throws code `job` at what no execution can take, wherever in the query it stands. */
export function refuseUnfit(select: TreeNode, scans: readonly StreamScan[], catalog: Catalog): void {
  if (scans.length === 0)
    throw refusal("it reads no stream", "name a source or another query in its FROM, or put it under tables");
  for (const { stream, window, from } of scans) {
    if (catalog.streamOf(stream) === undefined)
      throw refusal(`"${stream}" is no stream`, "give the window function a stream's name");
    const given = ((from["function"] as TreeNode | undefined)?.["children"] ?? []) as readonly TreeNode[];
    if (given.some((parameter) => textIn(parameter, "alias") !== "" && !isOrigin(parameter)))
      throw refusal(
        "its window function has named parameters",
        "give them in their order, without names; only origin := … has one",
      );
    if (given.some((parameter) => ((parameter["column_names"] ?? []) as readonly string[]).length > 1))
      throw refusal(
        "its window function names a column with a dot",
        "name a column of the stream alone; give a field a name of its own in a query before this one",
      );
    if (window !== undefined && !hasConstantSize(window))
      throw refusal("its window's size differs from row to row", "give the window a constant INTERVAL");
    if (window !== undefined && !hasConstantOrigin(window))
      throw refusal("its window's origin differs from row to row", "give the window a constant TIMESTAMP");
  }
  refuseForeign(select, catalog);
  refuseFunctions(select);
  const ofArrays = new Set([...nodesOf(select)].flatMap(arrayReferences));
  for (const node of nodesOf(select)) {
    if (node["class"] === "POSITIONAL_REFERENCE" && !ofArrays.has(node))
      throw refusal("#1, #2, … count columns that the engine may arrange otherwise", "name the column");
    if (isRelation(node) && (node["sample"] ?? null) !== null)
      throw refusal("a sample is drawn from all rows", "leave out TABLESAMPLE and USING SAMPLE");
  }
}

/** What DuckDB writes for `ARRAY(SELECT …)`: `array_agg(#1)` over the subquery, `[]` where that is NULL. */
function arrayReferences(select: TreeNode): TreeNode[] {
  const [item, ...more] = (select["select_list"] ?? []) as readonly TreeNode[];
  const from = select["from_table"] as TreeNode | undefined;
  if (item?.["class"] !== "CASE" || more.length > 0 || from?.["type"] !== "SUBQUERY") return [];
  const calls = [...nodesOf(item)].filter((node) => textIn(node, "function_name") === "array_agg");
  return calls.flatMap((call) => call["children"] as readonly TreeNode[]);
}

function isRelation(node: TreeNode): boolean {
  return "sample" in node && "type" in node;
}

/** One SELECT over one stream, grouped, with nothing that needs more than its groups. */
export function isSimpleAggregate(select: TreeNode, catalog: Catalog): boolean {
  return (
    isGroupingOne(select, catalog) &&
    windowFunctionsOf(clausesOf(select)).length === 0 &&
    select["qualify"] === null
  );
}

/** The same, but it may have window functions over its groups. */
export function isGroupingOne(select: TreeNode, catalog: Catalog): boolean {
  if (select["type"] !== "SELECT_NODE" || ctesOf(select).size > 0) return false;
  const from = select["from_table"] as TreeNode;
  const isLeaf = windowCallOf(from) !== undefined || isStreamTable(from, catalog);
  return (
    isLeaf &&
    !renamesColumns(from) &&
    isGrouped(select, catalog) &&
    !hasGroupingSets(select) &&
    !hasSubquery(clausesOf(select)) &&
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

/**
 * Why a row of the answer would depend on more than one row of each place that reads a stream; undefined if
 * it does not. `joins`: whether streams may be joined with streams, or with static tables only.
 */
export function whyNotRowWise(
  node: TreeNode,
  catalog: Catalog,
  joins: "static" | "streams" = "static",
): string | undefined {
  if (hasModifier(node, "LIMIT")) return "LIMIT counts rows over all batches";
  if (hasModifier(node, "DISTINCT")) return "DISTINCT compares rows of all batches";
  if (node["type"] === "SET_OPERATION_NODE") {
    if (joins === "streams") return "a join of streams stands beside another query in a set operation";
    if (!/^UNION(?:_BY_NAME)?$/.test(textIn(node, "setop_type")) || node["setop_all"] !== true)
      return "set operations compare rows of all batches";
    const sides = [node["left"], node["right"]] as readonly TreeNode[];
    for (const side of sides) {
      if (scansOf(side, catalog).length === 0) return "one side of UNION ALL reads no stream";
      const reason = whyNotRowWise(side, catalog, joins);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }
  if (node["type"] !== "SELECT_NODE") return "it is no plain SELECT";
  if (isGrouped(node, catalog)) return "aggregates need the rows of all batches";
  if (windowFunctionsOf(clausesOf(node)).length > 0) return "window functions need rows of all batches";
  if (scansOf(clausesOf(node), catalog).length > 0) return "a subquery reads a stream";
  return whyNotRowWiseFrom(node["from_table"] as TreeNode, catalog, joins);
}

function whyNotRowWiseFrom(
  from: TreeNode,
  catalog: Catalog,
  joins: "static" | "streams",
): string | undefined {
  if (windowCallOf(from) !== undefined || isStreamTable(from, catalog)) return undefined;
  switch (from["type"]) {
    case "SUBQUERY":
      return whyNotRowWise((from["subquery"] as TreeNode)["node"] as TreeNode, catalog, joins);
    case "JOIN":
      return whyNotRowWiseJoin(from, catalog, joins);
    default:
      return "its FROM is none that can be split by rows";
  }
}

/** A join with a static table keeps rows apart if the stream's side is the preserved one. */
function whyNotRowWiseJoin(
  join: TreeNode,
  catalog: Catalog,
  joins: "static" | "streams",
): string | undefined {
  const left = join["left"] as TreeNode;
  const right = join["right"] as TreeNode;
  const reads = (tree: Tree): boolean => scansOf(tree, catalog).length > 0;
  if (reads(join["condition"] ?? null)) return "the condition of its join reads a stream";
  if (textIn(join, "ref_type") === "POSITIONAL") return "a positional join counts rows";
  if (reads(left) && reads(right)) {
    if (joins === "static") return "it joins streams, and nothing bounds how long rows must be kept";
    return whyNotRowWiseFrom(left, catalog, joins) ?? whyNotRowWiseFrom(right, catalog, joins);
  }
  const streamSide = reads(left) ? left : right;
  const type = textIn(join, "join_type");
  if (textIn(join, "ref_type") === "ASOF" && streamSide === right)
    return "an ASOF join looks for the nearest of all rows of the stream";
  const isPreserved =
    type === "INNER" ||
    (streamSide === left && ["LEFT", "SEMI", "ANTI"].includes(type)) ||
    (streamSide === right && type === "RIGHT");
  if (!isPreserved) return `a ${type} join gives rows for what the stream does not have`;
  return whyNotRowWiseFrom(streamSide, catalog, joins);
}

/** The name that may stand before a FROM item's columns. */
export function relationOf(from: TreeNode): string {
  const alias = textIn(from, "alias");
  return alias !== "" ? alias : (windowCallOf(from)?.kind ?? textIn(from, "table_name"));
}

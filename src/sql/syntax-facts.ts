/** Questions about a query's syntax tree that the planner asks. */

import { NO_LOCATION, nodesOf, sameExpression, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { makesRows } from "./functions/classes.ts";
import { nameOf, windowCallOf } from "./windows.ts";

export interface Catalog {
  /** The stream of that name as the job writes it; SQL doesn't care for upper and lower case. */
  streamOf(name: string): string | undefined;
  /** The same of a static table. */
  tableOf(name: string): string | undefined;
  isAggregate(functionName: string): boolean;
}

export type Scan =
  | { readonly kind: "table"; readonly stream: string }
  | { readonly kind: "window"; readonly stream: string; readonly from: TreeNode };

/** Every place in a query where a stream is read. */
export function scansOf(tree: Tree, catalog: Catalog): Scan[] {
  return [...nodesOf(tree)].flatMap((node): Scan[] => {
    const window = windowCallOf(node);
    if (window !== undefined)
      return [{ kind: "window", stream: catalog.streamOf(window.stream) ?? window.stream, from: node }];
    const table = node["type"] === "BASE_TABLE" ? textIn(node, "table_name") : "";
    const stream = table === "" ? undefined : catalog.streamOf(table);
    return stream === undefined ? [] : [{ kind: "table", stream }];
  });
}

/** The items of an aggregate's ORDER BY. */
export function ordersOf(call: TreeNode): readonly TreeNode[] {
  return ((call["order_bys"] as TreeNode | null)?.["orders"] ?? []) as readonly TreeNode[];
}

/** How an ORDER BY item orders, with DuckDB's defaults. */
export function directionOf(item: TreeNode): string {
  const direction = textIn(item, "type") === "DESCENDING" ? "DESC" : "ASC";
  return `${direction} NULLS ${textIn(item, "null_order") === "NULLS FIRST" ? "FIRST" : "LAST"}`;
}

/** Nodes of an expression, without going into subqueries. */
function* expressionNodes(tree: Tree): Generator<TreeNode> {
  if (Array.isArray(tree)) for (const item of tree as readonly Tree[]) yield* expressionNodes(item);
  else if (tree !== null && typeof tree === "object") {
    const node = tree as TreeNode;
    yield node;
    if (node["class"] !== "SUBQUERY") for (const value of Object.values(node)) yield* expressionNodes(value);
  }
}

export function isAggregateCall(node: TreeNode, catalog: Catalog): boolean {
  return node["class"] === "FUNCTION" && catalog.isAggregate(textIn(node, "function_name").toLowerCase());
}

function hasAggregate(tree: Tree, catalog: Catalog): boolean {
  return [...expressionNodes(tree)].some((node) => isAggregateCall(node, catalog));
}

/** Whether a row of what it selects from may give several rows, or none: `unnest` and its like. */
export function hasMadeRows(select: TreeNode): boolean {
  return [...expressionNodes(select["select_list"] ?? [])].some(
    (node) => node["class"] === "FUNCTION" && makesRows(textIn(node, "function_name").toLowerCase()),
  );
}

/** What has none is the same for every row. */
export function hasColumn(tree: Tree): boolean {
  return [...expressionNodes(tree)].some(
    (node) => node["class"] === "COLUMN_REF" || node["class"] === "STAR",
  );
}

export function windowFunctionsOf(tree: Tree): TreeNode[] {
  return [...expressionNodes(tree)].filter((node) => node["class"] === "WINDOW");
}

export function hasSubquery(tree: Tree): boolean {
  return [...nodesOf(tree)].some((node) => node["class"] === "SUBQUERY");
}

export function selectListOf(select: TreeNode): readonly TreeNode[] {
  return select["select_list"] as readonly TreeNode[];
}

export function modifiersOf(node: TreeNode): readonly TreeNode[] {
  return (node["modifiers"] as readonly TreeNode[] | null) ?? [];
}

export function hasModifier(node: TreeNode, type: "LIMIT" | "DISTINCT" | "ORDER"): boolean {
  return modifiersOf(node).some((modifier) => textIn(modifier, "type").startsWith(type));
}

export function isDistinctOn(node: TreeNode): boolean {
  return modifiersOf(node).some(
    (modifier) => ((modifier["distinct_on_targets"] ?? []) as readonly Tree[]).length > 0,
  );
}

/** What DISTINCT ON names, in resolved names: what is left of one part is an alias. */
export function targetsOf(distinct: TreeNode, select: TreeNode): readonly TreeNode[] {
  return ((distinct["distinct_on_targets"] ?? []) as readonly TreeNode[]).map((target) => {
    const [name, ...more] = (target["column_names"] ?? []) as readonly string[];
    if (target["class"] !== "COLUMN_REF" || more.length > 0 || name === undefined) return target;
    const item = selectListOf(select).find(
      (one) => textIn(one, "alias").toLowerCase() === name.toLowerCase(),
    );
    return item ?? target;
  });
}

export function ctesOf(node: TreeNode): ReadonlyMap<string, TreeNode> {
  const map = ((node["cte_map"] as TreeNode | null)?.["map"] as readonly TreeNode[] | null) ?? [];
  return new Map(
    map.map((entry) => {
      const query = (entry["value"] as TreeNode)["query"] as TreeNode;
      return [textIn(entry, "key"), query["node"] as TreeNode];
    }),
  );
}

/** Whether the query gives a row a group: it has aggregates, groups, or GROUP BY ALL. */
export function isGrouped(select: TreeNode, catalog: Catalog): boolean {
  return (
    (select["group_expressions"] as readonly unknown[]).length > 0 ||
    select["aggregate_handling"] === "FORCE_AGGREGATES" ||
    // `GROUP BY ()` has a set of no expressions.
    (select["group_sets"] as readonly unknown[]).length > 0 ||
    hasAggregate([select["select_list"], select["qualify"], modifiersOf(select)] as Tree, catalog) ||
    select["having"] !== null
  );
}

/** Other groups than one for each value of all expressions: ROLLUP, CUBE, GROUPING SETS. */
export function hasGroupingSets(select: TreeNode): boolean {
  const sets = select["group_sets"] as readonly (readonly unknown[])[];
  const count = (select["group_expressions"] as readonly unknown[]).length;
  return sets.length > 1 || sets.some((set) => set.length !== count);
}

/** Whether an expression, by its number, is in each grouping set: in others it is NULL. */
function isInAllSets(select: TreeNode): (expression: number) => boolean {
  const sets = select["group_sets"] as readonly (readonly unknown[])[];
  return (expression) => sets.every((set) => set.some((number) => Number(number) === expression));
}

/**
 * The expressions that the query groups by in each of its grouping sets, with `GROUP BY ALL` (which leaves
 * out constants), positions and aliases resolved as DuckDB does: a column of the input goes before an alias.
 */
export function groupKeysOf(select: TreeNode, inputColumns: readonly string[], catalog: Catalog): TreeNode[] {
  const list = selectListOf(select);
  if (select["aggregate_handling"] === "FORCE_AGGREGATES")
    return list.flatMap((item): readonly TreeNode[] => {
      if (hasAggregate(item, catalog) || !hasColumn(item)) return [];
      const given = item["class"] === "STAR" ? starOutputs(item) : undefined;
      return given === undefined ? [item] : given.map(({ expression }) => expression ?? item);
    });
  const grouped = (select["group_expressions"] as readonly TreeNode[]).filter((_, index) =>
    isInAllSets(select)(index),
  );
  return grouped.map((expression) => {
    if (expression["class"] === "CONSTANT") {
      const position = Number((expression["value"] as TreeNode)["value"]);
      return list[position - 1] ?? expression;
    }
    const parts =
      expression["class"] === "COLUMN_REF" ? (expression["column_names"] as readonly string[]) : [];
    const [only] = parts;
    if (parts.length !== 1 || only === undefined || includesName(inputColumns, only)) return expression;
    return list.find((item) => textIn(item, "alias").toLowerCase() === only.toLowerCase()) ?? expression;
  });
}

/** A column that a star gives: which column of FROM it is; without a relation one that USING merged. */
export interface StarColumn {
  readonly [key: string]: Tree;
  readonly name: string;
  /** Null where it is no column of FROM: what REPLACE puts in its place. */
  readonly relation: string | null;
  readonly column: string | null;
}

const STAR_COLUMNS = "_columns";

export function withStarColumns(star: TreeNode, columns: readonly StarColumn[]): TreeNode {
  return { ...star, [STAR_COLUMNS]: columns };
}

/**
 * What the columns of a SELECT are made of, one entry a column, in a tree with resolved names: an expression,
 * or undefined for what a star gives of no column. Undefined where a star does not tell.
 */
export function outputsOf(select: TreeNode): readonly Output[] | undefined {
  const outputs = selectListOf(select).map((item): readonly Output[] | undefined => {
    return item["class"] === "STAR" ? starOutputs(item) : [{ name: outputNameOf(item), expression: item }];
  });
  return outputs.every((output) => output !== undefined) ? outputs.flat() : undefined;
}

function starOutputs(star: TreeNode): readonly Output[] | undefined {
  const columns = star[STAR_COLUMNS] as readonly StarColumn[] | undefined;
  return columns?.map(({ name, relation, column }) => ({
    name,
    expression: column === null ? undefined : referenceTo(relation ?? "", column),
  }));
}

export interface Output {
  /** Undefined where DuckDB makes it up. */
  readonly name: string | undefined;
  readonly expression: TreeNode | undefined;
}

function referenceTo(relation: string, column: string): TreeNode {
  return {
    class: "COLUMN_REF",
    type: "COLUMN_REF",
    alias: "",
    query_location: NO_LOCATION,
    column_names: relation === "" ? [column] : [relation, column],
  };
}

/** The column of a SELECT's answer that holds an expression of it; both in resolved names. */
export function columnHolding(
  select: TreeNode,
  columns: readonly { readonly name: string }[],
  expression: TreeNode,
): string | undefined {
  const outputs = outputsOf(select);
  if (outputs === undefined || outputs.length !== columns.length) return undefined;
  const index = outputs.findIndex((output) => sameExpression(output.expression ?? {}, expression));
  return columns[index]?.name;
}

/** The name that DuckDB gives a select item, where it is a plain one. */
export function outputNameOf(item: TreeNode): string | undefined {
  const alias = textIn(item, "alias");
  return alias !== "" ? alias : item["class"] === "COLUMN_REF" ? nameOf(item) : undefined;
}

/** For columns without a relation's name before them. */
export function isColumn(node: TreeNode, names: Iterable<string>): boolean {
  return (
    node["class"] === "COLUMN_REF" &&
    (node["column_names"] as readonly string[]).length === 1 &&
    includesName([...names], nameOf(node) ?? "")
  );
}

export function includesName(names: readonly string[], name: string): boolean {
  return names.some((other) => other.toLowerCase() === name.toLowerCase());
}

/** The name as a column has it; SQL doesn't care for upper and lower case. */
export function nameAmong(columns: readonly { readonly name: string }[], name: string): string | undefined {
  return columns.find((column) => column.name.toLowerCase() === name.toLowerCase())?.name;
}

export function indexOfExpression(list: readonly TreeNode[], expression: TreeNode): number {
  return list.findIndex((item) => sameExpression(item, expression));
}

/** Everything of a SELECT but its FROM. */
export function clausesOf(select: TreeNode): Tree {
  return [
    select["select_list"],
    select["where_clause"],
    select["group_expressions"],
    select["having"],
    select["qualify"],
    modifiersOf(select),
  ] as Tree;
}

/**
 * A grouping query taken apart: what gives its groups, and what is said of them. Window functions and QUALIFY
 * of a grouping query see its groups as rows, so such a query is one over another that only groups.
 */

import type { Column, Database } from "../duckdb/database.ts";
import {
  NO_LOCATION,
  nodesOf,
  parseSelect,
  replaceNodes,
  sameExpression,
  type Tree,
  type TreeNode,
  textIn,
} from "../duckdb/syntax.ts";
import {
  type Catalog,
  clausesOf,
  hasSubquery,
  indexOfExpression,
  isAggregateCall,
  modifiersOf,
  selectListOf,
  windowFunctionsOf,
} from "./syntax-facts.ts";
import { nameOf } from "./windows.ts";

export interface Groups {
  readonly keys: readonly TreeNode[];
  readonly aggregates: readonly TreeNode[];
}

/** What the columns of keys and aggregates are called, before their number. */
export interface GroupNames {
  /** What stands before them; left out where nothing else can be called so. */
  readonly relation?: string;
  readonly key: string;
  readonly aggregate: string;
}

/** The different aggregates in some clauses, without their aliases. */
export function aggregateCallsOf(clauses: Tree, catalog: Catalog): readonly TreeNode[] {
  const found: TreeNode[] = [];
  replaceNodes(clauses, (node) => {
    if (!isAggregateCall(node, catalog)) return undefined;
    if (!found.some((known) => sameExpression(known, node))) found.push({ ...node, alias: "" });
    return node;
  });
  return found;
}

/** The expression with keys and aggregates as columns of the groups. */
export function rewriteOverGroups(tree: Tree, groups: Groups, catalog: Catalog, names: GroupNames): Tree {
  return replaceNodes(tree, (node) => {
    if (node["class"] === "LAMBDA") return lambdaOverGroups(node, groups, catalog, names);
    // A number is a position in ORDER BY, and everywhere else as good as the key that is the same number.
    const key = node["class"] === "CONSTANT" ? -1 : indexOfExpression(groups.keys, node);
    if (key >= 0) return qualified(columnRef(`${names.key}${key}`, textIn(node, "alias")), names);
    if (TAKES_NAMES.has(textIn(node, "function_name").toLowerCase()) && !isNamed(node))
      return rewriteOverGroups(withNames(node), groups, catalog, names);
    if (!isAggregateCall(node, catalog)) return undefined;
    const aggregate = indexOfExpression(groups.aggregates, node);
    return qualified(columnRef(`${names.aggregate}${aggregate}`, textIn(node, "alias")), names);
  });
}

/** Functions that call a field as the column is called that they are given. */
const TAKES_NAMES: ReadonlySet<string> = new Set([
  "struct_pack",
  "struct_insert",
  "struct_update",
  "union_value",
]);

function isNamed(call: TreeNode): boolean {
  return (call["children"] as readonly TreeNode[]).every(
    (child) => child["class"] !== "COLUMN_REF" || textIn(child, "alias") !== "",
  );
}

function withNames(call: TreeNode): TreeNode {
  const children = (call["children"] as readonly TreeNode[]).map((child) =>
    child["class"] === "COLUMN_REF" && textIn(child, "alias") === ""
      ? { ...child, alias: nameOf(child) ?? "" }
      : child,
  );
  return { ...call, children };
}

/** In a lambda, its parameters go before keys of their names. */
function lambdaOverGroups(lambda: TreeNode, groups: Groups, catalog: Catalog, names: GroupNames): TreeNode {
  const parameters = [...nodesOf(lambda["lhs"] ?? null)].filter(({ class: kind }) => kind === "COLUMN_REF");
  const isHidden = (key: TreeNode): boolean =>
    [...nodesOf(key)].some((node) => parameters.some((parameter) => sameExpression(parameter, node)));
  // What is no key holds the place of one, as a key is known by its number.
  const keys = groups.keys.map((key) => (isHidden(key) ? NO_KEY : key));
  return { ...lambda, expr: rewriteOverGroups(lambda["expr"] ?? null, { ...groups, keys }, catalog, names) };
}

const NO_KEY: TreeNode = { class: "NONE" };

function qualified(reference: TreeNode, { relation }: GroupNames): TreeNode {
  const names = reference["column_names"] as readonly string[];
  return relation === undefined ? reference : { ...reference, column_names: [relation, ...names] };
}

export function columnRef(name: string, alias = ""): TreeNode {
  return {
    class: "COLUMN_REF",
    type: "COLUMN_REF",
    alias,
    query_location: NO_LOCATION,
    column_names: [name],
  };
}

/** `SELECT * FROM (query)`: so that an aggregation is one of the places where the query reads. */
export async function asSubquery(database: Database, select: TreeNode): Promise<TreeNode> {
  const outer = await parseSelect(database, "SELECT * FROM (SELECT 1) AS groups");
  const from = outer["from_table"] as TreeNode;
  const subquery = { ...(from["subquery"] as TreeNode), node: select };
  return { ...outer, from_table: { ...from, subquery } };
}

const INNER: GroupNames = { key: "_key", aggregate: "_aggregate" };

/**
 * A query with window functions over its groups as a query over a subquery that groups; undefined where it
 * has none, or where they use more than the groups. `plain` is in plain names.
 */
export async function aroundGroups(
  database: Database,
  plain: TreeNode,
  keys: readonly TreeNode[],
  columns: readonly Column[],
  catalog: Catalog,
): Promise<TreeNode | undefined> {
  const clauses = [plain["select_list"], plain["qualify"], modifiersOf(plain)] as Tree;
  if (windowFunctionsOf(clauses).length === 0 || hasSubquery(clausesOf(plain))) return undefined;
  const groups = { keys, aggregates: aggregateCallsOf(clauses, catalog) };
  const rewrite = (tree: Tree): Tree => rewriteOverGroups(tree, groups, catalog, INNER);
  const list = selectListOf(plain).map((item, index) => ({
    ...(rewrite(item) as TreeNode),
    alias: columns[index]?.name ?? "",
  }));
  const qualify = rewrite(plain["qualify"] ?? null);
  const modifiers = rewrite(modifiersOf(plain));
  const isOfGroups = [...nodesOf([list, qualify, modifiers])].every(
    (node) =>
      node["class"] !== "STAR" &&
      (node["class"] !== "COLUMN_REF" || isOfGroup(node["column_names"] as readonly string[])),
  );
  if (!isOfGroups) return undefined;
  const inner = {
    ...plain,
    select_list: [
      ...keys.map((key, index) => ({ ...key, alias: `${INNER.key}${index}` })),
      ...groups.aggregates.map((call, index) => ({ ...call, alias: `${INNER.aggregate}${index}` })),
    ],
    group_expressions: keys.map((key) => ({ ...key, alias: "" })),
    qualify: null,
    modifiers: [],
  };
  return { ...(await asSubquery(database, inner)), select_list: list, qualify, modifiers };
}

function isOfGroup([name, ...more]: readonly string[]): boolean {
  return more.length === 0 && /^_(?:key|aggregate)\d+$/.test(name ?? "");
}

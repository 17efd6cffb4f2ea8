/**
 * What the names of a query mean, told by DuckDB's own binder. After this, a column of the query's FROM is
 * written `relation.column` wherever it stands, a field of a STRUCT has three parts or more, and what has one
 * part only is an alias, a whole row, or a column of a query around. So the planner may compare names: two
 * references are one column exactly if they are one text.
 *
 * What can't be told for sure stays as it is, and then means no column to anybody.
 */

import { type Database, DuckdbError } from "../duckdb/database.ts";
import { replaceNodes, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { openScope, type Scope, UNNAMED } from "./scope.ts";
import { clausesOf, modifiersOf, selectListOf, withStarColumns } from "./syntax-facts.ts";
import { windowCallOf } from "./windows.ts";

/** `query` is without CTEs. */
export async function withResolvedNames(database: Database, query: TreeNode): Promise<TreeNode> {
  return (await resolvedQueries(database, query)) as TreeNode;
}

/** Every query in a tree, each in its own scope. What stands around them stays. */
async function resolvedQueries(database: Database, tree: Tree): Promise<Tree> {
  if (Array.isArray(tree))
    return Promise.all((tree as readonly Tree[]).map((item) => resolvedQueries(database, item)));
  if (tree === null || typeof tree !== "object") return tree;
  const node = tree as TreeNode;
  if (node["type"] === "SELECT_NODE") return resolvedSelect(database, node);
  const entries: [string, Tree][] = [];
  for (const [key, value] of Object.entries(node))
    entries.push([key, await resolvedQueries(database, value)]);
  return Object.fromEntries(entries);
}

async function resolvedSelect(database: Database, written: TreeNode): Promise<TreeNode> {
  const select = (await withinParts(database, written)) as TreeNode;
  const from = namedItems(select["from_table"] as TreeNode);
  const references = ownReferences(clausesOf(select));
  const stars = selectListOf(select).filter((item) => item["class"] === "STAR");
  const scope = await scopeOf(database, from, references, stars);
  const resolved = (tree: Tree): Tree => inScope(tree, scope);
  const items = selectListOf(select).map((item) => {
    const columns = scope?.starColumns(item);
    return columns === undefined ? item : withStarColumns(item, columns);
  });
  return {
    ...select,
    from_table: await resolvedJoins(database, from),
    select_list: resolved(items),
    where_clause: resolved(select["where_clause"] ?? null),
    group_expressions: resolved(select["group_expressions"] ?? []),
    having: resolved(select["having"] ?? null),
    qualify: resolved(select["qualify"] ?? null),
    modifiers: modifiersOf(select).map((modifier) => resolvedModifier(modifier, select, resolved)),
  };
}

/** The query with the queries in its parts resolved. */
async function withinParts(database: Database, select: TreeNode): Promise<Tree> {
  const entries: [string, Tree][] = [];
  for (const [key, value] of Object.entries(select))
    entries.push([key, await resolvedQueries(database, value)]);
  return Object.fromEntries(entries);
}

/** In ORDER BY and DISTINCT ON, what is nothing but a name is an alias before it is a column. */
function resolvedModifier(modifier: TreeNode, select: TreeNode, resolved: (tree: Tree) => Tree): TreeNode {
  const aliases = new Set(selectListOf(select).map((item) => textIn(item, "alias").toLowerCase()));
  const unlessAlias = (expression: TreeNode): Tree => {
    const [name, ...more] = partsOf(expression);
    const isAlias = name !== undefined && more.length === 0 && aliases.has(name.toLowerCase());
    return isAlias ? expression : resolved(expression);
  };
  if (modifier["type"] === "ORDER_MODIFIER")
    return {
      ...modifier,
      orders: (modifier["orders"] as readonly TreeNode[]).map((order) => ({
        ...order,
        expression: unlessAlias(order["expression"] as TreeNode),
      })),
    };
  if (modifier["type"] === "DISTINCT_MODIFIER")
    return {
      ...modifier,
      distinct_on_targets: ((modifier["distinct_on_targets"] ?? []) as readonly TreeNode[]).map(unlessAlias),
    };
  return modifier;
}

/** A condition of a join sees what the join brings together, and nothing of what stands beside it. */
async function resolvedJoins(database: Database, from: TreeNode): Promise<TreeNode> {
  if (from["type"] !== "JOIN") return from;
  const condition = from["condition"] ?? null;
  const scope = await scopeOf(database, from, ownReferences(condition));
  return {
    ...from,
    left: await resolvedJoins(database, from["left"] as TreeNode),
    right: await resolvedJoins(database, from["right"] as TreeNode),
    condition: inScope(condition, scope),
  };
}

/** Undefined where DuckDB can't tell the columns of a FROM item by itself. */
async function scopeOf(
  database: Database,
  from: TreeNode,
  references: readonly TreeNode[],
  stars: readonly TreeNode[] = [],
): Promise<Scope | undefined> {
  if (from["type"] === "EMPTY" || references.length + stars.length === 0) return undefined;
  try {
    return await openScope(database, from, references.map(partsOf), stars);
  } catch (error) {
    if (error instanceof DuckdbError) return undefined;
    throw error;
  }
}

const UNNAMED_CALL = "_unnamed";

/** A window call that the user gave no name has none: no text of the user's can name it. */
export function asWritten(from: TreeNode): TreeNode {
  if (from[UNNAMED_CALL] !== true) return from;
  const { [UNNAMED_CALL]: _, ...call } = from;
  return { ...call, alias: "" };
}

/** Every FROM item with a name that may stand before its columns. */
function namedItems(from: TreeNode): TreeNode {
  let unnamed = 0;
  const named = (item: TreeNode): TreeNode => {
    if (item["type"] === "JOIN")
      return { ...item, left: named(item["left"] as TreeNode), right: named(item["right"] as TreeNode) };
    if (textIn(item, "alias") !== "") return item;
    const window = windowCallOf(item);
    if (window !== undefined) return { ...item, alias: window.kind, [UNNAMED_CALL]: true };
    if (item["type"] !== "SUBQUERY") return item;
    unnamed += 1;
    return { ...item, alias: unnamed === 1 ? UNNAMED : `${UNNAMED}${unnamed}` };
  };
  return named(from);
}

function inScope(tree: Tree, scope: Scope | undefined): Tree {
  if (scope === undefined) return tree;
  return replaceNodes(tree, (node) => {
    if (isClosed(node)) return node;
    if (node["class"] !== "COLUMN_REF") return undefined;
    const found = scope.columnOf(partsOf(node));
    if (found === undefined) return node;
    return { ...node, column_names: [found.relation, found.column, ...found.fields] };
  });
}

/** References of a query's own clauses. */
function ownReferences(tree: Tree): readonly TreeNode[] {
  const found: TreeNode[] = [];
  replaceNodes(tree, (node) => {
    if (isClosed(node)) return node;
    if (node["class"] === "COLUMN_REF") found.push(node);
    return undefined;
  });
  return found;
}

/** Queries have a scope of their own; in a lambda a name may be its parameter. */
function isClosed(node: TreeNode): boolean {
  return (
    node["class"] === "LAMBDA" || node["type"] === "SELECT_NODE" || node["type"] === "SET_OPERATION_NODE"
  );
}

function partsOf(node: TreeNode): readonly string[] {
  return node["class"] === "COLUMN_REF" ? (node["column_names"] as readonly string[]) : [];
}

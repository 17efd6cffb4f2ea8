/**
 * `on_error: null`: the query in which what fails for a row is NULL. A cast becomes TRY_CAST, and DuckDB's
 * TRY stands around every other expression of a row that may fail: items of select lists, arguments of
 * aggregates and window functions, and both sides of the comparisons in conditions. What a query groups by
 * (DuckDB 1.5 ends with an internal error) and what is computed of aggregates (it refuses that) has TRY_CAST
 * alone: rows and groups that fail there otherwise are dead letters.
 */

import { NO_LOCATION, nodesOf, replaceNodes, type Tree, type TreeNode, textIn } from "../../duckdb/syntax.ts";
import { type Catalog, isAggregateCall, isGrouped } from "../../sql/syntax-facts.ts";
import { isTryable } from "./probe.ts";

/** `names`: what the query's columns are called, which TRY must not change. */
export function withTry(select: TreeNode, catalog: Catalog, names: readonly string[]): TreeNode {
  const tried = queryWithTry(select, catalog);
  const list = (tried["select_list"] ?? []) as readonly TreeNode[];
  const isPlain = tried["type"] === "SELECT_NODE" && list.length === names.length;
  return isPlain
    ? { ...tried, select_list: list.map((item, index) => ({ ...item, alias: names[index] ?? "" })) }
    : tried;
}

interface Scope {
  readonly catalog: Catalog;
  /** Whether the expression is over groups: TRY stands in the arguments of aggregates alone. */
  readonly isOverGroups: boolean;
}

function queryWithTry(query: TreeNode, catalog: Catalog): TreeNode {
  const isOverGroups = query["type"] === "SELECT_NODE" && isGrouped(query, catalog);
  const ofRows = { catalog, isOverGroups: false };
  const ofAnswer = { catalog, isOverGroups };
  const changed: Record<string, Tree> = {};
  for (const [name, tree] of Object.entries(query)) {
    switch (name) {
      case "select_list":
      case "group_expressions":
      case "modifiers":
        changed[name] = valueWithTry(tree, ofAnswer);
        break;
      case "where_clause":
        changed[name] = conditionWithTry(tree, ofRows);
        break;
      case "having":
      case "qualify":
        changed[name] = conditionWithTry(tree, ofAnswer);
        break;
      default:
        changed[name] = relationsWithTry(tree, ofRows);
    }
  }
  return changed;
}

function isQuery(node: TreeNode): boolean {
  return "select_list" in node || "setop_type" in node;
}

/** FROM items, CTEs and the sides of set operations. */
function relationsWithTry(tree: Tree, scope: Scope): Tree {
  return replaceNodes(tree, (node) => {
    if (isQuery(node)) return queryWithTry(node, scope.catalog);
    if (node["type"] === "TABLE_FUNCTION") return node;
    if (node["type"] !== "JOIN") return undefined;
    return {
      ...node,
      left: relationsWithTry(node["left"] ?? null, scope),
      right: relationsWithTry(node["right"] ?? null, scope),
      condition: conditionWithTry(node["condition"] ?? null, scope),
    };
  });
}

function valueWithTry(tree: Tree, scope: Scope): Tree {
  const { catalog, isOverGroups } = scope;
  return replaceNodes(tree, (node) => {
    if (isQuery(node)) return queryWithTry(node, catalog);
    const kind = textIn(node, "class");
    if (kind === "LAMBDA" || node["type"] === "OPERATOR_TRY") return node;
    if (isAggregateCall(node, catalog))
      return {
        ...node,
        children: valueWithTry(node["children"] ?? [], { ...scope, isOverGroups: false }),
        filter: conditionWithTry(node["filter"] ?? null, { ...scope, isOverGroups: false }),
      };
    if (kind !== "" && !isOverGroups && isTryable(node, catalog) && mayFail(node))
      return tryOf(withTryCasts(node));
    return kind === "CAST"
      ? withTryCast({ ...node, child: valueWithTry(node["child"] ?? null, scope) })
      : undefined;
  });
}

/** Planning reads comparisons and what AND joins: these stay, and what they compare may be NULL. */
function conditionWithTry(tree: Tree, scope: Scope): Tree {
  return replaceNodes(tree, (node) => {
    if (textIn(node, "class") === "" || node["type"] === "OPERATOR_NOT") return undefined;
    if (!["CONJUNCTION", "COMPARISON", "BETWEEN"].includes(textIn(node, "class")))
      return valueWithTry(node, scope);
    return Object.fromEntries(
      Object.entries(node).map(([name, child]) => [
        name,
        typeof child === "object" ? conditionWithTry(child, scope) : child,
      ]),
    );
  });
}

/** Beside casts only functions fail, operators like + among them. */
function mayFail(node: TreeNode): boolean {
  return [...nodesOf(node)].some(({ class: kind }) => kind === "FUNCTION");
}

function withTryCasts(node: TreeNode): TreeNode {
  return replaceNodes(node, (inner) =>
    inner["class"] === "CAST"
      ? withTryCast({ ...inner, child: withTryCasts((inner["child"] ?? {}) as TreeNode) })
      : undefined,
  ) as TreeNode;
}

function withTryCast(cast: TreeNode): TreeNode {
  return { ...cast, try_cast: true };
}

function tryOf(node: TreeNode): TreeNode {
  return {
    class: "OPERATOR",
    type: "OPERATOR_TRY",
    alias: node["alias"] ?? "",
    query_location: NO_LOCATION,
    children: [{ ...node, alias: "" }],
  };
}

/**
 * What a name in a query stands for: CTEs put in their places, and columns followed through SELECTs
 * unchanged.
 */

import { replaceNodes, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { type Catalog, outputsOf } from "./syntax-facts.ts";
import { windowInside } from "./window-over-query.ts";
import { windowCallOf } from "./windows.ts";

/**
 * The query with each use of a CTE, also by a window function, replaced by the CTE's own query, so that a
 * table's name means a table.
 */
export function withoutCtes(select: TreeNode, catalog: Catalog): TreeNode {
  return inlined(select, new Map(), catalog) as TreeNode;
}

/** CTEs that can be seen, by their names in lower case, as FROM items. */
type Scope = ReadonlyMap<string, TreeNode>;

function inlined(tree: Tree, scope: Scope, catalog: Catalog): Tree {
  return replaceNodes(tree, (node) => {
    if (node["type"] === "BASE_TABLE") return scope.get(unqualifiedTable(node)) && useOf(node, scope);
    const windowed = scope.get(windowCallOf(node)?.stream.toLowerCase() ?? "");
    if (windowed !== undefined) return windowInside(node, windowed, catalog) ?? { ...node, [OF_WITH]: true };
    const entries = (node["cte_map"] as TreeNode | null | undefined)?.["map"] as
      | readonly TreeNode[]
      | undefined;
    if (entries === undefined || entries.length === 0) return undefined;
    const inner = new Map(scope);
    for (const entry of entries) {
      const { query, aliases } = entry["value"] as TreeNode;
      const name = textIn(entry, "key").toLowerCase();
      const visible = new Map(inner);
      visible.delete(name);
      const isRecursive = ((query as TreeNode)["node"] as TreeNode)["type"] === "RECURSIVE_CTE_NODE";
      inner.set(name, {
        type: "SUBQUERY",
        alias: textIn(entry, "key"),
        sample: null,
        subquery: inlined(query ?? null, isRecursive ? visible : inner, catalog),
        column_name_alias: aliases ?? [],
      });
    }
    return inlined({ ...node, cte_map: { map: [] } }, inner, catalog);
  });
}

const OF_WITH = "_with";

/** Whether a window call reads a query of WITH, whatever stream has the same name. */
export function readsWith(call: TreeNode): boolean {
  return call[OF_WITH] === true;
}

function unqualifiedTable(node: TreeNode): string {
  return node["schema_name"] === "" && node["catalog_name"] === ""
    ? textIn(node, "table_name").toLowerCase()
    : "";
}

function useOf(table: TreeNode, scope: Scope): TreeNode | undefined {
  const definition = scope.get(unqualifiedTable(table));
  if (definition === undefined) return undefined;
  const aliases = table["column_name_alias"] as readonly string[];
  return {
    ...definition,
    alias: table["alias"] === "" ? (definition["alias"] ?? "") : (table["alias"] ?? ""),
    sample: table["sample"] ?? null,
    column_name_alias: aliases.length > 0 ? aliases : (definition["column_name_alias"] ?? []),
  };
}

/** A column of a FROM clause that means something to us. Names are in lower case. */
export interface ColumnLineage<Meaning> {
  /** What stands before the column's name and the dot; empty where a join's USING makes one column of two. */
  readonly relation: string;
  readonly column: string;
  readonly meaning: Meaning;
}

/** What an expression, in resolved names, means if it is nothing but a column. */
export function meaningOf<Meaning>(
  node: TreeNode,
  lineages: readonly ColumnLineage<Meaning>[],
): Meaning | undefined {
  return lineageOf(node, lineages)?.meaning;
}

export function lineageOf<Meaning>(
  node: TreeNode,
  lineages: readonly ColumnLineage<Meaning>[],
): ColumnLineage<Meaning> | undefined {
  if (node["class"] !== "COLUMN_REF") return undefined;
  const parts = (node["column_names"] as readonly string[]).map((part) => part.toLowerCase());
  const [relation, column] = parts.length === 1 ? ["", parts[0]] : parts;
  if (parts.length > 2) return undefined;
  return lineages.find((lineage) => lineage.relation === relation && lineage.column === column);
}

/**
 * The same for the columns that a SELECT gives, where it passes them on unchanged, under whatever name. Of
 * two columns of one name the first has it.
 */
export function passedOn<Meaning>(
  select: TreeNode,
  lineages: readonly ColumnLineage<Meaning>[],
): ReadonlyMap<string, Meaning> {
  const found = new Map<string, Meaning>();
  const taken = new Set<string>();
  for (const { name, expression } of outputsOf(select) ?? []) {
    const own = name?.toLowerCase();
    if (own === undefined || taken.has(own)) continue;
    taken.add(own);
    const meaning = expression === undefined ? undefined : meaningOf(expression, lineages);
    if (meaning !== undefined) found.set(own, meaning);
  }
  return found;
}

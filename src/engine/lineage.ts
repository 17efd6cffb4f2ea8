/**
 * What a name in a query stands for: CTEs put in their places, and columns followed through SELECTs
 * unchanged.
 */

import { replaceNodes, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { outputNameOf, selectListOf } from "./syntax-facts.ts";
import { nameOf } from "./windows.ts";

/** The query with each use of a CTE replaced by the CTE's own query, so that a table's name means a table. */
export function withoutCtes(select: TreeNode): TreeNode {
  return inlined(select, new Map()) as TreeNode;
}

/** CTEs that can be seen, by their names in lower case, as FROM items. */
type Scope = ReadonlyMap<string, TreeNode>;

function inlined(tree: Tree, scope: Scope): Tree {
  return replaceNodes(tree, (node) => {
    if (node["type"] === "BASE_TABLE") return scope.get(unqualifiedTable(node)) && useOf(node, scope);
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
        subquery: inlined(query ?? null, isRecursive ? visible : inner),
        column_name_alias: aliases ?? [],
      });
    }
    return inlined({ ...node, cte_map: { map: [] } }, inner);
  });
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
export interface Carrier<Meaning> {
  /** What may stand before the column's name and the dot; empty where only the bare name means it. */
  readonly relation: string;
  readonly column: string;
  readonly meaning: Meaning;
  /** Whether `*` surely gives it: of two columns of one name, the first has it. */
  readonly isInStar: boolean;
}

/**
 * What an expression means if it is nothing but a column; a field of a STRUCT of the same name means nothing.
 */
export function meaningOf<Meaning>(
  node: TreeNode,
  carriers: readonly Carrier<Meaning>[],
): Meaning | undefined {
  return carrierOf(node, carriers)?.meaning;
}

function carrierOf<Meaning>(
  node: TreeNode,
  carriers: readonly Carrier<Meaning>[],
): Carrier<Meaning> | undefined {
  if (node["class"] !== "COLUMN_REF") return undefined;
  const parts = (node["column_names"] as readonly string[]).map((part) => part.toLowerCase());
  const column = (nameOf(node) ?? "").toLowerCase();
  if (parts.length > 2) return undefined;
  return carriers.find(
    (carrier) => carrier.column === column && (parts.length === 1 || parts[0] === carrier.relation),
  );
}

/**
 * The same for the columns that a SELECT gives, where it passes them on unchanged, under whatever name.
 * `isDistinct`: no two of its columns have one name, so none can hide another.
 */
export function passedOn<Meaning>(
  select: TreeNode,
  carriers: readonly Carrier<Meaning>[],
  isDistinct = false,
): ReadonlyMap<string, Meaning> {
  const found = new Map<string, Meaning>();
  const taken = new Set<string>();
  let isAfterStar = false;
  for (const item of selectListOf(select)) {
    if (item["class"] === "STAR") {
      // Of columns of one name the first has it: after another star that may be any.
      const isHidden = isAfterStar && !isDistinct;
      for (const carrier of isHidden ? [] : carriers)
        if (!taken.has(carrier.column) && isKept(item, carrier, isDistinct))
          found.set(carrier.column, carrier.meaning);
      isAfterStar = true;
      continue;
    }
    const name = (outputNameOf(item) ?? "").toLowerCase();
    if (taken.has(name) || found.has(name)) continue;
    taken.add(name);
    const meaning = meaningOf(item, carriers);
    // After `*` a new name may be that of a column that we don't know of.
    if (meaning !== undefined && (!isAfterStar || isDistinct)) found.set(name, meaning);
  }
  return found;
}

/** Whether `*` gives the column under its own name. */
function isKept(
  star: TreeNode,
  { relation, column, isInStar }: Carrier<unknown>,
  isDistinct: boolean,
): boolean {
  const of = textIn(star, "relation_name");
  if (of === "" ? !(isInStar || isDistinct) : of.toLowerCase() !== relation) return false;
  if (star["columns"] === true || star["expr"] !== null) return false;
  const lists = ["exclude_list", "replace_list", "rename_list", "qualified_exclude_list"];
  return !JSON.stringify(lists.map((list) => star[list]))
    .toLowerCase()
    .includes(`"${column}"`);
}

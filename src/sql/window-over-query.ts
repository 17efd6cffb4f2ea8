/**
 * Windows over a query of WITH. A query that only chooses rows and columns gives the same with the window
 * function inside of it: over the stream that it reads. Not so sessions, which end where rows are left out.
 */

import { NO_LOCATION, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { relationOf } from "./query-analysis.ts";
import {
  type Catalog,
  clausesOf,
  hasSubquery,
  includesName,
  isGrouped,
  modifiersOf,
  outputNameOf,
  selectListOf,
  windowFunctionsOf,
} from "./syntax-facts.ts";
import { WINDOW_COLUMNS, windowCallOf } from "./windows.ts";

/**
 * `call` reads `definition`, a subquery without CTEs. Undefined where the window function can't go into it.
 */
export function windowInside(call: TreeNode, definition: TreeNode, catalog: Catalog): TreeNode | undefined {
  const window = windowCallOf(call);
  if (window === undefined || window.kind === "session" || isRenamed(definition)) return undefined;
  const subquery = definition["subquery"] as TreeNode;
  const select = inside(subquery["node"] as TreeNode, call, window.timeColumn, catalog);
  if (select === undefined) return undefined;
  const alias = textIn(call, "alias");
  return {
    ...definition,
    alias: alias === "" ? window.kind : alias,
    sample: call["sample"] ?? null,
    subquery: { ...subquery, node: select },
    column_name_alias: call["column_name_alias"] ?? [],
  };
}

function inside(select: TreeNode, call: TreeNode, time: string, catalog: Catalog): TreeNode | undefined {
  if (select["type"] !== "SELECT_NODE" || !isChoiceOnly(select, catalog)) return undefined;
  const from = select["from_table"] as TreeNode;
  const inner = timeWithin(select, relationOf(from), time);
  const over = inner === undefined ? undefined : overWindow(from, call, inner, catalog);
  if (over === undefined) return undefined;
  const list = selectListOf(select).map((item) => (item["class"] === "STAR" ? withoutWindow(item) : item));
  return { ...select, from_table: over, select_list: [...list, ...WINDOW_COLUMNS.map(reference)] };
}

function overWindow(from: TreeNode, call: TreeNode, time: string, catalog: Catalog): TreeNode | undefined {
  if (isRenamed(from)) return undefined;
  if (from["type"] === "SUBQUERY") {
    const subquery = from["subquery"] as TreeNode;
    const node = inside(subquery["node"] as TreeNode, call, time, catalog);
    return node && { ...from, subquery: { ...subquery, node } };
  }
  const stream = textIn(from, "table_name");
  if (from["type"] !== "BASE_TABLE" || catalog.streamOf(stream) === undefined) return undefined;
  const called = call["function"] as TreeNode;
  const [, , ...parameters] = called["children"] as readonly TreeNode[];
  const children = [reference(stream), reference(time), ...parameters];
  return {
    ...call,
    alias: relationOf(from),
    sample: from["sample"] ?? null,
    column_name_alias: [],
    function: { ...called, children },
  };
}

function isChoiceOnly(select: TreeNode, catalog: Catalog): boolean {
  const clauses = clausesOf(select);
  return (
    modifiersOf(select).length === 0 &&
    (select["sample"] ?? null) === null &&
    select["qualify"] === null &&
    !isGrouped(select, catalog) &&
    !hasSubquery(clauses) &&
    windowFunctionsOf(clauses).length === 0
  );
}

/** What the time column is called below a SELECT that passes it on; undefined where that is not sure. */
function timeWithin(select: TreeNode, relation: string, time: string): string | undefined {
  const items = selectListOf(select);
  const names = items.map((item) => outputNameOf(item) ?? "");
  if (names.some((name) => includesName(WINDOW_COLUMNS, name))) return undefined;
  const stars = items.filter((item) => item["class"] === "STAR");
  const named = items.filter((_, index) => includesName([time], names[index] ?? ""));
  const [item] = named;
  if (stars.length === 1 && item === undefined) return stars.every(isWhole) ? time : undefined;
  const parts = (item?.["column_names"] ?? []) as readonly string[];
  if (stars.length > 0 || named.length > 1 || item?.["class"] !== "COLUMN_REF") return undefined;
  const isOwn = parts.length === 2 && includesName([relation], parts[0] ?? "");
  return parts.length === 1 || isOwn ? parts.at(-1) : undefined;
}

/** `*` with every column as it is. */
function isWhole(star: TreeNode): boolean {
  const lists = [
    star["exclude_list"],
    star["replace_list"],
    star["rename_list"],
    star["qualified_exclude_list"],
  ];
  return (
    star["columns"] !== true &&
    star["expr"] === null &&
    lists.every((list) => ((list ?? []) as readonly unknown[]).length === 0)
  );
}

/** The window's columns come last. */
function withoutWindow(star: TreeNode): TreeNode {
  return { ...star, exclude_list: [...(star["exclude_list"] as readonly string[]), ...WINDOW_COLUMNS] };
}

function isRenamed(from: TreeNode): boolean {
  return ((from["column_name_alias"] ?? []) as readonly string[]).length > 0;
}

function reference(name: string): TreeNode {
  return {
    class: "COLUMN_REF",
    type: "COLUMN_REF",
    alias: "",
    query_location: NO_LOCATION,
    column_names: [name],
  };
}

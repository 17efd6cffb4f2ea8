/**
 * The places where a query reads streams. Each gets a number that stays with it while the tree around it is
 * changed, so that one pass of a join can read the new rows in one place and the kept ones in another.
 */

import { NO_LOCATION, nodesOf, replaceNodes, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import type { Catalog } from "./syntax-facts.ts";
import { type WindowCall, windowCallOf } from "./windows.ts";

export interface StreamScan {
  readonly stream: string;
  readonly window: WindowCall | undefined;
  readonly from: TreeNode;
}

const MARK = "_leaf";

/** The tree with its leaves numbered, from `first`. A marked tree is no text yet: see `withRelations`. */
export function numberScans(
  tree: TreeNode,
  catalog: Catalog,
  first = 0,
): { tree: TreeNode; scans: StreamScan[] } {
  const scans: StreamScan[] = [];
  const mark = (stream: string, window: WindowCall | undefined, from: TreeNode): TreeNode => {
    scans.push({ stream, window, from });
    return { ...from, [MARK]: first + scans.length - 1 };
  };
  const marked = replaceNodes(tree, (node) => {
    if (scanNumberOf(node) !== undefined) return node;
    const window = windowCallOf(node);
    if (window !== undefined) return mark(catalog.streamOf(window.stream) ?? window.stream, window, node);
    const table = node["type"] === "BASE_TABLE" ? textIn(node, "table_name") : "";
    const stream = table === "" ? undefined : catalog.streamOf(table);
    return stream === undefined ? undefined : mark(stream, undefined, node);
  });
  return { tree: marked as TreeNode, scans };
}

/** The number of a marked FROM item. */
export function scanNumberOf(from: TreeNode): number | undefined {
  const index = from[MARK];
  return typeof index === "number" ? index : undefined;
}

export function scanNumbersOf(tree: Tree): number[] {
  return [...nodesOf(tree)].flatMap((node) => scanNumberOf(node) ?? []);
}

/** A marked item that stands for a whole FROM item: it keeps the item's name and the names of its columns. */
export function markedItem(from: TreeNode, index: number, relationName: string): TreeNode {
  return { ...tableItem(from, `_place_${index}`, relationName), [MARK]: index };
}

/** Each marked item replaced by a relation; the name that stands before its columns stays. */
export function withRelations(tree: Tree, relationOf: (scan: number) => string): TreeNode {
  return replaceNodes(tree, (node) => {
    const index = scanNumberOf(node);
    return index === undefined ? undefined : asRelation(node, relationOf(index));
  }) as TreeNode;
}

/** A FROM item replaced by a relation; the name that stands before its columns stays. */
export function asRelation(from: TreeNode, table: string): TreeNode {
  const alias = textIn(from, "alias");
  return tableItem(
    from,
    table,
    alias !== "" ? alias : (windowCallOf(from)?.kind ?? textIn(from, "table_name")),
  );
}

function tableItem(from: TreeNode, table: string, alias: string): TreeNode {
  return {
    type: "BASE_TABLE",
    alias,
    sample: null,
    query_location: NO_LOCATION,
    schema_name: "",
    table_name: table,
    column_name_alias: from["column_name_alias"] ?? [],
    catalog_name: "",
    at_clause: null,
  };
}

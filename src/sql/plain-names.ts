/**
 * One way of writing for every name of a query over one relation, so that equal expressions are found by
 * their trees.
 */

import { replaceNodes, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { relationOf } from "./query-analysis.ts";
import { asWritten } from "./resolved-names.ts";
import { modifiersOf, selectListOf } from "./syntax-facts.ts";
import { windowCallOf } from "./windows.ts";

/**
 * From resolved names: `t.price`, `price` and `PRICE` become the column's own name; the alias of a select
 * item becomes what it stands for. In ORDER BY, what is nothing but a name is an alias before it is a column.
 */
export function inPlainNames(select: TreeNode, columns: readonly string[]): TreeNode {
  const from = select["from_table"] as TreeNode;
  const relation = relationOf(from).toLowerCase();
  const isNamed = textIn(asWritten(from), "alias") !== "" || windowCallOf(from) === undefined;
  const items = selectListOf(select);
  const itemOf = (alias: string): TreeNode | undefined =>
    items.find((item) => item["alias"] !== "" && textIn(item, "alias").toLowerCase() === alias.toLowerCase());

  // Without the relation, `s.k` of a relation that is called `s` itself would be its column `k`.
  const ownParts = (parts: readonly string[]): readonly string[] => {
    const [before, name = "", ...fields] = parts;
    const isOwn = before?.toLowerCase() === relation && nameAmong(columns, name) !== undefined;
    const isHidden = isNamed && fields.length > 0 && name.toLowerCase() === relation;
    return isOwn && !isHidden ? parts.slice(1) : parts;
  };
  /** `within` are the aliases on the way here: one that names itself is no alias. */
  const plain = (tree: Tree, within: readonly string[]): Tree =>
    replaceNodes(tree, (node) => {
      if (node["class"] !== "COLUMN_REF") return undefined;
      const parts = node["column_names"] as readonly string[];
      const own = ownParts(parts);
      const [name = "", ...fields] = own;
      const column = own === parts && parts.length > 1 ? undefined : nameAmong(columns, name);
      const item = column === undefined && parts.length === 1 ? itemOf(name) : undefined;
      if (item !== undefined && !within.includes(name.toLowerCase())) return standIn(item, node, within);
      return { ...node, column_names: [column ?? name, ...fields] };
    });
  const standIn = (item: TreeNode, use: TreeNode, within: readonly string[]): TreeNode => ({
    ...(plain(item, [...within, textIn(item, "alias").toLowerCase()]) as TreeNode),
    alias: use["alias"] ?? "",
  });
  const ordered = (order: TreeNode): TreeNode => {
    const expression = order["expression"] as TreeNode;
    const [name, ...more] =
      expression["class"] === "COLUMN_REF" ? (expression["column_names"] as readonly string[]) : [];
    const item = name === undefined || more.length > 0 ? undefined : itemOf(name);
    return {
      ...order,
      expression: item === undefined ? plain(expression, []) : standIn(item, expression, []),
    };
  };
  return {
    ...select,
    from_table: asWritten(from),
    select_list: items.map((item) =>
      plain(item, item["alias"] === "" ? [] : [textIn(item, "alias").toLowerCase()]),
    ),
    where_clause: plain(select["where_clause"] ?? null, []),
    group_expressions: plain(select["group_expressions"] ?? [], []),
    having: plain(select["having"] ?? null, []),
    qualify: plain(select["qualify"] ?? null, []),
    modifiers: modifiersOf(select).map((modifier) =>
      modifier["type"] === "ORDER_MODIFIER"
        ? { ...modifier, orders: (modifier["orders"] as readonly TreeNode[]).map(ordered) }
        : (plain(modifier, []) as TreeNode),
    ),
  };
}

function nameAmong(columns: readonly string[], name: string): string | undefined {
  return columns.find((known) => known.toLowerCase() === name.toLowerCase());
}

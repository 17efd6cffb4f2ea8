/**
 * DuckDB's own syntax tree of a query, read and written without loss.
 *
 * There is no SQL parser of ours: `json_serialize_sql` gives the tree and `json_deserialize_sql` gives the
 * text back. Trap: the tree's JSON holds integers beyond 2^53 (every implicit `query_location`, and users'
 * BIGINT constants), which JSON.parse would silently round: it is read and written exactly. `query_location`
 * is dropped to its default: it only places error messages, and would make equal expressions differ.
 */

import { StreamkitError } from "../base/error.ts";
import { digitsOf, exactNumber, readExactJson, writeExactJson } from "../base/exact-json.ts";
import type { Database } from "./database.ts";
import { literal, raw, type Sql, sql } from "./sql.ts";

export type Tree = TreeNode | readonly Tree[] | string | number | boolean | null;
export interface TreeNode {
  readonly [key: string]: Tree;
}

export const NO_LOCATION = exactNumber("18446744073709551615");

/** JSON text to a tree. DuckDB writes infinite numbers as JSON has none. */
export function readTree(json: string): Tree {
  return readExactJson(json.replaceAll(/"value":(-?Infinity|NaN)\b/g, '"value":"$1"')) as Tree;
}

/** The reverse of `readTree`. */
export function writeTree(tree: Tree): string {
  return writeExactJson(tree);
}

/** A text that is no single SELECT. `offset` counts the characters before the place. */
export class SyntaxFault extends StreamkitError {
  readonly offset: number | undefined;

  constructor(message: string, offset: number | undefined) {
    super("job", message);
    this.offset = offset;
  }
}

/** The tree of a text with exactly one SELECT. Throws a SyntaxFault where it is none. */
export async function parseSelect(database: Database, text: string): Promise<TreeNode> {
  const row = await database.row(sql`SELECT json_serialize_sql(${literal(text)})::VARCHAR AS tree`);
  const root = readTree(String(row["tree"])) as TreeNode;
  if (root["error"] === true) throw faultOf(root, text);
  const statements = root["statements"] as readonly TreeNode[];
  const [statement] = statements;
  if (statement === undefined)
    throw new SyntaxFault("a query is one SELECT, and this holds no statement", undefined);
  if (statements.length > 1)
    throw new SyntaxFault(
      `a query is one SELECT, found ${statements.length} statements: make each a query of its own`,
      undefined,
    );
  const shown = (statement["node"] as TreeNode)["from_table"] as TreeNode | undefined;
  if (shown?.["type"] === "SHOW_REF") throw noSelect(text);
  return withTypedConstants(withoutLocations(statement["node"] as TreeNode)) as TreeNode;
}

function faultOf(root: TreeNode, text: string): SyntaxFault {
  if (root["error_type"] === "not implemented") return noSelect(text);
  const position = Number(root["position"]);
  return new SyntaxFault(
    textIn(root, "error_message"),
    Number.isInteger(position) ? characterAt(text, position) : undefined,
  );
}

const COMMENT_OR_SPACE = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/;

function noSelect(text: string): SyntaxFault {
  const start = COMMENT_OR_SPACE.exec(text)?.[0].length ?? 0;
  const [word = ""] = /^\w+/.exec(text.slice(start)) ?? [];
  const found = word.toUpperCase();
  const isPivot = /^(?:PIVOT|UNPIVOT|FROM|WITH|SELECT)$/.test(found) && /\bU?N?PIVOT\b/i.test(text);
  if (isPivot)
    return new SyntaxFault(
      "PIVOT takes its columns from the rows, which are others in each batch: list them, as in " +
        "PIVOT (sum(n) FOR k IN ('a', 'b')), or write an aggregate with FILTER for each",
      start,
    );
  const isSelect = /^(?:SELECT|WITH|FROM|VALUES)$/.test(found);
  return new SyntaxFault(
    isSelect
      ? "a query is one SELECT, found more statements after it"
      : `a query is one SELECT, found ${found}`,
    isSelect ? undefined : start,
  );
}

/** DuckDB counts bytes. */
function characterAt(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length;
}

/** The SQL text of a query's tree. */
export async function selectText(database: Database, node: TreeNode): Promise<Sql> {
  const tree = writeTree({ error: false, statements: [{ node, named_param_map: [] }] });
  const row = await database.row(sql`SELECT json_deserialize_sql(${literal(tree)}) AS text`);
  return raw(String(row["text"]).replace(/;\s*$/, ""));
}

/** The SQL text of one expression of a query. `select` is any query's tree: it lends its shape. */
export async function expressionText(
  database: Database,
  select: TreeNode,
  expression: TreeNode,
): Promise<Sql> {
  const text = await selectText(
    database,
    bareSelect(select, [{ ...expression, alias: "" }], { type: "EMPTY" }),
  );
  return raw(text.text.replace(/^SELECT /, ""));
}

/** The text `FROM … [WHERE …]` of a FROM item, with `select` lending its shape. */
export async function fromClause(
  database: Database,
  select: TreeNode,
  from: TreeNode,
  where: Tree = null,
): Promise<Sql> {
  const marker = {
    class: "COLUMN_REF",
    type: "COLUMN_REF",
    alias: "",
    query_location: NO_LOCATION,
    column_names: ["_"],
  };
  const text = await selectText(database, { ...bareSelect(select, [marker], from), where_clause: where });
  return raw(text.text.replace(/^SELECT _ /, ""));
}

/**
 * A query's tree reduced to its select list and FROM: no WHERE, groups, modifiers or CTEs. Of a set
 * operation, its first SELECT lends the shape.
 */
export function bareSelect(query: TreeNode, selectList: readonly TreeNode[], from: TreeNode): TreeNode {
  const select = [...nodesOf(query)].find((node) => node["type"] === "SELECT_NODE");
  return {
    ...select,
    modifiers: [],
    cte_map: { map: [] },
    select_list: selectList,
    from_table: { alias: "", sample: null, query_location: NO_LOCATION, column_name_alias: [], ...from },
    where_clause: null,
    group_expressions: [],
    group_sets: [],
    aggregate_handling: "STANDARD_HANDLING",
    having: null,
    sample: null,
    qualify: null,
  };
}

/** A text property of a node; empty where the node does not have it. */
export function textIn(node: TreeNode | undefined, key: string): string {
  const value = node?.[key];
  return typeof value === "string" ? value : "";
}

/** Every node of a tree, the root first, that is an object. */
export function* nodesOf(tree: Tree): Generator<TreeNode> {
  if (Array.isArray(tree)) {
    for (const item of tree as readonly Tree[]) yield* nodesOf(item);
  } else if (tree !== null && typeof tree === "object") {
    const node = tree as TreeNode;
    yield node;
    for (const value of Object.values(node)) yield* nodesOf(value);
  }
}

/**
 * The tree with each object node replaced by what `change` returns for it; `undefined` goes on into its
 * children.
 */
export function replaceNodes(tree: Tree, change: (node: TreeNode) => Tree | undefined): Tree {
  if (Array.isArray(tree)) return (tree as readonly Tree[]).map((item) => replaceNodes(item, change));
  if (tree === null || typeof tree !== "object") return tree;
  const changed = change(tree as TreeNode);
  if (changed !== undefined) return changed;
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, replaceNodes(value, change)]));
}

/** Equality of expressions: aliases aside. */
export function sameExpression(a: TreeNode, b: TreeNode): boolean {
  return writeTree({ ...a, alias: "" }) === writeTree({ ...b, alias: "" });
}

/**
 * A DOUBLE that is a constant (`1e3`) becomes a cast, as does a DECIMAL without digits after its point
 * (`2.`): as a constant DuckDB writes `1.5e0` as `1.5`, which is a DECIMAL, and takes no whole number of JSON
 * for a DOUBLE.
 */
function withTypedConstants(tree: Tree): Tree {
  return replaceNodes(tree, (node) => {
    const constant = node["class"] === "CONSTANT" ? (node["value"] as TreeNode) : undefined;
    const type = constant?.["type"] as TreeNode | undefined;
    if (constant === undefined || type === undefined || constant["is_null"] === true) return undefined;
    const child = { ...node, alias: "" };
    if (type["id"] === "DOUBLE") {
      const value = {
        ...constant,
        type: { id: "VARCHAR", type_info: null },
        value: doubleText(constant["value"]),
      };
      return castNode({ ...child, value }, type, textIn(node, "alias"));
    }
    const isWhole = type["id"] === "DECIMAL" && (type["type_info"] as TreeNode)["scale"] === 0;
    return isWhole ? castNode(child, type, textIn(node, "alias")) : undefined;
  });
}

function castNode(child: TreeNode, type: TreeNode, alias: string): TreeNode {
  const cast = { class: "CAST", type: "OPERATOR_CAST", alias, query_location: NO_LOCATION };
  return { ...cast, child, cast_type: type, try_cast: false };
}

/** Infinite ones are strings already. */
function doubleText(value: Tree | undefined): string {
  if (Object.is(value, -0)) return "-0.0";
  return digitsOf(value) ?? (typeof value === "string" ? value : "nan");
}

function withoutLocations(tree: Tree): Tree {
  return replaceNodes(tree, (node) =>
    "query_location" in node && node["query_location"] !== NO_LOCATION
      ? withoutLocations({ ...node, query_location: NO_LOCATION })
      : undefined,
  );
}

/**
 * DuckDB's macros put in place. An aggregate may be one (`geomean(x)` is `exp(avg(ln(x)))`), and so may a
 * function that reads the table whose name it is given: a plan is chosen by what they stand for. Macros whose
 * value comes from their own row alone stay as they are written.
 */

import type { Database } from "../../duckdb/database.ts";
import { sql } from "../../duckdb/sql.ts";
import {
  expressionText,
  NO_LOCATION,
  nodesOf,
  parseSelect,
  replaceNodes,
  type Tree,
  type TreeNode,
  textIn,
} from "../../duckdb/syntax.ts";
import { selectListOf } from "../syntax-facts.ts";
import { isMacro, isOfItsRow, isVolatile } from "./classes.ts";

interface Macro {
  readonly parameters: readonly string[];
  readonly isTable: boolean;
  /** An expression, or a query as a FROM item. */
  readonly body: TreeNode;
}

/** By name in lower case; of one name there may be several, with different numbers of parameters. */
type Macros = ReadonlyMap<string, readonly Macro[]>;

interface Expansion {
  readonly macros: Macros;
  /** What parameters have that are left out: DuckDB does not show it. */
  readonly defaults: ReadonlyMap<string, TreeNode>;
  /** What DuckDB calls select items that have no alias. */
  readonly names: ReadonlyMap<TreeNode, string>;
}

const SCHEMAS: ReadonlySet<string> = new Set(["main", "pg_catalog"]);

/** The query with `price.sum()` as `sum(price)`, and without macros that hide what they do. */
export async function withoutMacros(database: Database, select: TreeNode): Promise<TreeNode> {
  const plain = withoutMethods(select) as TreeNode;
  const macros = await hidingMacros(database, plain);
  if (macros.size === 0) return plain;
  const defaults = new Map<string, TreeNode>();
  for (const [parameter, text] of [
    ["bin_count", "10"],
    ["technique", "'auto'"],
  ] as const)
    defaults.set(parameter, await expressionOf(database, text));
  const names = new Map<TreeNode, string>();
  for (const node of nodesOf(plain))
    for (const item of (node["select_list"] ?? []) as readonly TreeNode[])
      if (textIn(item, "alias") === "" && [...nodesOf(item)].some((call) => macros.has(nameOfCall(call))))
        names.set(item, (await expressionText(database, plain, item)).text);
  return expanded(plain, { macros, defaults, names }) as TreeNode;
}

function nameOfCall(node: TreeNode): string {
  return node["class"] === "FUNCTION" ? textIn(node, "function_name").toLowerCase() : "";
}

/** The parser takes what stands before a dot for a schema. */
function withoutMethods(tree: Tree): Tree {
  return replaceNodes(tree, (node) => {
    const schema = textIn(node, "schema");
    if (node["class"] !== "FUNCTION" || schema === "" || SCHEMAS.has(schema.toLowerCase())) return undefined;
    const catalog = textIn(node, "catalog");
    const subject = {
      class: "COLUMN_REF",
      type: "COLUMN_REF",
      alias: "",
      query_location: NO_LOCATION,
      column_names: catalog === "" ? [schema] : [catalog, schema],
    };
    const children = (node["children"] ?? []) as readonly Tree[];
    return withoutMethods({ ...node, schema: "", catalog: "", children: [subject, ...children] });
  });
}

/** Of the macros that a query calls, those that aggregate, make rows or read a table; with what they call. */
async function hidingMacros(database: Database, select: TreeNode): Promise<Macros> {
  const macros = new Map<string, readonly Macro[]>();
  const isHiding = (name: string): boolean =>
    !isVolatile(name) && (macros.get(name) ?? []).some(({ body }) => hides(body));
  const hides = (body: TreeNode): boolean =>
    [...nodesOf(body)].some((node) => {
      const called = nameOfCall(node);
      return "subquery" in node || (/^[a-z]/.test(called) && (isHiding(called) || !isOfItsRow(called)));
    });
  const load = async (tree: Tree): Promise<void> => {
    const called = new Set([...nodesOf(tree)].map(nameOfCall));
    for (const name of called) {
      if (!isMacro(name) || macros.has(name)) continue;
      macros.set(name, []);
      const found = await macrosNamed(database, name);
      macros.set(name, found);
      for (const { body } of found) await load(body);
    }
  };
  await load(select);
  return new Map([...macros].filter(([name]) => isHiding(name)));
}

async function macrosNamed(database: Database, name: string): Promise<readonly Macro[]> {
  const rows = await database.rows(sql`
    SELECT array_to_string(parameters, ' ') AS parameters, macro_definition AS body,
      function_type = 'table_macro' AS is_table
    FROM duckdb_functions()
    WHERE internal AND lower(function_name) = ${name} AND macro_definition IS NOT NULL`);
  const macros: Macro[] = [];
  for (const row of rows) {
    const text = String(row["body"]);
    const isTable = row["is_table"] === true;
    const body = isTable ? await itemOf(database, text) : await expressionOf(database, text);
    const parameters = String(row["parameters"])
      .split(" ")
      .filter((name) => name !== "");
    macros.push({ parameters, isTable, body });
  }
  return macros;
}

async function expressionOf(database: Database, text: string): Promise<TreeNode> {
  return selectListOf(await parseSelect(database, `SELECT ${text}`))[0] as TreeNode;
}

async function itemOf(database: Database, text: string): Promise<TreeNode> {
  return (await parseSelect(database, `FROM (${text}) AS body`))["from_table"] as TreeNode;
}

function expanded(tree: Tree, expansion: Expansion): Tree {
  return replaceNodes(tree, (node) => {
    if (node["type"] === "TABLE_FUNCTION") return expandedItem(node, expansion);
    const body = expandedCall(node, expansion, false);
    const name = textIn(node, "alias") || (expansion.names.get(node) ?? "");
    if (body !== undefined) return { ...body, alias: name };
    if (!expansion.names.has(node)) return undefined;
    return { ...childrenExpanded(node, expansion), alias: name };
  });
}

function childrenExpanded(node: TreeNode, expansion: Expansion): TreeNode {
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, expanded(value, expansion)]));
}

/** `FROM histogram_values(ticks, price)` as a subquery over the table that is named. */
function expandedItem(from: TreeNode, expansion: Expansion): TreeNode | undefined {
  const call = from["function"] as TreeNode;
  const body = expandedCall(call, expansion, true);
  if (body === undefined) return undefined;
  const alias = textIn(from, "alias") || textIn(call, "function_name");
  const renamed = from["column_name_alias"] ?? [];
  const item = { ...body, alias, sample: from["sample"] ?? null, column_name_alias: renamed };
  return replaceNodes(item, (node) => tableNamed(node)) as TreeNode;
}

/** What a call stands for; undefined where it is no macro, or has not the arguments that one takes. */
function expandedCall(call: TreeNode, expansion: Expansion, inFrom: boolean): TreeNode | undefined {
  const given = (call["children"] ?? []) as readonly TreeNode[];
  for (const { parameters, isTable, body } of expansion.macros.get(nameOfCall(call)) ?? []) {
    if (isTable !== inFrom) continue;
    const args = new Map<string, TreeNode>();
    const positional = given.filter((argument) => !parameters.includes(textIn(argument, "alias")));
    for (const [index, parameter] of parameters.entries()) {
      const named = given.find((argument) => textIn(argument, "alias") === parameter);
      const argument = named ?? positional[index] ?? expansion.defaults.get(parameter);
      if (argument !== undefined) args.set(parameter, expanded(argument, expansion) as TreeNode);
    }
    if (args.size === parameters.length && given.length <= parameters.length)
      return expanded(withArguments(body, args), expansion) as TreeNode;
  }
  return undefined;
}

function withArguments(body: TreeNode, args: ReadonlyMap<string, TreeNode>): TreeNode {
  return replaceNodes(body, (node) => {
    if (node["class"] !== "COLUMN_REF") return undefined;
    const [name = "", ...more] = node["column_names"] as readonly string[];
    const argument = more.length === 0 ? args.get(name) : undefined;
    return argument === undefined ? undefined : { ...argument, alias: node["alias"] ?? "" };
  }) as TreeNode;
}

/** `query_table(ticks::VARCHAR)` as the table of that name. */
function tableNamed(node: TreeNode): TreeNode | undefined {
  const call = node["function"] as TreeNode | undefined;
  if (node["type"] !== "TABLE_FUNCTION" || nameOfCall(call ?? {}) !== "query_table") return undefined;
  const [argument] = (call?.["children"] ?? []) as readonly TreeNode[];
  const named = argument?.["class"] === "CAST" ? (argument["child"] as TreeNode) : undefined;
  const text = (named?.["value"] as TreeNode | undefined)?.["value"];
  const name = typeof text === "string" ? text : (named?.["column_names"] as readonly string[])?.at(-1);
  if (name === undefined) return undefined;
  return {
    type: "BASE_TABLE",
    alias: node["alias"] ?? "",
    sample: null,
    query_location: NO_LOCATION,
    schema_name: "",
    table_name: name,
    column_name_alias: node["column_name_alias"] ?? [],
    catalog_name: "",
    at_clause: null,
  };
}

/** Refusals that look at columns: what no execution can take, with the reason and a way out. */

import { StreamkitError } from "../base/error.ts";
import type { Column } from "../duckdb/database.ts";
import { nodesOf, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { hasUnnamedStruct } from "../duckdb/type-text.ts";
import type { OutputMode } from "../job/schema.ts";
import type { Stream } from "./stream.ts";
import { type Catalog, includesName } from "./syntax-facts.ts";
import { MACRO_COLUMNS } from "./window-macros.ts";
import { WINDOW_COLUMNS, type WindowCall } from "./windows.ts";

/** The first of two columns of one name has it: the window's own could not be named. */
export function refuseHiddenWindow(window: WindowCall | undefined, input: Stream): void {
  const added = [...WINDOW_COLUMNS, ...MACRO_COLUMNS];
  const hidden = input.columns.find(({ name }) => includesName(added, name))?.name;
  if (window !== undefined && hidden !== undefined)
    throw refusal(
      `${input.name} has a column "${hidden}" of its own, which hides the one that ${window.kind}(…) adds`,
      `give it another name in ${input.name} with AS`,
    );
}

/** A table's rowid counts from 0 in each batch. `select` is in resolved names. */
export function refuseRowid(select: TreeNode, inputs: readonly Stream[]): void {
  const isColumnOfInput = inputs.some(({ columns }) =>
    includesName(
      columns.map(({ name }) => name),
      "rowid",
    ),
  );
  if (isColumnOfInput) return;
  const isRowid = (node: TreeNode): boolean => {
    const parts = (node["column_names"] ?? []) as readonly string[];
    // With three parts it is a field of a STRUCT.
    return node["class"] === "COLUMN_REF" && parts.length < 3 && parts.at(-1)?.toLowerCase() === "rowid";
  };
  if ([...nodesOf(select)].some(isRowid))
    throw refusal("rowid counts the rows of a batch only", "use a column of the record");
}

/** Table functions that read what is no input of the job. */
const READS_FILES =
  /^(?:glob$|(?:read|sniff|parquet|json|csv|arrow|sqlite|postgres|mysql|iceberg|delta|st|duckdb|pragma)_)/;
/** Of those that begin so, these read their arguments. */
const READS_ARGUMENTS: ReadonlySet<string> = new Set(["json_each", "json_tree"]);
/** To DuckDB, a table that is called so is a file. */
const FILE_NAME = /[/\\:*?]|\.(?:csv|tsv|txt|json|jsonl|ndjson|parquet|gz|zst|bz2|db|duckdb)$/i;

/** A job's SQL is run as it is written. */
export function refuseParameters(select: TreeNode): void {
  for (const node of nodesOf(select)) {
    if (node["class"] !== "PARAMETER") continue;
    const name = textIn(node, "identifier");
    throw refusal(
      `it has the parameter $${name}, which nothing gives a value`,
      "write the value in its place",
    );
  }
}

/** Each step of a recursion reads what the one before gave: beside a stream it can only stand as it is. */
export function refuseRecursion(select: TreeNode): void {
  if ([...nodesOf(select)].some((node) => node["type"] === "RECURSIVE_CTE_NODE"))
    throw refusal(
      "WITH RECURSIVE goes over its own rows again and again, and the stream's rows are not all there",
      "give its steps their numbers with range(…) in FROM, or write each as a query over the one before",
    );
}

/** A file may differ from batch to batch, and is nobody's to read who only writes the SQL. */
export function refuseFiles(select: TreeNode): void {
  for (const node of nodesOf(select)) {
    const called = node["function"];
    const name =
      node["type"] === "TABLE_FUNCTION" && isNode(called)
        ? textIn(called, "function_name").toLowerCase()
        : undefined;
    const isReader = name !== undefined && READS_FILES.test(name) && !READS_ARGUMENTS.has(name);
    const table = node["type"] === "BASE_TABLE" ? textIn(node, "table_name") : "";
    if (isReader || FILE_NAME.test(table))
      throw refusal(
        `a query reads sources, tables and other queries: found ${isReader ? `${name}(…)` : `'${table}'`}`,
        "name the file in tables:, where it is read again when it changes",
      );
  }
}

/** What is in DuckDB's catalog and not in the job. */
export function refuseForeign(select: TreeNode, catalog: Catalog): void {
  const recursive = new Set([...nodesOf(select)].map((node) => textIn(node, "cte_name").toLowerCase()));
  for (const node of nodesOf(select)) {
    if (node["type"] === "SHOW_REF")
      throw refusal("DESCRIBE, SHOW and SUMMARIZE tell of tables as a whole", "select what you need of them");
    if (node["type"] !== "BASE_TABLE") continue;
    const [name, schema] = [textIn(node, "table_name"), textIn(node, "schema_name")];
    const isOwn =
      (isOfJob(name, catalog) && /^(?:main|temp)?$/i.test(schema)) || recursive.has(name.toLowerCase());
    const found = schema === "" ? name : `${schema}.${name}`;
    if (!isOwn)
      throw refusal(
        `a query reads sources, tables and other queries: found "${found}"`,
        "name what it reads under sources: or tables:",
      );
  }
}

function isNode(tree: TreeNode[string] | undefined): tree is TreeNode {
  return typeof tree === "object" && tree !== null && !Array.isArray(tree);
}

/** What a row of a changing answer is marked with, where it is written. */
const MARKS: readonly string[] = ["_op", "_batch"];

export function refuseDoubleNames(columns: readonly Column[], mode: OutputMode): void {
  const double = columns.find(
    ({ name }, index) =>
      columns.findIndex((other) => other.name.toLowerCase() === name.toLowerCase()) !== index,
  );
  if (double !== undefined)
    throw refusal(`two columns are called "${double.name}"`, "give one another name with AS");
  const marked = mode === "append" ? undefined : columns.find(({ name }) => includesName(MARKS, name));
  if (marked !== undefined)
    throw refusal(
      `its column "${marked.name}" has the name of what mode ${mode} writes beside each row`,
      "give it another name with AS",
    );
}

/** A table has none, and in JSON all its fields would be called alike. */
export function refuseUnnamedStructs(columns: readonly Column[]): void {
  const unnamed = columns.find(({ type }) => hasUnnamedStruct(type));
  if (unnamed === undefined) return;
  throw refusal(
    `its column "${unnamed.name}" holds values without names: ${unnamed.type}`,
    "name them, as in {'first': a, 'second': b} in place of (a, b), or select one of them",
  );
}

export function refusal(reason: string, remedy: string): StreamkitError {
  return new StreamkitError("job", `${reason}: ${remedy}`);
}

function isOfJob(name: string, catalog: Catalog): boolean {
  return catalog.streamOf(name) !== undefined || catalog.tableOf(name) !== undefined;
}

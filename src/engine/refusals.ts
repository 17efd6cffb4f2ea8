/** Refusals that look at columns: what no execution can take, with the reason and a way out. */

import { StreamkitError } from "../base/error.ts";
import type { Column } from "../duckdb/database.ts";
import { nodesOf, type TreeNode, textIn } from "../duckdb/syntax.ts";
import type { OutputMode } from "./outcome.ts";
import type { Stream } from "./stream.ts";
import { includesName } from "./syntax-facts.ts";
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

export function refusal(reason: string, remedy: string): StreamkitError {
  return new StreamkitError("job", `${reason}: ${remedy}`);
}

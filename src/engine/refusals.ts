/** Refusals that look at columns: what no execution can take, with the reason and a way out. */

import { StreamkitError } from "../base/error.ts";
import type { Column } from "../duckdb/database.ts";
import { nodesOf, type TreeNode } from "../duckdb/syntax.ts";
import type { Stream } from "./stream.ts";
import { includesName } from "./syntax-facts.ts";
import { nameOf, WINDOW_COLUMNS, type WindowCall } from "./windows.ts";

/** The first of two columns of one name has it: the window's own could not be named. */
export function refuseHiddenWindow(window: WindowCall | undefined, input: Stream): void {
  const hidden = input.columns.find(({ name }) => includesName(WINDOW_COLUMNS, name))?.name;
  if (window !== undefined && hidden !== undefined)
    throw refusal(
      `${input.name} has a column "${hidden}" of its own, which hides the one that ${window.kind}(…) adds`,
      `give it another name in ${input.name} with AS`,
    );
}

/** A table's rowid counts from 0 in each batch. */
export function refuseRowid(select: TreeNode, inputs: readonly Stream[]): void {
  const isColumnOfInput = inputs.some(({ columns }) =>
    includesName(
      columns.map(({ name }) => name),
      "rowid",
    ),
  );
  if (isColumnOfInput) return;
  if (
    [...nodesOf(select)].some(
      (node) => nameOf(node)?.toLowerCase() === "rowid" && node["class"] === "COLUMN_REF",
    )
  )
    throw refusal("rowid counts the rows of a batch only", "use a column of the record");
}

export function refuseDoubleNames(columns: readonly Column[]): void {
  const double = columns.find(
    ({ name }, index) =>
      columns.findIndex((other) => other.name.toLowerCase() === name.toLowerCase()) !== index,
  );
  if (double !== undefined)
    throw refusal(`two columns are called "${double.name}"`, "give one another name with AS");
  const reserved = columns.find(({ name }) => name.startsWith("_"));
  if (reserved !== undefined)
    throw refusal(`the column name "${reserved.name}" begins with _`, "give it another name with AS");
}

export function refusal(reason: string, remedy: string): StreamkitError {
  return new StreamkitError("job", `${reason}: ${remedy}`);
}

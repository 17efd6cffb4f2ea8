/** Where in a statement DuckDB found an error: it shows an excerpt of a line with a caret below it. */

import type { DuckdbError } from "./database.ts";

const EXCERPT = /\n\s*LINE (\d+): (.*)\n(\s*)\^/;

/** The offset in the error's statement; undefined where DuckDB does not tell. */
export function offsetOf({ message, statement }: DuckdbError): number | undefined {
  const match = EXCERPT.exec(message);
  if (match === null) return undefined;
  const [, number = "", shown = "", indentation = ""] = match;
  const lines = statement.split("\n");
  const line = lines[Number(number) - 1];
  const isCut = shown.startsWith("...");
  const at = line?.indexOf(shown.replace(/^\.\.\./, "").replace(/\.\.\.$/, "")) ?? -1;
  const column = indentation.length - `LINE ${number}: `.length - (isCut ? 3 : 0);
  if (at < 0 || column < 0) return undefined;
  const before = lines.slice(0, Number(number) - 1).reduce((sum, text) => sum + text.length + 1, 0);
  return before + at + column;
}

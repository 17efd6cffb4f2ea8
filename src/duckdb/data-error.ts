/** Errors that the values of rows cause: which ones these are, and what they say in one line. */

import { DuckdbError } from "./database.ts";
import { withoutStatement } from "./statement-excerpt.ts";

/**
 * Other errors (no memory, no disk, an interruption, a fault of ours or DuckDB's) are no row's fault. Whether
 * one of these is a row's fault is known when it is gone without the row: a query may also be wrong for all.
 */
const ABOUT_VALUES =
  /^(?:Conversion|Out of Range|Invalid Input|Not implemented|Syntax|Divide by Zero|Mismatch Type) Error: /;
/** The error of a result that is read in parts stands behind these words. */
const WRAPPED =
  /^Invalid Input Error: Attempting to execute an unsuccessful or closed pending query result\s*/;

/** DuckDB's errors call its integers by their size. */
const INTEGERS: Readonly<Record<string, string>> = {
  8: "TINYINT",
  16: "SMALLINT",
  32: "INTEGER",
  64: "BIGINT",
  128: "HUGEINT",
};

export function isAboutValues(error: unknown): error is DuckdbError {
  return error instanceof DuckdbError && ABOUT_VALUES.test(plain(error));
}

/** Without the statement, which is not the user's, and without names that are none of the user's. */
export function reasonOf(error: DuckdbError): string {
  return withoutStatement(plain(error).replace(ABOUT_VALUES, ""))
    .replace(/\n.*\n\s*\^\nError: /, ": ")
    .replace(/\s*Use "SET [\s\S]*$/, "")
    .replace(/ when casting from source column _\w+/g, "")
    .replaceAll(
      /\b(to|type) (U?)INT(8|16|32|64|128)\b/gi,
      (_all, word: string, sign: string, bits: string) => `${word} ${sign}${INTEGERS[bits] ?? ""}`,
    )
    .replaceAll(/\s*\n\s*/g, "; ")
    .trim();
}

function plain({ message }: DuckdbError): string {
  return message.replace(WRAPPED, "").replace(/^Error: /, "");
}

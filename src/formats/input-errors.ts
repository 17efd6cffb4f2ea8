/** Which of DuckDB's errors are about a line of the input, and what they say of it. */

import { messageOf } from "../base/error.ts";
import { type Database, DuckdbError, type Row } from "../duckdb/database.ts";
import type { Sql } from "../duckdb/sql.ts";

/** The last statement's row; undefined where a line of the input does not fit. */
export async function rowUnlessUnfit(database: Database, statements: Sql): Promise<Row | undefined> {
  const row = await rowOrFault(database, statements);
  return row instanceof DuckdbError ? undefined : row;
}

/** The same with what DuckDB says of that line. */
export async function rowOrFault(database: Database, statements: Sql): Promise<Row | DuckdbError> {
  try {
    return await database.row(statements);
  } catch (error) {
    if (error instanceof DuckdbError && isAboutInput(error)) return error;
    throw error;
  }
}

/**
 * Errors about the bytes start with these words; others (a wrong projection, no memory) are no fault of a
 * line.
 */
export function isAboutInput(error: DuckdbError): boolean {
  return /^(?:Invalid Input|Conversion|Out of Range|Invalid) Error/.test(error.message);
}

export function reasonOf(error: DuckdbError): string {
  const text = messageOf(error).replaceAll(/\s*in file "[^"]*"(?:, (?:at byte \d+ )?in line \d+)?/g, "");
  const csvReason =
    /^(?:Error when converting|Expected Number of Columns|Value with|Invalid unicode).*$/m.exec(text)?.[0];
  return (
    csvReason ??
    (text.split("\n")[0] ?? text).replace(/^(?:Invalid Input|Conversion|Out of Range) Error: /, "")
  );
}

/** Segments of rows: slices of files that hold no lines, as one table of records. */

import { StreamkitError } from "../base/error.ts";
import type { Sql } from "../duckdb/sql.ts";
import type { Format, RowSlice, Shape } from "./format.ts";

/** All of the rows fit, as their types do. */
export function rowsOfSlices(
  slices: readonly RowSlice[],
  { format, shape }: { readonly format: Format; readonly shape: Shape },
): Sql {
  const rows = format.readSlices?.(slices, shape);
  if (rows === undefined) throw new StreamkitError("bug", `Format ${format.name} reads no slices`);
  return rows;
}

export function rowsNoRecords(rows: number, records: number): StreamkitError {
  return new StreamkitError(
    "job",
    `select: makes ${rows} rows of ${records} records: ` +
      "it must make one of each, so that a row's line is known",
  );
}

/** Segments of rows: slices of files that hold no lines, as one table of records, and as dead letters. */

import { StreamkitError } from "../base/error.ts";
import type { Sql } from "../duckdb/sql.ts";
import type { Format, RowSlice, Shape } from "./format.ts";

/** A dead letter of a row. */
interface RowLetter {
  readonly origin: string;
  /** The row's number in its file, from 0. */
  readonly offset: number;
  readonly line: string;
  readonly reason: string;
  readonly lineNumber: number;
}

/** All of the rows fit, as their types do. */
export function rowsOfSlices(
  slices: readonly RowSlice[],
  { format, shape }: { readonly format: Format; readonly shape: Shape },
): Sql {
  const rows = format.readSlices?.(slices, shape);
  if (rows === undefined) throw new StreamkitError("bug", `Format ${format.name} reads no slices`);
  return rows;
}

export interface UnfitRows {
  /** How many there are in all. */
  readonly rows: number;
  readonly reasons: ReadonlyMap<number, string>;
  /** What to show of a row that is no line. */
  readonly texts: ReadonlyMap<number, string>;
}

/** Rows are counted as lines are: of each file, by their numbers in it. */
export function lettersOfSlices(
  slices: readonly RowSlice[],
  { rows, reasons, texts }: UnfitRows,
): RowLetter[] {
  const all = slices.reduce((sum, { from, to }) => sum + to - from, 0);
  if (all !== rows) throw rowsNoRecords(rows, all);
  return [...reasons].map(([number, reason]) => {
    let before = 0;
    const slice = slices.find(({ from, to }) => {
      if (number < before + to - from) return true;
      before += to - from;
      return false;
    });
    if (slice === undefined) throw new StreamkitError("bug", `No slice holds row ${number}`);
    const { origin, from } = slice;
    return {
      origin,
      offset: from + number - before,
      line: texts.get(number) ?? "",
      reason,
      lineNumber: number,
    };
  });
}

export function rowsNoRecords(rows: number, records: number): StreamkitError {
  return new StreamkitError(
    "job",
    `select: makes ${rows} rows of ${records} records: ` +
      "it must make one of each, so that a row's line is known",
  );
}

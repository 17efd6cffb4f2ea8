/** The formats that are read a second time, independently: from a line to the cells of its columns. */

import { type KeyedColumn, keyOf } from "../../formats/column-names.ts";
import { splitRecord } from "./csv-record.ts";
import { type Cell, NULL_CELL, scanJsonLine } from "./json-line.ts";
import type { LineRules } from "./segment-lines.ts";

export interface IndependentFormat extends LineRules {
  /** A cell for each column; undefined where the line is no record. */
  cells(line: string, columns: readonly KeyedColumn[], delimiter: string): readonly Cell[] | undefined;
}

const RETURN = 13;
const RETURNS = new Set([RETURN]);
const WHITE_SPACE = new Set([RETURN, 32, 9, 11, 12]);

export const independentFormats: Readonly<Record<string, IndependentFormat>> = {
  json: {
    blankBytes: WHITE_SPACE,
    dropsByteOrderMark: true,
    readsLatin1: false,
    takesReturns: true,
    cells(line, columns) {
      const found = scanJsonLine(line);
      if (found === undefined || columns.some((column) => found.twice.has(keyOf(column)))) return undefined;
      return columns.map((column) => found.record.get(keyOf(column)) ?? NULL_CELL);
    },
  },
  csv: {
    blankBytes: RETURNS,
    dropsByteOrderMark: true,
    readsLatin1: false,
    takesReturns: false,
    cells: (line, columns, delimiter) => splitRecord(line, delimiter, columns.length),
  },
  lines: {
    blankBytes: undefined,
    dropsByteOrderMark: false,
    readsLatin1: true,
    takesReturns: true,
    cells: (line) => [{ kind: "text", text: line }],
  },
};

/** Why a source of another format is not compared. */
export function whyNotCompared(format: string): string {
  return format === "parquet"
    ? "Parquet's values have types of their own: DuckDB alone reads them"
    : `no independent reader of format ${format} is there`;
}

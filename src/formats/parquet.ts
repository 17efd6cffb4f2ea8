/**
 * Parquet: rows and no lines, with columns and types of their own. DuckDB reads the row groups that a slice
 * needs and no others. A value is never changed on its way: a column may be read as a wider type than its
 * file has, and as no other.
 */

import { StreamkitError } from "../base/error.ts";
import type { Column } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { Format, RowSlice, Shape } from "./format.ts";

/** What DuckDB calls a row's number in its file. */
export const ROW_NUMBER = "file_row_number";

export const parquetFormat: Format = {
  name: "parquet",
  summary: "Parquet files: columns and types are the files' own",
  columnsInInput: true,
  columns: (shape) => shape.columns,
  fallibleColumns: [],
  read: () => {
    throw new StreamkitError("bug", "format parquet reads slices of files, and no lines");
  },
  readSlices: (slices, shape) =>
    join(
      slices.map((slice) => readSlice(slice, shape)),
      " UNION ALL ",
    ),
  mayJoinLines: false,
  blank: "record",
  dropsByteOrderMark: false,
  otherEncoding: "refuse",
};

/** Its own partition columns stand in a table's folders, and not in the file: they are not read. */
export function parquetFile(path: string): Sql {
  return sql`read_parquet(${path}, file_row_number = true, hive_partitioning = false)`;
}

function readSlice(slice: RowSlice, { columns }: Shape): Sql {
  const values = columns.map(({ name, type }) => {
    const own = ownColumn(slice, name);
    const value = own === undefined ? raw("NULL") : id(own.name);
    return sql`CAST(${value} AS ${raw(type)}) AS ${id(name)}`;
  });
  for (const column of columns) refuseOtherType(slice, column);
  const number = raw(ROW_NUMBER);
  return sql`SELECT ${join(values)} FROM ${parquetFile(slice.path)}
    WHERE ${number} >= ${slice.from} AND ${number} < ${slice.to}`;
}

function ownColumn({ columns }: Pick<RowSlice, "columns">, name: string): Column | undefined {
  return columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
}

/** Throws code `input` where the file's type of a column is one that does not fit. */
export function refuseOtherType(file: Pick<RowSlice, "origin" | "columns">, { name, type }: Column): void {
  const own = ownColumn(file, name);
  if (own === undefined || isWithin(own.type, type)) return;
  throw new StreamkitError(
    "input",
    `"${file.origin}": column "${name}" is ${own.type}, where ${type} is expected: give it one type in all ` +
      "files, or read the files by sources of their own",
  );
}

/** The columns of several files by name, in the order in which they are found; the wider type of each. */
export function unitedColumns(files: readonly Pick<RowSlice, "origin" | "columns">[]): readonly Column[] {
  const united = new Map<string, Column>();
  for (const { origin, columns } of files)
    for (const column of columns) {
      const key = column.name.toLowerCase();
      const known = united.get(key);
      if (known === undefined || isWithin(known.type, column.type))
        united.set(key, { name: known?.name ?? column.name, type: column.type });
      else refuseOtherType({ origin, columns: [column] }, known);
    }
  return [...united.values()];
}

/** By type, the types that hold each of its values as it is. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  TINYINT: ["SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE"],
  SMALLINT: ["INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE"],
  INTEGER: ["BIGINT", "HUGEINT", "DOUBLE"],
  BIGINT: ["HUGEINT"],
  UTINYINT: [
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "FLOAT",
    "DOUBLE",
  ],
  USMALLINT: ["UINTEGER", "UBIGINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE"],
  UINTEGER: ["UBIGINT", "BIGINT", "HUGEINT", "DOUBLE"],
  UBIGINT: ["HUGEINT"],
  FLOAT: ["DOUBLE"],
  DATE: ["TIMESTAMP"],
  TIMESTAMP_S: ["TIMESTAMP"],
  TIMESTAMP_MS: ["TIMESTAMP"],
};

/** How many digits integers have before the point, at most. */
const INTEGER_DIGITS: Readonly<Record<string, number>> = {
  TINYINT: 3,
  SMALLINT: 5,
  INTEGER: 10,
  BIGINT: 19,
  UTINYINT: 3,
  USMALLINT: 5,
  UINTEGER: 10,
  UBIGINT: 20,
};

function isWithin(narrow: string, wide: string): boolean {
  const [from, to] = [plainType(narrow), plainType(wide)];
  if (from === to || WIDER[from]?.includes(to) === true) return true;
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/;
  const [, width, scale] = decimal.exec(to) ?? [];
  if (width === undefined) return false;
  const [, ownWidth, ownScale] = decimal.exec(from) ?? [undefined, INTEGER_DIGITS[from], 0];
  if (ownWidth === undefined) return false;
  const digits = Number(ownWidth) - Number(ownScale);
  return Number(scale) >= Number(ownScale) && Number(width) - Number(scale) >= digits;
}

/** One name for each type, as a person may write others. An instant is read as its time in UTC. */
function plainType(type: string): string {
  const text = type
    .toUpperCase()
    .replaceAll(/\s*([(),])\s*/g, "$1")
    .trim();
  return SYNONYMS[text] ?? text;
}

const SYNONYMS: Readonly<Record<string, string>> = {
  INT: "INTEGER",
  INT1: "TINYINT",
  INT2: "SMALLINT",
  INT4: "INTEGER",
  INT8: "BIGINT",
  LONG: "BIGINT",
  SHORT: "SMALLINT",
  TEXT: "VARCHAR",
  STRING: "VARCHAR",
  REAL: "FLOAT",
  FLOAT4: "FLOAT",
  FLOAT8: "DOUBLE",
  BOOL: "BOOLEAN",
  BYTEA: "BLOB",
  DATETIME: "TIMESTAMP",
  TIMESTAMPTZ: "TIMESTAMP",
  "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
  "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP",
};

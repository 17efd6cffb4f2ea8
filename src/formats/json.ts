/**
 * JSON, one object a line. DuckDB's strict reader is the judge of what is JSON, `values/strict.ts` of what
 * fits a type.
 */

import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { id, join, literal, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import { type KeyedColumn, keyOf, unlikeKeys } from "./column-names.ts";
import type { Format, Shape, TakeUnfit } from "./format.ts";
import { linesOf } from "./lines.ts";
import { firstMisfit, misfitIn, strictValue, textShape } from "./values/columns.ts";
import { withQuotedNumbers } from "./values/json-numbers.ts";
import { exactJsonReader, needsOwnDigits, quickJsonReader } from "./values/json-reader.ts";
import { misshapenJson } from "./values/json-structure.ts";
import { misfitReason } from "./values/misfit.ts";
import type { ValueReader } from "./values/strict.ts";

/**
 * DuckDB's buffer is twice this a thread, so it bounds memory, and a file is read in parallel by such pieces.
 */
export const MAX_LINE_BYTES = 1_048_576;

/** Where the source has longer ones, it says so. */
export function lineLimit({ maxLineBytes }: Pick<Shape, "maxLineBytes">): number {
  return maxLineBytes ?? MAX_LINE_BYTES;
}

export const jsonFormat: Format = {
  name: "json",
  summary: "one JSON object a line",
  columnsInInput: true,
  columns: (shape) => shape.columns,
  read: (path, shape) => readJson(path, shape, quickJsonReader(shape.timezone), lineLimit(shape)),
  exact: {
    isNeeded: ({ columns }) => columns.some(({ type }) => needsOwnDigits(type)),
    bytes: (bytes, { columns }) => withQuotedNumbers(bytes, columns),
    // Quotes make a line longer, by less than as much again.
    read: (path, shape) => readJson(path, shape, exactJsonReader(shape.timezone), 2 * lineLimit(shape)),
  },
  findUnfit,
  isJson: true,
  mayJoinLines: false,
  blank: "white space",
  dropsByteOrderMark: true,
  otherEncoding: "refuse",
};

function readJson(path: string, { columns }: Shape, reader: ValueReader, maxLineBytes: number): Sql {
  if (columns.length === 0) throw new StreamkitError("bug", "format json needs its columns");
  const values = columns.map(
    (column) => sql`${strictValue(id(column.name), column, reader)} AS ${id(column.name)}`,
  );
  // Names that differ in case are one to DuckDB: the file is read once for each of them.
  const readers = unlikeKeys(columns).map((unlike) => {
    const types = stringStruct(unlike.map((column) => [keyOf(column), textShape(column.type, reader)]));
    const named = unlike.every((column) => column.name === keyOf(column))
      ? sql`*`
      : join(unlike.map((column) => sql`${id(keyOf(column))} AS ${id(column.name)}`));
    return sql`(SELECT ${named} FROM read_json(${path}, format = 'newline_delimited',
      records = true, columns = ${types}, maximum_object_size = ${maxLineBytes}))`;
  });
  return sql`SELECT ${join(values, ",\n")} FROM ${join(readers, " POSITIONAL JOIN ")}`;
}

/**
 * Text that is no JSON, and values that do not fit: the transform that gives NULL for what is of another
 * structure, over all columns at once. Structures inside of others are looked at one by one.
 */
function findUnfit(_database: Database, path: string, shape: Shape, take: TakeUnfit): Promise<number> {
  const reader = exactJsonReader(shape.timezone);
  const records = unlikeKeys(shape.columns).map((columns, index) => ({
    columns,
    name: `record_${index}`,
    structure: JSON.stringify(
      Object.fromEntries(columns.map((column) => [keyOf(column), textShape(column.type, reader)])),
    ),
  }));
  const read = (column: KeyedColumn): Sql => {
    const record = records.find(({ columns }) => columns.includes(column));
    return sql`${id(record?.name ?? "")}.${id(keyOf(column))}`;
  };
  const transformed = records.map(
    ({ name, structure }) =>
      sql`CASE WHEN json_valid(line) THEN json_transform(line, ${structure}) END AS ${id(name)}`,
  );
  const misfits = shape.columns.map((column) => {
    const place = literal(`$."${keyOf(column).replaceAll('"', '\\"')}"`);
    const isOther = sql`${read(column)} IS NULL AND json_type(line, ${place}) <> 'NULL'`;
    const misshapen = misshapenJson(sql`json_extract(line, ${place})`, column.type);
    return sql`CASE WHEN ${misshapen === undefined ? isOther : sql`(${isOther}) OR ${misshapen}`}
      THEN struct_pack(path := ${column.name}, type := ${column.type},
        text := CAST(json_extract(line, ${place}) AS VARCHAR))
      ELSE ${misfitIn(read(column), column, reader)} END`;
  });
  return take(sql`
    SELECT index, coalesce(fault, ${misfitReason("misfit")}) AS reason FROM (
      SELECT index, CASE WHEN NOT is_json THEN 'Malformed JSON'
          WHEN json_type(line) NOT IN ('OBJECT', 'NULL')
            THEN 'A JSON object is expected, found ' || json_type(line) END AS fault,
        CASE WHEN is_json THEN ${firstMisfit(misfits)} END AS misfit
      FROM (SELECT index, line, json_valid(line) AS is_json,
          ${transformed}
        FROM (${linesOf(path)})))
    WHERE fault IS NOT NULL OR misfit IS NOT NULL`);
}

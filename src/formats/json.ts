/**
 * JSON, one object a line. DuckDB's strict reader is the judge of what is JSON, `values/strict.ts` of what
 * fits a type.
 */

import { StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, join, literal, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import type { Format, Shape, UnfitLine } from "./format.ts";
import { linesOf } from "./lines.ts";
import { firstMisfit, misfitIn, strictValue, textShape } from "./values/columns.ts";
import { withQuotedNumbers } from "./values/json-numbers.ts";
import { exactJsonReader, needsOwnDigits, quickJsonReader } from "./values/json-reader.ts";
import { MISFIT_COLUMNS, reasonOfRow } from "./values/misfit.ts";
import type { ValueReader } from "./values/strict.ts";

/**
 * DuckDB's buffer is twice this a thread, so it bounds memory, and a file is read in parallel by such pieces.
 */
export const MAX_LINE_BYTES = 1_048_576;

export const jsonFormat: Format = {
  name: "json",
  summary: "one JSON object a line",
  columnsInInput: true,
  columns: (shape) => shape.columns,
  read: (path, shape) => readJson(path, shape, quickJsonReader(shape.timezone), MAX_LINE_BYTES),
  exact: {
    isNeeded: ({ columns }) => columns.some(({ type }) => needsOwnDigits(type)),
    bytes: (bytes, { columns }) => withQuotedNumbers(bytes, columns),
    // Quotes make a line longer, by less than as much again.
    read: (path, shape) => readJson(path, shape, exactJsonReader(shape.timezone), 2 * MAX_LINE_BYTES),
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
  const types = stringStruct(columns.map(({ name, type }) => [name, textShape(type, reader)]));
  const values = columns.map(
    (column) => sql`${strictValue(id(column.name), column, reader)} AS ${id(column.name)}`,
  );
  return sql`SELECT ${join(values, ",\n")} FROM read_json(${path}, format = 'newline_delimited',
    records = true, columns = ${types}, maximum_object_size = ${maxLineBytes})`;
}

/**
 * Text that is no JSON, and values that do not fit: the transform that gives NULL for what is of another
 * structure, over all columns at once. A structure inside of another one is left to the reader.
 */
async function findUnfit(database: Database, path: string, shape: Shape): Promise<UnfitLine[]> {
  const reader = exactJsonReader(shape.timezone);
  const read = (column: Column): Sql => sql`record.${id(column.name)}`;
  const transform = literal(
    JSON.stringify(
      Object.fromEntries(shape.columns.map(({ name, type }) => [name, textShape(type, reader)])),
    ),
  );
  const misfits = shape.columns.map((column) => {
    const place = literal(`$."${column.name.replaceAll('"', '\\"')}"`);
    return sql`CASE WHEN ${read(column)} IS NULL AND json_type(line, ${place}) <> 'NULL'
      THEN struct_pack(path := ${column.name}, type := ${column.type},
        text := CAST(json_extract(line, ${place}) AS VARCHAR))
      ELSE ${misfitIn(read(column), column, reader)} END`;
  });
  const rows = await database.rows(sql`
    SELECT index, fault, ${MISFIT_COLUMNS} FROM (
      SELECT index, CASE WHEN NOT is_json THEN 'Malformed JSON'
          WHEN record IS NULL AND json_type(line) NOT IN ('OBJECT', 'NULL')
            THEN 'A JSON object is expected, found ' || json_type(line) END AS fault,
        CASE WHEN is_json THEN ${firstMisfit(misfits)} END AS misfit
      FROM (SELECT index, line, json_valid(line) AS is_json,
          CASE WHEN json_valid(line) THEN json_transform(line, ${transform}) END AS record
        FROM (${linesOf(path)})))
    WHERE fault IS NOT NULL OR misfit IS NOT NULL`);
  return rows.map((row) => ({ index: Number(row["index"]), reason: reasonOfRow(row) }));
}

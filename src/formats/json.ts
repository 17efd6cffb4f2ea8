/** JSON, one object a line. DuckDB's strict reader is the judge. */

import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { id, join, literal, raw, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import type { Format, Shape, UnfitLine } from "./format.ts";
import { linesOf } from "./lines.ts";

/**
 * DuckDB's buffer is twice this a thread, so it bounds memory, and a file is read in parallel by such pieces.
 */
export const MAX_LINE_BYTES = 1_048_576;

export const jsonFormat: Format = {
  name: "json",
  summary: "one JSON object a line",
  columnsInInput: true,
  columns: (shape) => shape.columns,
  read: (path, shape) => {
    if (shape.columns.length === 0) throw new StreamkitError("bug", "format json needs its columns");
    const columns = stringStruct(shape.columns.map(({ name, type }) => [name, type]));
    return sql`SELECT * FROM read_json(${path}, format = 'newline_delimited', records = true,
      columns = ${columns}, maximum_object_size = ${MAX_LINE_BYTES})`;
  },
  findUnfit,
  mayJoinLines: false,
  blank: "white space",
  dropsByteOrderMark: true,
  otherEncoding: "refuse",
};

/**
 * Text that is no JSON, and values that do not cast: the transform that gives NULL for those, over all
 * columns at once, then a look at the NULLs alone. Nested types are left to the reader: there, a missing
 * inner key is no fault.
 */
async function findUnfit(database: Database, path: string, shape: Shape): Promise<UnfitLine[]> {
  const scalars = shape.columns.filter(
    ({ type }) => !/[[(]|^(?:STRUCT|MAP|JSON|UNION)\b/i.test(type.replace(/^DECIMAL\(.*\)$/i, "")),
  );
  const transform = literal(
    JSON.stringify(Object.fromEntries(scalars.map(({ name, type }) => [name, type]))),
  );
  const checks = scalars.map(({ name, type }) => {
    const path = literal(`$."${name.replaceAll('"', '\\"')}"`);
    return sql`WHEN record.${id(name)} IS NULL AND json_type(line, ${path}) <> 'NULL'
      THEN concat(${`"${name}" is no ${type}: `}, json_extract(line, ${path}))`;
  });
  const record =
    scalars.length === 0 ? raw("NULL") : sql`CASE WHEN is_json THEN json_transform(line, ${transform}) END`;
  const reason: Sql = sql`CASE WHEN NOT is_json THEN 'Malformed JSON'
    WHEN record IS NULL AND json_type(line) NOT IN ('OBJECT', 'NULL')
      THEN 'A JSON object is expected, found ' || json_type(line)
    ${join(checks, "\n")} END`;
  const rows = await database.rows(sql`SELECT index, ${reason} AS reason
    FROM (SELECT index, line, json_valid(line) AS is_json, ${record} AS record FROM (${linesOf(path)}))
    WHERE reason IS NOT NULL`);
  return rows.map((row) => ({ index: Number(row["index"]), reason: String(row["reason"]) }));
}

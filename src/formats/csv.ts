/** CSV, one record a line: a quoted value may hold the delimiter and doubled quotes, but no line feed. */

import { StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { raw, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import type { Format, Shape, UnfitLine } from "./format.ts";
import { MAX_LINE_BYTES } from "./json.ts";
import { linesOf } from "./lines.ts";

export const csvFormat: Format = {
  name: "csv",
  summary: "comma-separated values with a header line",
  columns: (shape) => columnsInFileOrder(shape),
  read: (path, shape) => readCsv(path, shape, raw("")),
  findUnfit,
  mayJoinLines: true,
  keepsEmptyLines: false,
  otherEncoding: "refuse",
};

function readCsv(path: string, shape: Shape, more: Sql): Sql {
  const columns = stringStruct(columnsInFileOrder(shape).map(({ name, type }) => [name, type]));
  return sql`SELECT * FROM read_csv(${path}, auto_detect = false, header = false, columns = ${columns},
    delim = ${shape.delimiter}, quote = '"', escape = '"', strict_mode = true,
    max_line_size = ${MAX_LINE_BYTES}${more})`;
}

/** The header's names decide the order; a column the schema names must be in the file, others are read as text. */
function columnsInFileOrder(shape: Shape): readonly Column[] {
  if (shape.header === undefined) return shape.columns;
  const typeOf = new Map(shape.columns.map(({ name, type }) => [name, type]));
  const missing = shape.columns.filter(({ name }) => !shape.header?.includes(name));
  if (missing.length > 0)
    throw new StreamkitError(
      "input",
      `The CSV header has no column "${missing[0]?.name}": found ${shape.header.join(", ")}`,
    );
  return shape.header.map((name) => ({ name, type: typeOf.get(name) ?? "VARCHAR" }));
}

/** Lines with an open quote, which would swallow their neighbours, then whatever DuckDB's reader rejects. */
async function findUnfit(database: Database, path: string, shape: Shape): Promise<UnfitLine[]> {
  const open = await database.rows(
    sql`SELECT index FROM (${raw(linesOf(path).text)}) WHERE (length(line) - length(replace(line, '"', ''))) % 2 = 1`,
  );
  if (open.length > 0)
    return open.map((row) => ({ index: Number(row["index"]), reason: "A quote is not closed" }));
  await database.run(sql`CREATE OR REPLACE TEMP TABLE _csv_scan AS
    SELECT count(*) AS rows FROM (${readCsv(path, shape, raw(", store_rejects = true, rejects_table = '_csv_rejects', rejects_scan = '_csv_scans'"))})`);
  const rows = await database.rows(
    sql`SELECT line, min(error_message) AS reason FROM _csv_rejects GROUP BY line`,
  );
  await database.run(sql`DROP TABLE _csv_rejects; DROP TABLE _csv_scans; DROP TABLE _csv_scan`);
  return rows.map((row) => ({ index: Number(row["line"]) - 1, reason: mainSentence(String(row["reason"])) }));
}

/** DuckDB's message names the file's line first and ends with advice: the sentence between says what is wrong. */
function mainSentence(text: string): string {
  const lines = text.split("\n").filter((line) => !/^(?:CSV Error on Line|Original Line)/.test(line));
  return lines[0] ?? text;
}

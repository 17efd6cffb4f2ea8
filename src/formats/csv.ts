/**
 * CSV, one record a line: a quoted value may hold the delimiter and doubled quotes. Line ends in it stand as
 * `quoted-feeds.ts` writes them.
 */

import { StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import type { Format, Shape, UnfitLine } from "./format.ts";
import { MAX_LINE_BYTES } from "./json.ts";
import { BYTE_ORDER_MARK, hasLoneReturn, linesOf } from "./lines.ts";
import { standInsReplaced } from "./stand-ins.ts";

export const csvFormat: Format = {
  name: "csv",
  summary: "comma-separated values with a header line",
  columnsInInput: true,
  columns: (shape) => columnsInFileOrder(shape),
  read: (path, shape) => withLineEnds(readCsv(path, shapeInFileOrder(shape)), shape),
  findUnfit,
  mayJoinLines: true,
  blank: "empty",
  dropsByteOrderMark: true,
  // The reader drops the mark at the start of a file only.
  plain: (bytes) => (bytes.includes(BYTE_ORDER_MARK) || hasLoneReturn(bytes) ? undefined : bytes),
  otherEncoding: "refuse",
};

function readCsv(
  path: string,
  { columns, delimiter }: Pick<Shape, "columns" | "delimiter">,
  more = raw(""),
): Sql {
  const types = stringStruct(columns.map(({ name, type }) => [name, type]));
  return sql`SELECT * FROM read_csv(${path}, auto_detect = false, header = false, columns = ${types},
    delim = ${delimiter}, quote = '"', escape = '"', strict_mode = true,
    max_line_size = ${MAX_LINE_BYTES}${more})`;
}

/** Only text can hold line ends, and JSON, which is read as text first. */
function shapeInFileOrder(shape: Shape): Shape {
  const columns = columnsInFileOrder(shape);
  if (shape.standIns === undefined) return { ...shape, columns };
  return {
    ...shape,
    columns: columns.map(({ name, type }) => ({ name, type: isJson(type) ? "VARCHAR" : type })),
  };
}

function withLineEnds(records: Sql, shape: Shape): Sql {
  const { standIns } = shape;
  if (standIns === undefined) return records;
  const values = columnsInFileOrder(shape).map(({ name, type }) => {
    if (isJson(type)) return sql`${standInsReplaced(id(name), standIns)}::JSON AS ${id(name)}`;
    return isText(type) ? sql`${standInsReplaced(id(name), standIns)} AS ${id(name)}` : id(name);
  });
  return sql`SELECT ${values} FROM (${records})`;
}

function isText(type: string): boolean {
  return /^(?:VARCHAR|TEXT|STRING|CHAR|BPCHAR)\b/i.test(type);
}

function isJson(type: string): boolean {
  return /^JSON$/i.test(type);
}

/**
 * The header's names decide the order; a column the schema names must be in the file, others are read as
 * text.
 */
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

/**
 * Whole values, then one that begins with a quote and does not end. A quote inside of a value is only a
 * quote; but the reader passes over one space before a value's first quote, and takes up again a quoted value
 * behind which there are spaces and a quote.
 */
function openQuote(delimiter: string): string {
  const comma = `\\x{${(delimiter.codePointAt(0) ?? 0).toString(16)}}`;
  const [space, spaces, afterSpace] =
    delimiter === " " ? ["", "", ""] : [" ?", " *", `| (?:[^"${comma}][^${comma}]*)?`];
  const whole = `[^" ${comma}][^${comma}]*${afterSpace}|${space}(?:"[^"]*"${spaces})+`;
  return `^(?:(?:${whole})?${comma})*${space}(?:"[^"]*"${spaces})*"[^"]*$`;
}

/** Lines with an open quote, which would swallow their neighbours, then whatever DuckDB's reader rejects. */
async function findUnfit(database: Database, path: string, shape: Shape): Promise<UnfitLine[]> {
  const open = await database.rows(
    sql`SELECT index FROM (${linesOf(path)}) WHERE regexp_matches(line, ${openQuote(shape.delimiter)})`,
  );
  if (open.length > 0)
    return open.map((row) => ({ index: Number(row["index"]), reason: "A quote is not closed" }));
  const rejects = raw(", store_rejects = true, rejects_table = '_csv_rejects', rejects_scan = '_csv_scans'");
  try {
    // Each column counted: one that nobody asks for would not be cast.
    const reader = readCsv(path, shapeInFileOrder(shape), rejects);
    await database.run(sql`SELECT count(COLUMNS(*)) FROM (${reader})`);
    const rows = await database.rows(
      sql`SELECT line, min(error_message) AS reason FROM _csv_rejects GROUP BY line`,
    );
    return rows.map((row) => ({
      index: Number(row["line"]) - 1,
      reason: mainSentence(String(row["reason"])),
    }));
  } finally {
    await database.run(raw("DROP TABLE IF EXISTS _csv_rejects; DROP TABLE IF EXISTS _csv_scans"));
  }
}

/**
 * DuckDB's message names the file's line first and ends with advice: the sentence between says what is wrong.
 */
function mainSentence(text: string): string {
  return text.split("\n").find((line) => !/^(?:CSV Error on Line|Original Line)/.test(line)) ?? text;
}

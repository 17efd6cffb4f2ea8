/**
 * CSV, one record a line: a quoted value may hold the delimiter and doubled quotes. Line ends in it stand as
 * `quoted-feeds.ts` writes them.
 */

import { StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import { keyOf, namesInHeader } from "./column-names.ts";
import type { Format, Shape, TakeUnfit } from "./format.ts";
import { lineLimit } from "./json.ts";
import { BYTE_ORDER_MARK, hasLoneReturn, linesOf } from "./lines.ts";
import { standInsReplaced } from "./stand-ins.ts";
import { firstMisfit, misfitInText, strictText } from "./values/columns.ts";
import { misfitReason } from "./values/misfit.ts";
import { quickReader, strictReader, type ValueReader } from "./values/strict.ts";

export const csvFormat: Format = {
  name: "csv",
  summary: "comma-separated values with a header line",
  columnsInInput: true,
  columns: (shape) => columnsInFileOrder(shape),
  read: (path, shape) => readCsv(path, shape, quickReader(shape.timezone)),
  exact: { read: (path, shape) => readCsv(path, shape, strictReader(shape.timezone)) },
  findUnfit,
  mayJoinLines: true,
  blank: "empty",
  dropsByteOrderMark: true,
  // The reader drops the mark at the start of a file only.
  plain: (bytes) => (bytes.includes(BYTE_ORDER_MARK) || hasLoneReturn(bytes) ? undefined : bytes),
  otherEncoding: "refuse",
};

function readCsv(path: string, shape: Shape, reader: ValueReader): Sql {
  const columns = columnsInFileOrder(shape);
  const values = columns.map(
    (column) => sql`${strictText(textOf(column, shape), column, reader)} AS ${id(column.name)}`,
  );
  return sql`SELECT ${join(values, ",\n")} FROM (${readTexts(path, columns, shape)})`;
}

/** A column's text, as it is in the file: with the line ends that stand-ins stand for. */
function textOf({ name }: Column, { standIns }: Shape): Sql {
  return standIns === undefined ? id(name) : standInsReplaced(id(name), standIns);
}

type LineShape = Pick<Shape, "delimiter" | "maxLineBytes">;

/** Every value as its text; NULL where there is none, quoted or not. */
function readTexts(path: string, columns: readonly Column[], shape: LineShape, more = raw("")): Sql {
  const types = stringStruct(columns.map(({ name }) => [name, "VARCHAR"]));
  return sql`SELECT * FROM read_csv(${path}, auto_detect = false, header = false, columns = ${types},
    delim = ${shape.delimiter}, quote = '"', escape = '"', strict_mode = true,
    max_line_size = ${lineLimit(shape)}${more})`;
}

/**
 * The header's names decide the order; a column the schema names must be in the file, others are read as
 * text.
 */
function columnsInFileOrder(shape: Shape): readonly Column[] {
  if (shape.header === undefined) return shape.columns;
  const names = namesInHeader(shape.header);
  const columnOf = new Map(shape.columns.map((column) => [keyOf(column), column]));
  const missing = shape.columns.filter((column) => !names.includes(keyOf(column)));
  if (missing.length > 0)
    throw new StreamkitError(
      "input",
      `The CSV header has no column "${missing[0]?.name}": found ${names.join(", ")}`,
    );
  const taken = new Set(shape.columns.map(({ name }) => name.toLowerCase()));
  return names.map((name, index) => {
    const other = taken.has(name.toLowerCase()) ? `_column${index + 1}` : name;
    return columnOf.get(name) ?? { name: other, type: "VARCHAR" };
  });
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

/**
 * Lines with an open quote, which would swallow their neighbours; then what DuckDB's reader rejects; then
 * misfits.
 */
async function findUnfit(database: Database, path: string, shape: Shape, take: TakeUnfit): Promise<number> {
  const open = await take(sql`SELECT index, 'A quote is not closed' AS reason FROM (${linesOf(path)})
    WHERE regexp_matches(line, ${openQuote(shape.delimiter)})`);
  if (open > 0) return open;
  const columns = columnsInFileOrder(shape);
  const miscounted = await take(otherCount(path, columns.length, shape.delimiter));
  if (miscounted > 0) return miscounted;
  const rejected = await findRejected(database, path, { ...shape, columns }, take);
  return rejected > 0 ? rejected : take(misfits(path, columns, shape));
}

/**
 * Lines with more or fewer values than columns, where that is sure because no quote is near, or because there
 * are so many more: DuckDB takes its time to reject a line, half a millisecond for each value too many. An
 * empty value behind the last column is none to DuckDB.
 */
function otherCount(path: string, columnCount: number, delimiter: string): Sql {
  const valuesIn = (text: Sql): Sql =>
    sql`(length(${text}) - length(replace(${text}, ${delimiter}, '')) + 1)`;
  const bare = sql`regexp_replace(line, ${QUOTED_VALUE}, '', 'g')`;
  const expected = `Expected Number of Columns: ${columnCount} Found: `;
  const most = sql`${columnCount} + CASE WHEN ends_with(line, ${delimiter}) THEN 1 ELSE 0 END`;
  return sql`SELECT index, ${expected} || found AS reason FROM (
      SELECT index, line, ${valuesIn(raw("line"))} AS found FROM (${linesOf(path)}))
    WHERE (found > ${most} AND (NOT contains(line, '"')
        OR (found - ${columnCount} > ${MAX_VALUES_TOO_MANY} AND ${valuesIn(bare)} > ${columnCount})))
      OR (found < ${columnCount} AND NOT contains(line, '"') AND trim(line) <> '')`;
}

/** Text with a thousand delimiters between quotes that are not its own is no value that anybody writes. */
const MAX_VALUES_TOO_MANY = 1000;
const QUOTED_VALUE = '"(?:[^"]|"")*"';

async function findRejected(
  database: Database,
  path: string,
  shape: LineShape & Pick<Shape, "columns">,
  take: TakeUnfit,
): Promise<number> {
  const rejects = raw(", store_rejects = true, rejects_table = '_csv_rejects', rejects_scan = '_csv_scans'");
  try {
    await database.run(
      sql`SELECT count(COLUMNS(*)) FROM (${readTexts(path, shape.columns, shape, rejects)})`,
    );
    return await take(sql`SELECT line - 1 AS index, ${MAIN_SENTENCE} AS reason FROM
      (SELECT line, string_split(min(error_message), chr(10)) AS sentences FROM _csv_rejects GROUP BY line)`);
  } finally {
    await database.run(raw("DROP TABLE IF EXISTS _csv_rejects; DROP TABLE IF EXISTS _csv_scans"));
  }
}

/** Nothing where rows are no lines: then no line can be named. */
function misfits(path: string, columns: readonly Column[], shape: Shape): Sql {
  const reader = strictReader(shape.timezone);
  const misfit = firstMisfit(columns.map((column) => misfitInText(textOf(column, shape), column, reader)));
  return sql`SELECT index, ${misfitReason("misfit")} AS reason FROM (
      SELECT row_number() OVER () - 1 AS index, count(*) OVER () AS count, ${misfit} AS misfit
      FROM (${readTexts(path, columns, shape)}))
    WHERE misfit IS NOT NULL AND count = (SELECT count(*) FROM (${linesOf(path)}))`;
}

/**
 * DuckDB's message names the file's line first and ends with advice: the sentence between says what is wrong.
 */
const MAIN_SENTENCE = raw(
  String.raw`coalesce(list_filter(sentences,
    lambda sentence: NOT regexp_matches(sentence, '^(?:CSV Error on Line|Original Line)'))[1], sentences[1])`,
);

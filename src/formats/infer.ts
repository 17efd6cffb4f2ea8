/**
 * Column names and types from the first lines, where the job names none. Values vote: broken lines are few,
 * and may not turn a column of times into a column of text. What then does not fit the elected type is a dead
 * letter like any other.
 */

import { isUtf8 } from "node:buffer";
import { open, rm, writeFile } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import { type Column, type Database, DuckdbError, type Row } from "../duckdb/database.ts";
import { join, type Sql, sql } from "../duckdb/sql.ts";
import { namesAlike } from "./column-names.ts";
import { MAX_LINE_BYTES } from "./json.ts";
import { linesOf } from "./lines.ts";
import { logfmtAsJson } from "./logs/logfmt.ts";
import type { Segment } from "./read-segment.ts";

/**
 * Enough for a vote, few enough to take no time at the start. DuckDB's own detection looks at all the bytes.
 */
const VOTING_LINES = 2_000;
const SAMPLE_BYTES = 2 * 1024 * 1024;
const LINE_FEED = 10;
/** A type that more than this share of a column's values does not fit is not elected. */
const MAX_MISFITS = 0.05;

/**
 * Undefined where there are blank lines only and no header. Throws code `input` where nothing can be found in
 * them.
 */
export async function inferColumns(
  database: Database,
  segment: Segment,
  { format, delimiter }: { readonly format: string; readonly delimiter: string },
): Promise<readonly Column[] | undefined> {
  const sample = await writeSample(segment.path);
  if (sample === undefined) return segment.header?.map((name) => ({ name, type: "VARCHAR" }));
  try {
    if (format === "logfmt") await rewriteAsJson(database, sample);
    return format === "csv"
      ? await inferCsv(database, sample, segment.header, delimiter)
      : await inferJson(database, sample);
  } catch (error) {
    if (!(error instanceof DuckdbError)) throw error;
    throw new StreamkitError(
      "input",
      "No schema was found in the first lines; give one with schema: or --schema",
      { cause: error },
    );
  } finally {
    await rm(sample, { force: true });
  }
}

/** The sample's entries as objects of JSON: what holds for their values holds for those. */
async function rewriteAsJson(database: Database, sample: string): Promise<void> {
  const rows = await database.rows(sql`SELECT json FROM (${logfmtAsJson(sample)}) LIMIT ${VOTING_LINES}`);
  await writeFile(sample, rows.map(({ json }) => `${String(json)}\n`).join(""));
}

/** The segment's first lines, in a file of their own beside it; undefined if they are blank. */
async function writeSample(path: string): Promise<string | undefined> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SAMPLE_BYTES), 0, SAMPLE_BYTES, 0);
    const bytes = buffer.subarray(0, bytesRead);
    const text = isUtf8(bytes) ? bytes : Buffer.from(bytes.toString("latin1"));
    if (text.toString("latin1").trim() === "") return undefined;
    const sample = `${path}.sample`;
    await writeFile(sample, text.subarray(0, text.lastIndexOf(LINE_FEED) + 1));
    return sample;
  } finally {
    await file.close();
  }
}

async function inferJson(database: Database, path: string): Promise<readonly Column[]> {
  const lines = sql`SELECT line, index FROM (${linesOf(path)})
    WHERE index < ${VOTING_LINES} AND json_valid(line) AND json_type(line) = 'OBJECT'`;
  const jsonPath = sql`'$."' || replace(key, '"', '\\"') || '"'`;
  const entries = sql`SELECT key, index, position, json_extract(line, ${jsonPath}) AS value
    FROM (SELECT line, index, unnest(json_keys(line)) AS key,
                 generate_subscripts(json_keys(line), 1) AS position
          FROM (${lines}))`;
  const votes =
    await database.rows(sql`SELECT key, ${tally(sql`json_type(value)`, sql`json_extract_string(value, '$')`)}
    FROM (${entries}) GROUP BY key ORDER BY min(index), min(position)`);
  if (votes.length === 0)
    throw new StreamkitError(
      "input",
      "The first lines are no JSON objects; name the format with format: or --format",
    );
  const detected = await detectedTypes(database, path);
  const voted = votes.map((vote) => {
    const name = String(vote["key"]);
    const type = elected(vote) ?? detected.get(name) ?? "JSON";
    return { name, type: type === "BIGINT" && detected.get(name) === "DOUBLE" ? "DOUBLE" : type };
  });
  refuseAlike(voted);
  const late = [...detected].filter(([name]) => !voted.some((column) => column.name === name));
  return [...voted, ...late.map(([name, type]) => ({ name, type }))];
}

async function inferCsv(
  database: Database,
  path: string,
  names: readonly string[] | undefined,
  delimiter: string,
): Promise<readonly Column[]> {
  if (names === undefined)
    throw new StreamkitError(
      "input",
      "This CSV has no header line: name its columns with schema: or --schema",
    );
  const columns = names.map((_name, index) => sql`${`c${index}`}: 'VARCHAR'`);
  const rows = sql`SELECT * FROM read_csv(${path}, auto_detect = false, header = false,
    columns = {${columns}}, delim = ${delimiter}, quote = '"', escape = '"', ignore_errors = true,
    max_line_size = ${MAX_LINE_BYTES}) LIMIT ${VOTING_LINES}`;
  const entries = sql`UNPIVOT (${rows}) ON COLUMNS(*) INTO NAME key VALUE value`;
  const votes = await database.rows(
    sql`SELECT key, ${tally(sql`'VARCHAR'`, sql`value`)} FROM (${entries}) GROUP BY key`,
  );
  const byKey = new Map(votes.map((vote) => [String(vote["key"]), vote]));
  const columnsFound = names.map((name, index) => {
    const vote = byKey.get(`c${index}`);
    return { name, type: (vote === undefined ? undefined : elected(vote, true)) ?? "VARCHAR" };
  });
  refuseAlike(columnsFound);
  return columnsFound;
}

function refuseAlike(columns: readonly Column[]): void {
  const alike = namesAlike(columns.map(({ name }) => name));
  if (alike === undefined) return;
  throw new StreamkitError(
    "input",
    `The first lines have "${alike[0]}" and "${alike[1]}", which are one column to SQL; name those to be ` +
      "read with schema: or --schema",
  );
}

const INTEGER_TEXT = String.raw`^[+-]?\d{1,18}$`;
const NUMBER_TEXT = String.raw`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$`;
const DATE_TEXT = String.raw`^\d{4}-\d\d-\d\d$`;
const TIME_TEXT = String.raw`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d`;

/** How many values of a key there are, and how many of them are of each kind. */
function tally(jsonType: Sql, text: Sql): Sql {
  const counted = (name: string, condition: Sql): Sql =>
    sql`count(*) FILTER (${condition}) AS ${{ text: name }}`;
  const isText = sql`${jsonType} = 'VARCHAR'`;
  return join([
    counted("known", sql`${jsonType} <> 'NULL'`),
    counted("integers", sql`${jsonType} IN ('BIGINT', 'UBIGINT')`),
    counted("doubles", sql`${jsonType} IN ('DOUBLE', 'HUGEINT')`),
    counted("booleans", sql`${jsonType} = 'BOOLEAN'`),
    counted("nested", sql`${jsonType} IN ('OBJECT', 'ARRAY')`),
    counted("texts", isText),
    counted(
      "dates",
      sql`${isText} AND regexp_matches(${text}, ${DATE_TEXT}) AND TRY_CAST(${text} AS DATE) IS NOT NULL`,
    ),
    counted(
      "times",
      sql`${isText} AND regexp_matches(${text}, ${TIME_TEXT}) AND TRY_CAST(${text} AS TIMESTAMP) IS NOT NULL`,
    ),
    counted("integer_texts", sql`${isText} AND regexp_matches(${text}, ${INTEGER_TEXT})`),
    counted("number_texts", sql`${isText} AND regexp_matches(${text}, ${NUMBER_TEXT})`),
    counted("boolean_texts", sql`${isText} AND lower(${text}) IN ('true', 'false')`),
  ]);
}

/**
 * The first type that nearly all values fit; undefined for nested and mixed ones. In CSV all values are
 * texts.
 */
function elected(vote: Row, isCsv = false): string | undefined {
  const count = (name: string): number => Number(vote[name]);
  const known = count("known");
  if (known === 0) return isCsv ? "VARCHAR" : "JSON";
  const nearlyAll = (fitting: number): boolean => fitting >= known * (1 - MAX_MISFITS);
  if (nearlyAll(count("booleans")) || (isCsv && nearlyAll(count("boolean_texts")))) return "BOOLEAN";
  // One fraction is enough: as integers, all later ones would be rounded.
  if (nearlyAll(count("integers")) && count("doubles") === 0) return "BIGINT";
  if (nearlyAll(count("integers") + count("doubles"))) return "DOUBLE";
  if (isCsv && nearlyAll(count("integer_texts")) && count("number_texts") === count("integer_texts"))
    return "BIGINT";
  if (isCsv && nearlyAll(count("number_texts"))) return "DOUBLE";
  if (nearlyAll(count("dates")) && count("times") === 0) return "DATE";
  if (nearlyAll(count("times") + count("dates"))) return "TIMESTAMP";
  return nearlyAll(count("texts")) ? "VARCHAR" : undefined;
}

/** DuckDB's own detection: for lists and objects, rare keys, and fractions that come late. */
async function detectedTypes(database: Database, path: string): Promise<ReadonlyMap<string, string>> {
  const columns = await database.describe(sql`SELECT * FROM read_json(${path}, format = 'newline_delimited',
    records = true, ignore_errors = true, sample_size = -1, maximum_object_size = ${MAX_LINE_BYTES})`);
  return new Map(
    columns.map(({ name, type }) => [name, type.replaceAll("TIMESTAMP WITH TIME ZONE", "TIMESTAMP")]),
  );
}

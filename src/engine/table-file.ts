/**
 * The file of a static table as a query. Columns get their types as those of a stream do, but from all of the
 * file: nothing of a table may be left out, so each type holds every value.
 */

import { closeSync, openSync, readSync } from "node:fs";
import type { Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import { columnsOfTexts } from "../formats/infer.ts";
import { kindOfJson, kindOfText } from "../formats/value-kinds.ts";
import { headerDelimiter } from "../sources/delimiter.ts";

const CSV = /\.(?:csv|tsv|txt)(\.gz|\.zst)?$/i;
const JSON_LINES = /\.(?:nd)?jsonl?(?:\.gz|\.zst)?$/i;

export async function tableQuery(database: Database, file: string): Promise<Sql> {
  if (/\.parquet$/i.test(file)) return sql`SELECT * FROM read_parquet(${file})`;
  if (JSON_LINES.test(file)) return jsonQuery(database, file);
  if (CSV.test(file)) return csvQuery(database, file);
  return sql`SELECT * FROM ${raw(`'${file.replaceAll("'", "''")}'`)}`;
}

/** DuckDB tells whether there is a header and what the quotes are. */
async function csvQuery(database: Database, file: string): Promise<Sql> {
  const isPacked = CSV.exec(file)?.[1] !== undefined;
  const { delimiter, hasMixedEnds } = isPacked ? { delimiter: undefined, hasMixedEnds: false } : lookAt(file);
  const delim = delimiter === undefined ? raw("") : sql`, delim = ${delimiter}`;
  // The strict reader takes one kind of line ends.
  const mode = hasMixedEnds ? raw(", strict_mode = false") : raw("");
  const found = await database.row(
    sql`SELECT Delimiter AS delimiter, HasHeader AS has_header FROM sniff_csv(${file}${delim}${mode})`,
  );
  const texts = sql`(FROM read_csv(${file}, all_varchar = true, header = ${found["has_header"] === true},
    delim = ${String(found["delimiter"])}${mode}))`;
  const columns = await columnsOfTexts(database, await namesOf(database, texts), {
    texts,
    kindOf: kindOfText,
    isCsv: true,
    types: new Map(),
  });
  const values = columns.map(({ name, type }) => sql`${valueOf(id(name), type)} AS ${id(name)}`);
  return sql`SELECT ${values} FROM ${texts}`;
}

async function jsonQuery(database: Database, file: string): Promise<Sql> {
  const described = await database.describe(sql`SELECT * FROM read_json(${file}, sample_size = -1)`);
  // A file of one JSON value that is no object has a column of its own.
  if (described.some(({ name }) => name === "json") && described.length === 1)
    return sql`SELECT * FROM read_json(${file}, sample_size = -1)`;
  const names = described.map(({ name }) => name);
  const read = (typeOf: (name: string) => string): Sql =>
    sql`(FROM read_json(${file}, columns = ${stringStruct(names.map((name) => [name, typeOf(name)]))}))`;
  const texts = sql`(SELECT ${names.map((name) => sql`${id(name)}::VARCHAR AS ${id(name)}`)}
    FROM ${read(() => "JSON")})`;
  const columns = await columnsOfTexts(database, names, {
    texts,
    kindOf: kindOfJson,
    isCsv: false,
    types: new Map(described.map(({ name, type }) => [name, type])),
  });
  const types = new Map(columns.map(({ name, type }) => [name, isTime(type) ? "VARCHAR" : type]));
  const values = columns.map(({ name, type }) =>
    isTime(type) ? sql`${valueOf(id(name), type)} AS ${id(name)}` : id(name),
  );
  return sql`SELECT ${values} FROM ${read((name) => types.get(name) ?? "JSON")}`;
}

async function namesOf(database: Database, rows: Sql): Promise<readonly string[]> {
  return (await database.describe(sql`SELECT * FROM ${rows}`)).map(({ name }) => name);
}

function isTime(type: string): boolean {
  return type === "TIMESTAMP";
}

/** A time with an offset is an instant, without one it is UTC: the session's time zone. */
function valueOf(text: Sql, type: string): Sql {
  if (type === "VARCHAR") return text;
  return isTime(type) ? sql`${text}::TIMESTAMPTZ::TIMESTAMP` : sql`${text}::${raw(type)}`;
}

const FIRST_BYTES = 65_536;
const BLOCK_BYTES = 1_048_576;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

interface Look {
  /** Undefined where the header does not tell. */
  readonly delimiter: string | undefined;
  readonly hasMixedEnds: boolean;
}

function lookAt(path: string): Look {
  const file = openSync(path, "r");
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    let delimiter: string | undefined;
    let [feeds, returns] = [0, 0];
    let last = LINE_FEED;
    for (let count = 1, offset = 0; count > 0; offset += count) {
      count = readSync(file, block, 0, BLOCK_BYTES, offset);
      const bytes = block.subarray(0, count);
      if (offset === 0) delimiter = headerDelimiter(bytes.toString("utf8", 0, FIRST_BYTES));
      for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) {
        feeds += 1;
        if ((at === 0 ? last : bytes[at - 1]) === CARRIAGE_RETURN) returns += 1;
      }
      last = bytes.at(-1) ?? last;
    }
    return { delimiter, hasMixedEnds: returns > 0 && returns < feeds };
  } finally {
    closeSync(file);
  }
}

/**
 * The file of a static table as a query. Columns get their types as those of a stream do, but from all of the
 * file: nothing of a table may be left out, so each type holds every value.
 */

import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import { SIGNATURE_BYTES, type Signature, signatureOf } from "../content/signatures.ts";
import type { Database } from "../duckdb/database.ts";
import { id, literal, raw, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import { columnsOfTexts } from "../formats/infer.ts";
import { refuseDeepFile } from "../formats/json-files.ts";
import { kindOfJson, kindOfText } from "../formats/value-kinds.ts";
import { headerDelimiter } from "../sources/delimiter.ts";
import { partitionedRows } from "../warehouse/partitioned-rows.ts";

const CSV = /\.(?:csv|tsv|txt)$/i;
const JSON_LINES = /\.(?:nd)?jsonl?$/i;

/**
 * By what is in the file, and where that is text, by its name. The folders of a file are no partitions of it;
 * those that a pattern of Parquet files names are. Throws code `job` where it is no table.
 */
export async function tableQuery(database: Database, file: string): Promise<Sql> {
  if (existsSync(file) && statSync(file).size === 0) throw new StreamkitError("job", "it is empty");
  const signature = await firstSignature(file);
  if (signature.is === "parquet") return sql`FROM read_parquet(${file}, hive_partitioning = false)`;
  if (signature.is === "foreign")
    throw new StreamkitError("job", `it is ${signature.what}, which is not read: ${signature.remedy}`);
  if (signature.is === "marked")
    throw new StreamkitError("job", `it is text in ${signature.encoding}: convert it with iconv -t utf-8`);
  const how = signature.is === "packed" ? sql`, compression = ${signature.how}` : raw("");
  const options = sql`${how}, hive_partitioning = false`;
  const name = file.replace(/\.(?:gz|zst|zstd)$/i, "");
  if (/\.parquet$/i.test(name)) return partitionedFiles(database, file);
  if (JSON_LINES.test(name)) return jsonQuery(database, file, options);
  if (CSV.test(name)) return csvQuery(database, file, options, signature.is === "packed");
  return sql`SELECT * FROM ${raw(literal(file).text)}`;
}

async function partitionedFiles(database: Database, pattern: string): Promise<Sql> {
  const [first] = await database.rows(sql`SELECT file FROM glob(${pattern}) LIMIT 1`);
  const example = String(first?.["file"] ?? "");
  return partitionedRows(database, { files: sql`${pattern}`, partitions: undefined, example, unites: false });
}

/** A glob, or what is not there, is DuckDB's to judge. */
async function firstSignature(file: string): Promise<Signature> {
  if (!existsSync(file)) return { is: "text" };
  const input = await open(file, "r");
  try {
    const { buffer, bytesRead } = await input.read(Buffer.alloc(SIGNATURE_BYTES), 0, SIGNATURE_BYTES, 0);
    return signatureOf(buffer.subarray(0, bytesRead));
  } finally {
    await input.close();
  }
}

/** DuckDB tells whether there is a header and what the quotes are. */
async function csvQuery(database: Database, file: string, options: Sql, isPacked: boolean): Promise<Sql> {
  const isPattern = !existsSync(file);
  const { delimiter, hasMixedEnds } =
    isPacked || isPattern ? { delimiter: undefined, hasMixedEnds: false } : lookAt(file);
  const delim = delimiter === undefined ? raw("") : sql`, delim = ${delimiter}`;
  // The strict reader takes one kind of line ends.
  const mode = hasMixedEnds ? raw(", strict_mode = false") : raw("");
  const sniffed = sql`sniff_csv(${file}${delim}${mode}${options})`;
  const found = await database.row(
    sql`SELECT Delimiter AS delimiter, HasHeader AS has_header FROM ${sniffed}`,
  );
  const texts = sql`(FROM read_csv(${file}, all_varchar = true, header = ${found["has_header"] === true},
    delim = ${String(found["delimiter"])}${mode}${options}))`;
  const columns = await columnsOfTexts(database, await namesOf(database, texts), {
    texts,
    kindOf: kindOfText,
    isCsv: true,
    types: new Map(),
  });
  const values = columns.map(({ name, type }) => sql`${valueOf(id(name), type)} AS ${id(name)}`);
  return sql`SELECT ${values} FROM ${texts}`;
}

async function jsonQuery(database: Database, file: string, options: Sql): Promise<Sql> {
  if (existsSync(file)) await refuseDeepFile(file);
  const described = await database.describe(
    sql`SELECT * FROM read_json(${file}, sample_size = -1${options})`,
  );
  // A file of one JSON value that is no object has a column of its own.
  if (described.some(({ name }) => name === "json") && described.length === 1)
    return sql`SELECT * FROM read_json(${file}, sample_size = -1${options})`;
  const names = described.map(({ name }) => name);
  const read = (typeOf: (name: string) => string): Sql => {
    const columns = stringStruct(names.map((name) => [name, typeOf(name)]));
    return sql`(FROM read_json(${file}, columns = ${columns}${options}))`;
  };
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

/**
 * Column names and types from a sample of the input, where the job names none. Each column gets the narrowest
 * type that holds the values seen, see `value-kinds.ts`; what then does not fit is a dead letter like any
 * other.
 */

import { rm, writeFile } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import { type Column, type Database, DuckdbError, type Row } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql, stringStruct } from "../duckdb/sql.ts";
import { namesInHeader, unlikeKeys } from "./column-names.ts";
import { EPOCH_UNITS, type EpochUnit, holdsNumbers, magnitudes, type RecordColumn } from "./epoch.ts";
import { namesOfHeader, namesOfKeys, withKeys } from "./found-keys.ts";
import { jsonFormat, MAX_LINE_BYTES } from "./json.ts";
import { linesOf } from "./lines.ts";
import { logfmtAsJson } from "./logs/logfmt.ts";
import { type Extent, longFractionsIn } from "./long-fractions.ts";
import { type Sample, writeSample } from "./sample.ts";
import {
  decimalType,
  type Election,
  elected,
  kindOfJson,
  kindOfText,
  MAX_BROKEN_SHARE,
  type Tally,
  type ValueKind,
} from "./value-kinds.ts";

export interface Inference {
  readonly columns: readonly RecordColumn[];
  /** True where values that come later may well need a wider type. */
  readonly mayWiden: boolean;
  /** False where there is nothing but a header. */
  readonly hasValues: boolean;
  readonly epochs: readonly FoundEpoch[];
  /** What a person must know of the columns' names. */
  readonly notes: readonly string[];
}

/** A column of epoch times, and one of its values. */
interface FoundEpoch {
  readonly column: string;
  readonly unit: EpochUnit;
  readonly example: string;
}

export interface InferOptions {
  readonly format: string;
  /** A path beside which nothing else is: files of the sample begin with it. */
  readonly path: string;
  /** The event-time column: numbers in it may be epoch times. */
  readonly time: string | undefined;
  /** Whether a column can't have this name, so that its key gets another one. */
  readonly isTaken?: ((name: string) => boolean) | undefined;
  /** The share of a column's values that may be broken ones; `MAX_BROKEN_SHARE` if left out. */
  readonly tolerance?: number | undefined;
}

/** Lines of the same columns, as DuckDB reads them. */
interface Part {
  readonly path: string;
  readonly header: readonly string[] | undefined;
  readonly delimiter: string;
}

/**
 * Undefined where there are blank lines only and no header. Throws code `input` where nothing can be found in
 * them.
 */
export async function inferColumns(
  database: Database,
  sample: Sample,
  options: InferOptions,
): Promise<Inference | undefined> {
  const isCsv = options.format === "csv";
  const paths = sample.parts.map((_, index) => `${options.path}.sample-${index}`);
  try {
    const parts: Part[] = [];
    for (const [index, part] of sample.parts.entries()) {
      const path = paths[index] ?? "";
      if (await writeSample(part, path, options.format))
        parts.push({ path, header: part.header, delimiter: part.delimiter ?? "," });
    }
    if (options.format === "logfmt") for (const { path } of parts) await rewriteAsJson(database, path);
    const [first] = parts;
    if (first === undefined) {
      const names = sample.parts[0]?.header;
      if (names === undefined) return undefined;
      const { columns: found, notes } = namesOfHeader(names, options.isTaken);
      const columns = found.map(({ name, key }) => ({
        type: "VARCHAR",
        ...(name === key ? { name } : { name, key }),
      }));
      return { columns, mayWiden: true, hasValues: false, epochs: [], notes };
    }
    return isCsv ? await inferCsv(database, parts, options) : await inferJson(database, first.path, options);
  } catch (error) {
    if (!(error instanceof DuckdbError)) throw error;
    throw new StreamkitError(
      "input",
      "No schema was found in the first lines; give one with schema: or --schema",
      { cause: error },
    );
  } finally {
    for (const path of paths) await rm(path, { force: true });
  }
}

/** The sample's entries as objects of JSON: what holds for their values holds for those. */
async function rewriteAsJson(database: Database, sample: string): Promise<void> {
  const rows = await database.rows(sql`SELECT json FROM (${logfmtAsJson(sample)})`);
  await writeFile(sample, rows.map(({ json }) => `${String(json)}\n`).join(""));
}

async function inferJson(database: Database, path: string, options: InferOptions): Promise<Inference> {
  const found = await database.rows(sql`SELECT key, count(DISTINCT index) AS lines FROM (SELECT index,
      unnest(json_keys(line)) AS key,
      generate_subscripts(json_keys(line), 1) AS position FROM (${linesOf(path)})
      WHERE json_valid(line) AND json_type(line) = 'OBJECT')
    GROUP BY key ORDER BY min(index), arg_min(position, index)`);
  const keys = found.map(({ key, lines }) => ({ key: String(key), lines: Number(lines) }));
  const { columns: named, notes } = namesOfKeys(keys, options.isTaken ?? (() => false));
  if (named.length === 0)
    throw new StreamkitError(
      "input",
      "The first lines are no JSON objects; name the format with format: or --format",
    );
  const names = named.map(({ name }) => name);
  const keyNamed = new Map(named.map(({ name, key }) => [name, key]));
  const readers = unlikeKeys(named.map((column) => ({ ...column, type: "JSON" }))).map((unlike) => {
    const values = unlike.map(({ name, key }) => sql`${id(key)}::VARCHAR AS ${id(name)}`);
    return sql`(SELECT ${values} FROM read_json(${path}, format = 'newline_delimited', records = true,
      ignore_errors = true, columns = ${stringStruct(unlike.map(({ key }) => [key, "JSON"]))},
      maximum_object_size = ${MAX_LINE_BYTES}))`;
  });
  const texts = sql`(FROM ${join(readers, " POSITIONAL JOIN ")})`;
  const tallies = await talliesOf(database, names, texts, kindOfJson);
  const isNested = [...tallies.values()].some((tally) => tally.has("nested"));
  const nested = isNested ? await nestedTypes(database, path) : new Map<string, string>();
  const long = await longFractionsIn(path);
  const textsOf = (name: string): Sql =>
    sql`(SELECT trim(${id(name)}, '"') AS value FROM ${texts} WHERE ${id(name)} <> 'null')`;
  const inference = await columnsOf(database, names, tallies, options, {
    numberType: (name) => decimalOf(database, textsOf(name), long.get(keyNamed.get(name) ?? "")),
    isLong: (name) => long.has(keyNamed.get(name) ?? ""),
    nestedType: (name) => nested.get(keyNamed.get(name) ?? ""),
    emptyType: "JSON",
    texts: textsOf,
  });
  return { ...inference, columns: withKeys(inference.columns, keyNamed), notes };
}

async function inferCsv(
  database: Database,
  parts: readonly Part[],
  options: InferOptions,
): Promise<Inference> {
  const header = parts[0]?.header;
  if (header === undefined)
    throw new StreamkitError(
      "input",
      "This CSV has no header line: name its columns with schema: or --schema",
    );
  const { columns: named, notes } = namesOfHeader(header, options.isTaken);
  const tables = parts.flatMap(({ path, header: own = header, delimiter }) => {
    const keys = namesInHeader(own);
    const columns = stringStruct(keys.map((_key, index) => [`c${index}`, "VARCHAR"]));
    const read = named.flatMap(({ key }, index) => {
      const at = keys.indexOf(key);
      return at < 0 ? [] : [sql`${id(`c${at}`)} AS ${id(`v${index}`)}`];
    });
    if (read.length === 0) return [];
    return [
      sql`SELECT ${read} FROM read_csv(${path}, auto_detect = false, header = false,
        columns = ${columns}, delim = ${delimiter}, quote = '"', escape = '"', ignore_errors = true,
        max_line_size = ${MAX_LINE_BYTES})`,
    ];
  });
  const texts = sql`(${join(tables, " UNION ALL BY NAME ")})`;
  const byPlace = await talliesOf(
    database,
    named.map((_column, index) => `v${index}`),
    texts,
    kindOfText,
  );
  const tallies = new Map(
    named.flatMap(({ name }, index): [string, Tally][] => {
      const tally = byPlace.get(`v${index}`);
      return tally === undefined ? [] : [[name, tally]];
    }),
  );
  const places = new Map(named.map(({ name }, index) => [name, `v${index}`]));
  const keyNamed = new Map(named.map(({ name, key }) => [name, key]));
  const valuesOf = (name: string): Sql => sql`(SELECT ${id(places.get(name) ?? "")} AS value FROM ${texts})`;
  const inference = await columnsOf(database, [...places.keys()], tallies, options, {
    numberType: (name) => decimalOf(database, valuesOf(name)),
    isLong: () => false,
    nestedType: () => undefined,
    emptyType: "VARCHAR",
    texts: valuesOf,
  });
  return { ...inference, columns: withKeys(inference.columns, keyNamed), notes };
}

interface Choices {
  /** The type of numbers that are too long for a DOUBLE. */
  numberType(column: string): Promise<string>;
  /** Whether it has fractions that are too long, which are not told from others by their kind. */
  isLong(column: string): boolean;
  /** The type of lists and objects. */
  nestedType(column: string): string | undefined;
  /** The type of a column without a value. */
  readonly emptyType: string;
  /** FROM this: a column's values without the quotes of JSON, as `value`. */
  texts(column: string): Sql;
}

export interface Texts {
  /** FROM this: every column as text; of JSON, as its JSON. */
  readonly texts: Sql;
  readonly kindOf: (value: Sql) => Sql;
  readonly isCsv: boolean;
  /** Types of lists and objects. */
  readonly types: ReadonlyMap<string, string>;
}

/** The columns of values that are all known, and none may be left out: each type holds every one. */
export async function columnsOfTexts(
  database: Database,
  names: readonly string[],
  { texts, kindOf, isCsv, types }: Texts,
): Promise<readonly Column[]> {
  const tallies = await talliesOf(database, names, texts, kindOf);
  const values = (name: string): Sql => sql`(SELECT ${id(name)} AS value FROM ${texts})`;
  const { columns } = await columnsOf(
    database,
    names,
    tallies,
    { time: undefined, tolerance: 0 },
    {
      numberType: async (name) => (isCsv ? decimalOf(database, values(name)) : "VARCHAR"),
      isLong: () => false,
      nestedType: (name) => types.get(name),
      emptyType: isCsv ? "VARCHAR" : "JSON",
      texts: values,
    },
  );
  return columns;
}

async function decimalOf(database: Database, values: Sql, seen?: Extent): Promise<string> {
  return String((await database.row(decimalType(values, raw("value"), seen)))["type"]);
}

async function columnsOf(
  database: Database,
  names: readonly string[],
  tallies: ReadonlyMap<string, Tally>,
  { time, tolerance }: Pick<InferOptions, "time" | "tolerance">,
  choices: Choices,
): Promise<Inference> {
  const columns: RecordColumn[] = [];
  const epochs: FoundEpoch[] = [];
  let mayWiden = false;
  for (const name of names) {
    const found = elected(tallies.get(name) ?? new Map(), tolerance);
    mayWiden ||= found?.mayWiden ?? true;
    const type = found === undefined ? choices.emptyType : await typeOf(found, name, choices);
    const isTime = name.toLowerCase() === time?.toLowerCase();
    const epoch = isTime && holdsNumbers(type) ? await epochOf(database, choices.texts(name)) : undefined;
    columns.push({ name, type, ...(epoch === undefined ? {} : { epoch: epoch.unit }) });
    if (epoch !== undefined) epochs.push({ column: name, ...epoch });
  }
  return { columns, mayWiden, hasValues: tallies.size > 0, epochs, notes: [] };
}

async function typeOf({ type }: Election, name: string, choices: Choices): Promise<string> {
  if (type === "NUMBER" || (type === "DOUBLE" && choices.isLong(name))) return choices.numberType(name);
  return type === "NESTED" ? (choices.nestedType(name) ?? "JSON") : type;
}

/** The unit that nearly all values have by their magnitude. */
async function epochOf(database: Database, texts: Sql): Promise<Omit<FoundEpoch, "column"> | undefined> {
  const counts = await database.row(magnitudes(texts, raw("value")));
  const known = Number(counts["known"]);
  const unit = EPOCH_UNITS.find(
    (each) => known > 0 && Number(counts[each]) >= known * (1 - MAX_BROKEN_SHARE),
  );
  return unit === undefined ? undefined : { unit, example: String(counts["example"]) };
}

async function talliesOf(
  database: Database,
  keys: readonly string[],
  texts: Sql,
  kindOf: (value: Sql) => Sql,
): Promise<Map<string, Tally>> {
  const columns = keys.map((key) => id(key));
  // Each value is looked at once: a look costs more than to count how often it stands there.
  const rows = await database.rows(sql`SELECT key, kind, sum(count) AS count
    FROM (SELECT key, ${kindOf(raw("value"))} AS kind, count
      FROM (SELECT key, value, count(*) AS count
        FROM (UNPIVOT (FROM ${texts}) ON ${columns} INTO NAME key VALUE value) GROUP BY key, value))
    WHERE kind IS NOT NULL GROUP BY key, kind`);
  const tallies = new Map<string, Map<ValueKind, number>>();
  for (const { key, kind, count } of rows as readonly Row[]) {
    const tally = tallies.get(String(key)) ?? new Map<ValueKind, number>();
    tally.set(String(kind) as ValueKind, Number(count));
    tallies.set(String(key), tally);
  }
  return tallies;
}

/**
 * DuckDB's own detection, for lists and objects. What it fails on, or gives a type that is none, like that
 * of an object with an empty key, stays JSON.
 */
async function nestedTypes(database: Database, path: string): Promise<ReadonlyMap<string, string>> {
  const described = await describedOrFault(
    database,
    sql`SELECT * FROM read_json(${path}, format = 'newline_delimited', records = true, ignore_errors = true,
      sample_size = -1, maximum_object_size = ${MAX_LINE_BYTES})`,
  );
  const types = new Map<string, string>();
  for (const { name, type: found } of described) {
    const type = found.replaceAll("TIMESTAMP WITH TIME ZONE", "TIMESTAMP");
    if (!/[[(]/.test(type) || type.length > MAX_TYPE_CHARACTERS) continue;
    const shape = {
      columns: [{ name: "value", type }],
      header: undefined,
      delimiter: ",",
      pattern: undefined,
    };
    const read = jsonFormat.exact?.read(path, shape) ?? jsonFormat.read(path, shape);
    if ((await describedOrFault(database, sql`SELECT * FROM (${read})`)).length > 0) types.set(name, type);
  }
  return types;
}

/** Of more fields a statement would be too long. */
const MAX_TYPE_CHARACTERS = 20_000;

async function describedOrFault(database: Database, query: Sql): Promise<readonly Column[]> {
  try {
    return await database.describe(query);
  } catch (error) {
    if (error instanceof DuckdbError) return [];
    throw error;
  }
}

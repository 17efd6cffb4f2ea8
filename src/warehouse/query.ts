/** Queries over a warehouse: its tables are views over their Parquet files. */

import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { type Database, DuckdbError, openDatabase } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { rowJson } from "../formats/json-rows.ts";
import type { ByteOutput } from "../runtime/stdio.ts";
import { attachCheckpoint } from "./checkpoint-snapshot.ts";
import { manifestFolder } from "./compaction/manifest.ts";
import { tableFiles } from "./compaction/table-files.ts";
import { openLocalStore } from "./local-store.ts";
import { partitionedRows } from "./partitioned-rows.ts";
import { fetchTables, isMentioned } from "./remote-tables.ts";
import { renderTable } from "./render-table.ts";
import { openStore } from "./stores.ts";
import { savedSchema } from "./table-schema.ts";

export interface QueryRequest {
  /** A folder, or a URL of a store. */
  readonly warehouse: string;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the query at once: what was printed of its answer stays. */
  readonly stop: AbortSignal;
  readonly checkpoint?: string;
  readonly format: "table" | "json" | "ndjson" | "csv" | "parquet";
  /** A file instead of the standard output. */
  readonly out?: string;
}

export async function runQuery(text: string, request: QueryRequest, stdout: ByteOutput): Promise<void> {
  const database = await openDatabase();
  const interrupt = (): void => database.interrupt();
  request.stop.addEventListener("abort", interrupt);
  const folder = await mkdtemp(path.join(tmpdir(), "streamkit-query-"));
  try {
    const tables = [...(await openTables(database, text, request, folder))];
    if (request.checkpoint !== undefined) {
      const place = { working: folder, clock: request.clock };
      const kept = await attachCheckpoint(database, request.checkpoint, place);
      tables.push(...kept.map((name) => `checkpoint.${name}`));
    }
    const statement = text.replace(/[;\s]+$/, "");
    if (statement === "") throw new StreamkitError("usage", "An SQL query is expected");
    // In parentheses also SHOW, DESCRIBE and SUMMARIZE are queries; the line feed ends a comment.
    const query = sql`SELECT * FROM (${raw(statement)}\n)`;
    await refuseWrong(database, query, { ...request, tables });
    await print(database, query, request, stdout);
  } catch (error) {
    if (!request.stop.aborted) throw error;
  } finally {
    request.stop.removeEventListener("abort", interrupt);
    database.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The names of the tables there are, of which those that the query needs can be read. */
async function openTables(
  database: Database,
  text: string,
  { warehouse, clock, env }: QueryRequest,
  folder: string,
): Promise<readonly string[]> {
  const store = openStore(warehouse, { baseFolder: ".", clock, env });
  if (store.localFolder !== undefined)
    return nameTables(database, text, await plainFolder(store.localFolder, folder));
  const { names } = await fetchTables(database, store, text.replace(/[;\s]+$/, ""), folder);
  const fetched = await nameTables(database, text, folder);
  // The others are only listed: the query does not name them.
  for (const name of names.filter((table) => !fetched.includes(table))) {
    const parts = name.split(".");
    const [schema, ...rest] = parts;
    if (rest.length > 0) await database.run(sql`CREATE SCHEMA IF NOT EXISTS ${id(schema ?? "")}`);
    await database.run(sql`CREATE OR REPLACE VIEW ${id(...parts)} AS SELECT NULL AS not_fetched`);
  }
  return names;
}

/** In a path, `NAME=VALUE` would be a partition to DuckDB, and a bracket a pattern: it gets another name. */
async function plainFolder(warehouse: string, folder: string): Promise<string> {
  if (!/[=*?[\]]/.test(warehouse)) return warehouse;
  const link = path.join(folder, "warehouse");
  await symlink(warehouse, link);
  return link;
}

/** Throws code `usage` where DuckDB does not take the query. */
async function refuseWrong(
  database: Database,
  query: Sql,
  { warehouse, tables }: { readonly warehouse: string; readonly tables: readonly string[] },
): Promise<void> {
  try {
    await database.describe(query);
  } catch (error) {
    if (!(error instanceof DuckdbError)) throw error;
    const missing = /Table with name (\S+) does not exist/.exec(error.message)?.[1];
    const found = tables.length === 0 ? "no table is there" : `found ${tables.join(", ")}`;
    // Below its message DuckDB shows the statement, which is not quite the user's.
    const reason = error.message.replace(/\n\s*LINE \d+:[\s\S]*$/, "");
    const message =
      missing === undefined ? reason : `There is no table "${missing}" in "${warehouse}": ${found}`;
    throw new StreamkitError("usage", message, { cause: error });
  }
}

/** A view for each table; `NAME.db` folders are schemas. Returns the names. */
async function nameTables(database: Database, text: string, warehouse: string): Promise<string[]> {
  if (!existsSync(warehouse)) return [];
  const named: string[] = [];
  const folders = await foldersIn(warehouse);
  /** A table that can't be read is in the way of those queries only that name it. */
  const isNamed = async (name: string, place: Sql, folder: string): Promise<void> => {
    try {
      if (await nameTable(database, place, folder)) named.push(name);
    } catch (error) {
      const message = messageOf(error).replace(/\n\s*LINE \d+:[\s\S]*$/, "");
      if (isMentioned(text, name))
        throw new StreamkitError("io", `The table ${name} can't be read: ${message}`, { cause: error });
    }
  };
  for (const folder of folders) {
    const schema = /^(.+)\.db$/.exec(folder)?.[1];
    if (schema === undefined) {
      await isNamed(folder, id(folder), path.join(warehouse, folder));
      continue;
    }
    await database.run(sql`CREATE SCHEMA IF NOT EXISTS ${id(schema)}`);
    for (const table of await foldersIn(path.join(warehouse, folder)))
      await isNamed(`${schema}.${table}`, id(schema, table), path.join(warehouse, folder, table));
  }
  return named;
}

/** False where the folder holds no Parquet file. */
async function nameTable(database: Database, name: Sql, folder: string): Promise<boolean> {
  const files = path.join(folder, "**", "*.parquet");
  const [first] = await database.rows(sql`SELECT file FROM glob(${files}) LIMIT 1`);
  if (first === undefined) return false;
  const schema = await savedSchema(openLocalStore(folder), "");
  await database.run(
    sql`CREATE OR REPLACE VIEW ${name} AS ${await partitionedRows(database, {
      files: (await filesOfMoment(folder)) ?? sql`${files}`,
      partitions: schema?.partitions,
      example: String(first["file"]),
      // To unite their columns all files are opened, also those of partitions that a query rules out.
      unites: schema?.hasGrown ?? true,
    })}`,
  );
  return true;
}

/** A list of files where the table has been compacted: what replaces what is not told by their names. */
async function filesOfMoment(folder: string): Promise<Sql | undefined> {
  if (!existsSync(path.join(folder, manifestFolder("")))) return undefined;
  const [warehouse, table] = [path.dirname(folder), path.basename(folder)];
  const files = await tableFiles(openLocalStore(warehouse), table);
  if (files.length === 0) return undefined;
  return sql`[${files.map((file) => sql`${path.join(warehouse, file.path)}`)}]`;
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !/^[._]/.test(entry.name))
    .map(({ name }) => name)
    .toSorted();
}

async function print(
  database: Database,
  query: Sql,
  request: QueryRequest,
  stdout: ByteOutput,
): Promise<void> {
  if (request.out !== undefined) {
    await database.run(sql`COPY (${query}) TO ${request.out} ${copyOptions(request.format)}`);
    return;
  }
  switch (request.format) {
    case "table":
      await stdout.send(await renderTable(database, query, stdout.isTerminal));
      return;
    case "json":
    case "ndjson":
      return printJson(database, query, request.format === "json", stdout);
    case "csv":
    case "parquet":
      return printFile(database, query, request.format, stdout);
  }
}

async function printJson(
  database: Database,
  query: Sql,
  isArray: boolean,
  stdout: ByteOutput,
): Promise<void> {
  const columns = await database.describe(query);
  let isFirst = true;
  if (isArray) await stdout.send("[");
  for await (const rows of database.textBlocks(sql`SELECT ${rowJson(columns)} FROM (${query})`)) {
    await stdout.send(isArray ? `${isFirst ? "\n" : ",\n"}${rows.join(",\n")}` : `${rows.join("\n")}\n`);
    isFirst = false;
  }
  if (isArray) await stdout.send(isFirst ? "]\n" : "\n]\n");
}

/** DuckDB writes these to files only: by way of one. */
async function printFile(
  database: Database,
  query: Sql,
  format: "csv" | "parquet",
  stdout: ByteOutput,
): Promise<void> {
  if (format === "parquet" && stdout.isTerminal)
    throw new StreamkitError("usage", "--format parquet is no text: use --out FILE, or a pipe");
  const folder = await mkdtemp(path.join(tmpdir(), "streamkit-query-"));
  try {
    const file = path.join(folder, "answer");
    await database.run(sql`COPY (${query}) TO ${file} ${copyOptions(format)}`);
    await stdout.send(await readFile(file));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function copyOptions(format: QueryRequest["format"]): Sql {
  switch (format) {
    case "parquet":
      return raw("(FORMAT parquet, COMPRESSION zstd)");
    case "json":
      return raw("(FORMAT json, ARRAY true)");
    case "ndjson":
      return raw("(FORMAT json)");
    case "csv":
    case "table":
      return raw("(FORMAT csv, HEADER)");
  }
}

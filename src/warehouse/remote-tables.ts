/**
 * Tables of a warehouse that is elsewhere, for a query on this machine: the files that the query needs are
 * fetched into a folder. A table's partitions that a WHERE over its partition columns rules out are not.
 */

import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { tableFiles } from "./compaction/table-files.ts";
import { neededFiles } from "./partition-pruning.ts";
import { SCHEMA_FILE, savedSchema } from "./schema-log.ts";
import { joinPath, parentOf, type Store } from "./store.ts";
import { inParallel } from "./transfers.ts";

/** More than that is for an engine that is where the files are. */
const MAX_FETCHED_BYTES = 8 * 2 ** 30;
const MAX_TRANSFERS = 4;
const MAX_TRIES = 5;

export interface RemoteTables {
  /** All that the warehouse has, as `NAME` or `DATABASE.NAME`. */
  readonly names: readonly string[];
}

/** Fetches what the query needs into `folder`, which is laid out as the warehouse is. */
export async function fetchTables(
  database: Database,
  store: Store,
  query: string,
  folder: string,
): Promise<RemoteTables> {
  const tables = await tablesIn(store);
  let fetchedBytes = 0;
  /** False where a file was removed since it was listed. */
  const fetchTable = async (table: Table): Promise<boolean> => {
    const hint = /\/metadata\/version-hint\.text$/;
    if ((await store.list(table.folder)).some(({ path: file }) => hint.test(file)))
      throw icebergRefusal(table.name);
    const files = await tableFiles(store, table.folder);
    const schema = await savedSchema(store, table.folder);
    const pruned = { name: bareName(table.name), partitions: schema?.partitions ?? [] };
    const inTable = ({ place }: (typeof files)[number]): string => place.slice(table.folder.length + 1);
    const needed = await neededFiles(database, query, pruned, files, inTable);
    fetchedBytes += needed.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
    if (fetchedBytes > MAX_FETCHED_BYTES)
      throw new StreamkitError(
        "usage",
        `The query needs more than ${MAX_FETCHED_BYTES / 2 ** 30} GiB of files from ${store.url}: ` +
          "let its WHERE name fewer partitions, or query it with an engine that is there",
      );
    const schemaFile = joinPath(table.folder, SCHEMA_FILE);
    const isThere = await inParallel(needed, MAX_TRANSFERS, async ({ path: from, place }) => {
      await mkdir(path.join(folder, parentOf(place)), { recursive: true });
      try {
        await store.download(from, path.join(folder, place));
        return true;
      } catch (error) {
        if (await store.exists(from)) throw error;
        return false;
      }
    });
    if (isThere.includes(false)) return false;
    if (schema === undefined) return true;
    await mkdir(path.join(folder, parentOf(schemaFile)), { recursive: true });
    await writeFile(path.join(folder, schemaFile), JSON.stringify(schema));
    return true;
  };
  for (const table of tables.filter(({ name }) => isMentioned(query, name)))
    for (let tries = 1; !(await fetchTable(table)); tries += 1) {
      // What was fetched of a listing that has passed is not the table of any moment.
      await rm(path.join(folder, table.folder), { recursive: true, force: true });
      if (tries === MAX_TRIES)
        throw new StreamkitError("io", `The files of ${table.name} change faster than they are fetched`);
    }
  return { names: tables.map(({ name }) => name) };
}

interface Table {
  readonly name: string;
  readonly folder: string;
}

async function tablesIn(store: Store): Promise<readonly Table[]> {
  const isShown = (name: string): boolean => !/^[._]/.test(name);
  const tables: Table[] = [];
  for (const folder of (await store.folders("")).filter(isShown)) {
    const schema = /^(.+)\.db$/.exec(folder)?.[1];
    if (schema === undefined) tables.push({ name: folder, folder });
    else
      for (const table of (await store.folders(folder)).filter(isShown))
        tables.push({ name: `${schema}.${table}`, folder: joinPath(folder, table) });
  }
  return tables;
}

/** Only a table's metadata says which of its files count. */
export function icebergRefusal(name: string): StreamkitError {
  return new StreamkitError(
    "usage",
    `${name}: Iceberg tables are not read by query, as their metadata says which files count: use ` +
      "pyiceberg or Spark",
  );
}

/** Whether the name stands in the text: if only as a word of another meaning, too much is fetched. */
export function isMentioned(query: string, name: string): boolean {
  const words = new Set(query.toLowerCase().match(/\w+/g));
  return words.has(bareName(name).toLowerCase());
}

/** `db.t` → `t` */
export function bareName(table: string): string {
  return table.split(".").at(-1) ?? table;
}

/** Several Parquet files of a partition as one: the same rows, in the order of the files. */

import { mkdir, rm } from "node:fs/promises";
import nodePath from "node:path";
import { StreamkitError } from "../../base/error.ts";
import type { Database } from "../../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { joinPath, type Store } from "../store.ts";

export interface MergeContext {
  readonly store: Store;
  readonly database: Database;
  /** Of this machine, for files on their way. */
  readonly workingFolder: string;
}

/** Writes a local file; returns how many rows it has. Throws code `io` where it hasn't all of them. */
export async function mergeFiles(
  { store, database, workingFolder }: MergeContext,
  paths: readonly string[],
  target: string,
): Promise<number> {
  const downloads = nodePath.join(workingFolder, "downloads");
  try {
    const files = await localFiles(store, paths, downloads);
    const [first, ...rest] = files.map((file) => sql`${file}`);
    if (first === undefined) throw new StreamkitError("bug", "Files to merge are expected");
    const list = sql`[${[first, ...rest]}]`;
    await mkdir(nodePath.dirname(target), { recursive: true });
    const instants = await oldInstants(database, list);
    await database.run(sql`COPY (SELECT * ${instants}
      FROM read_parquet(${list}, hive_partitioning = false, union_by_name = true))
      TO ${target} (FORMAT parquet, COMPRESSION zstd)`);
    const expected = await rowsIn(database, list);
    const rows = await rowsIn(database, sql`${target}`);
    if (rows !== expected)
      throw new StreamkitError(
        "io",
        `${rows} rows came out of files that have ${expected}: nothing was done`,
      );
    return rows;
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
}

/** Times in 96 bits, as others write them, are instants: DuckDB would write them as times without a zone. */
async function oldInstants(database: Database, list: Sql): Promise<Sql> {
  const found = await database.rows(
    sql`SELECT DISTINCT name FROM parquet_schema(${list}) WHERE type = 'INT96' ORDER BY ALL`,
  );
  const columns = await database.describe(
    sql`FROM read_parquet(${list}, hive_partitioning = false, union_by_name = true)`,
  );
  const items = found.flatMap(({ name }) => {
    const column = columns.find((one) => one.name === name);
    if (column === undefined || !/^TIMESTAMP(?:_NS)?$/.test(column.type)) return [];
    return [sql`make_timestamptz(epoch_us(CAST(${id(column.name)} AS TIMESTAMP))) AS ${id(column.name)}`];
  });
  return items.length === 0 ? raw("") : sql`REPLACE (${items})`;
}

async function localFiles(store: Store, paths: readonly string[], downloads: string): Promise<string[]> {
  const folder = store.localFolder;
  if (folder !== undefined) return paths.map((path) => nodePath.join(folder, path));
  await mkdir(downloads, { recursive: true });
  const files: string[] = [];
  for (const [index, path] of paths.entries()) {
    const file = nodePath.join(downloads, `${index}.parquet`);
    await store.download(path, file);
    files.push(file);
  }
  return files;
}

async function rowsIn(database: Database, files: Sql): Promise<number> {
  const found = await database.row(sql`SELECT sum(num_rows) AS rows FROM parquet_file_metadata(${files})`);
  return Number(found["rows"]);
}

/** A copy of a file of the store under another name there. */
export async function copyInStore(
  { store, workingFolder }: Pick<MergeContext, "store" | "workingFolder">,
  from: string,
  to: string,
  staging: string,
): Promise<void> {
  const local = nodePath.join(workingFolder, "copy.staged");
  await mkdir(workingFolder, { recursive: true });
  await store.download(from, local);
  await store.put([{ from: local, to }], { staging: joinPath(staging), isDurable: true });
}

/**
 * Many rows of a batch that wait lie in a file of Parquet beside the checkpoint: its log and its database
 * would take a multiple of the time and of the room. A file is there, and synced, before the commit that
 * names it; one that no commit names has never been. A file per batch would be too many for rows that wait
 * for days: a batch's file takes in those of former batches, as in a log-structured merge tree.
 */

import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { sync } from "../base/durable.ts";
import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { counted } from "../base/units.ts";
import { type Column, type Database, DuckdbError } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";

/** Of each partition's key, how many rows, and since when the first of them waits. */
export type Holding = ReadonlyMap<string, { readonly rows: number; readonly sinceMs: number }>;

export interface BufferedFiles {
  /** Of all files that the last commit has named. */
  holding(): Holding;
  /** Writes rows of a batch that takes others. The next commit names the file. */
  put(rows: Sql, of: { holding: Holding; batchId: number; taken: ReadonlySet<string> }): Promise<void>;
  /** SELECT of the columns from all files that hold one of these keys; undefined where none does. */
  rowsOf(keys: ReadonlySet<string>): Sql | undefined;
  /**
   * Statements for the commit of a batch that takes the rows of these partitions. Of files that hold others
   * too, `keepRest` puts those into the checkpoint's table.
   */
  commit(taken: ReadonlySet<string>, keepRest: (rows: Sql, rest: Holding) => Sql): readonly Sql[];
  /** After the commit: what it names no more is removed. */
  committed(): Promise<void>;
}

export interface BufferedFilesOptions {
  readonly database: Database;
  /** The checkpoint's table of files. */
  readonly table: Sql;
  readonly folder: string;
  readonly columns: readonly Column[];
  /** Puts rows that have the columns of a former job into the checkpoint's table. */
  readonly takeBack: (rows: Sql, found: readonly Column[], sinceMs: number) => Sql;
}

interface BufferedFile {
  readonly name: string;
  /** How often its rows were written again. */
  readonly level: number;
  readonly holding: Holding;
}

/** So many files of a level become one. */
const FILES_A_LEVEL = 32;

/**
 * Undefined where rows have types that Parquet has not. Throws code `io` where a file is gone that rows wait
 * in.
 */
export async function openBufferedFiles(options: BufferedFilesOptions): Promise<BufferedFiles | undefined> {
  const { database, table, folder, columns } = options;
  await mkdir(folder, { recursive: true });
  const fitting = await filesThatFit(options);
  if (fitting === undefined) return undefined;
  let files = fitting;
  const pathOf = ({ name }: BufferedFile): string => path.join(folder, name);
  const names = columns.map(({ name }) => id(name));
  const select = (from: readonly BufferedFile[]): Sql =>
    sql`SELECT ${names} FROM read_parquet([${from.map((file) => sql`${pathOf(file)}`)}])`;
  /** What the next commit names, and the files whose rows are in it. */
  let added: BufferedFile | undefined;
  let merged: readonly BufferedFile[] = [];
  let gone: readonly BufferedFile[] = [];

  return {
    holding: () => sumOf(files.map(({ holding }) => holding)),
    async put(rows, { holding, batchId, taken }) {
      merged = toMerge(files.filter((file) => !holdsAny(file, taken)));
      added = {
        name: `${batchId}.parquet`,
        level: Math.max(0, ...merged.map(({ level }) => level + 1)),
        holding: sumOf([...merged.map((file) => file.holding), holding]),
      };
      const all = merged.length === 0 ? rows : sql`${select(merged)} UNION ALL ${rows}`;
      // No name but the commit's makes it count.
      await database.run(sql`COPY (${all}) TO ${pathOf(added)} (FORMAT parquet, COMPRESSION zstd)`);
      failpoint("rows-kept-torn");
      await sync(pathOf(added));
      await sync(folder);
      failpoint("rows-kept");
    },
    rowsOf(keys) {
      const holders = files.filter((file) => holdsAny(file, keys));
      return holders.length === 0 ? undefined : select(holders);
    },
    commit(taken, keepRest) {
      const ended = files.filter((file) => holdsAny(file, taken));
      gone = [...ended, ...merged];
      const rests = ended.flatMap((file) => {
        const rest = new Map([...file.holding].filter(([key]) => !taken.has(key)));
        return rest.size === 0 ? [] : [keepRest(select([file]), rest)];
      });
      const deletions = gone.map(({ name }) => sql`DELETE FROM ${table} WHERE name = ${name}`);
      const insertions = added === undefined ? [] : [savedAs(added, table)];
      const kept = files.filter((file) => !gone.includes(file));
      files = added === undefined ? kept : [...kept, added];
      added = undefined;
      merged = [];
      return [...rests, ...deletions, ...insertions];
    },
    async committed() {
      if (gone.length > 0) failpoint("rows-dropped");
      for (const file of gone) await rm(pathOf(file), { force: true });
      gone = [];
    },
  };
}

function holdsAny({ holding }: BufferedFile, keys: ReadonlySet<string>): boolean {
  return [...holding.keys()].some((key) => keys.has(key));
}

/** All of the lowest level that has enough; of the levels below too, as they come before. */
function toMerge(files: readonly BufferedFile[]): readonly BufferedFile[] {
  const highest = Math.max(0, ...files.map(({ level }) => level));
  for (let level = highest; level >= 0; level -= 1)
    if (files.filter((file) => file.level === level).length >= FILES_A_LEVEL)
      return files.filter((file) => file.level <= level);
  return [];
}

function sumOf(holdings: readonly Holding[]): Holding {
  const sum = new Map<string, { rows: number; sinceMs: number }>();
  for (const [key, { rows, sinceMs }] of holdings.flatMap((holding) => [...holding])) {
    const before = sum.get(key) ?? { rows: 0, sinceMs };
    sum.set(key, { rows: before.rows + rows, sinceMs: Math.min(before.sinceMs, sinceMs) });
  }
  return sum;
}

function savedAs({ name, level, holding }: BufferedFile, table: Sql): Sql {
  const rows = [...holding.values()].reduce((total, part) => total + part.rows, 0);
  return sql`INSERT INTO ${table} VALUES (${name}, ${level}, ${rows}, ${JSON.stringify([...holding])})`;
}

/** Those that the checkpoint names. Rows of other columns are taken back; other files are removed. */
async function filesThatFit(options: BufferedFilesOptions): Promise<readonly BufferedFile[] | undefined> {
  const { database, table, folder, columns, takeBack } = options;
  await database.run(
    sql`CREATE TABLE IF NOT EXISTS ${table} (name VARCHAR, level INTEGER, rows BIGINT, holding VARCHAR)`,
  );
  const saved = (await database.rows(sql`FROM ${table}`)).map((row): BufferedFile & { rows: number } => ({
    name: String(row["name"]),
    level: Number(row["level"]),
    rows: Number(row["rows"]),
    holding: new Map(JSON.parse(String(row["holding"])) as [string, { rows: number; sinceMs: number }][]),
  }));
  const canHold = await survives(options);
  const fitting: BufferedFile[] = [];
  for (const file of saved) {
    const place = path.join(folder, file.name);
    if (!existsSync(place))
      throw new StreamkitError(
        "io",
        `"${place}" is gone: ${counted(file.rows, "row")} wait in it for a file of the table. It belongs ` +
          "to the checkpoint, of which the whole folder must be kept",
        { component: "parquet" },
      );
    const found = await database.describe(sql`FROM read_parquet(${place})`);
    if (canHold && hasSameColumns(found, columns)) {
      fitting.push(file);
      continue;
    }
    const sinceMs = Math.min(...[...file.holding.values()].map((part) => part.sinceMs));
    await database.run(sql`BEGIN; ${takeBack(sql`FROM read_parquet(${place})`, found, sinceMs)};
      DELETE FROM ${table} WHERE name = ${file.name}; COMMIT`);
  }
  const named = new Set(fitting.map(({ name }) => name));
  for (const name of await readdir(folder))
    if (!named.has(name)) await rm(path.join(folder, name), { force: true });
  return canHold ? fitting : undefined;
}

/** Whether values come out of Parquet as they went in: it has no UHUGEINT, for one. */
async function survives({ database, folder, columns }: BufferedFilesOptions): Promise<boolean> {
  const probe = path.join(folder, "probe");
  const items = columns.map(({ name, type }) => sql`NULL::${raw(type)} AS ${id(name)}`);
  try {
    await database.run(sql`COPY (SELECT ${items} WHERE false) TO ${probe} (FORMAT parquet)`);
    return hasSameColumns(await database.describe(sql`FROM read_parquet(${probe})`), columns);
  } catch (error) {
    if (error instanceof DuckdbError) return false;
    throw error;
  }
}

export function hasSameColumns(a: readonly Column[], b: readonly Column[]): boolean {
  const text = ({ name, type }: Column): string => `${name} ${type}`;
  return a.map(text).join() === b.map(text).join();
}

/**
 * Rows that wait for company, so that files are not small. They lie in a table of the checkpoint, or in files
 * beside it where a batch has many, not in memory: what a batch adds to them, and what the table's files take
 * from them, is part of the batch's commit. So a row waits or is in a file, never both and never neither.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { type Holding, hasSameColumns, openBufferedFiles } from "./buffered-files.ts";
import { type Partitioning, valuesOfKey } from "./partition-columns.ts";

/** When rows of a partition have waited enough: whichever comes first. */
export interface Roll {
  readonly rows?: number | undefined;
  /** Of the file that they will be, about. */
  readonly bytes?: number | undefined;
  readonly everyMs?: number | undefined;
}

export interface BufferedRows {
  /** Takes a batch's rows, which the query gives with the partition columns. */
  add(rows: Sql, plannedAtMs: number): Promise<void>;
  /** The keys of the partitions that have rows waiting, those of the batch among them. */
  keys(): readonly string[];
  /** Those that have waited enough. `bytesPerRow` is what a row takes in a file. */
  dueKeys(nowMs: number, bytesPerRow: number): readonly string[];
  /** All rows of these partitions, with the partition columns. */
  rowsOf(keys: readonly string[]): Sql;
  countOf(keys: readonly string[]): number;
  /** Before the commit of a batch whose files took the rows of these partitions: many others go to a file. */
  keep(takenKeys: readonly string[], batchId: number): Promise<void>;
  /** Statements for that commit. */
  commit(takenKeys: readonly string[]): readonly Sql[];
  /** After it. */
  committed(): Promise<void>;
  /** Whether some have waited for as long as they may. */
  isOverdue(nowMs: number): boolean;
}

export interface BufferedRowsOptions {
  readonly database: Database;
  /** The checkpoint's tables of rows, and of files with rows. */
  readonly table: Sql;
  readonly filesTable: Sql;
  /** Undefined where no checkpoint is on a disk. */
  readonly folder: string | undefined;
  /** Of the files, and then of the folders. */
  readonly columns: readonly Column[];
  readonly partitioning: Pick<Partitioning, "columns" | "key">;
  readonly roll: Roll;
}

/** Fewer rows of a batch are better off in the checkpoint's table: it takes no sync of their own. */
const MIN_FILE_ROWS = 4096;
/** Rows of more partitions than this would hardly ever leave a file together. */
const MAX_FILE_KEYS = 64;

interface Entry {
  /** In the table, in files, and of the batch under way. */
  readonly kept: number;
  readonly filed: number;
  readonly added: number;
  readonly sinceMs: number;
}

const SINCE = id("_streamkit_since");

export async function openBufferedRows(options: BufferedRowsOptions): Promise<BufferedRows> {
  const { database, table, filesTable, folder, columns, partitioning, roll } = options;
  const { key } = partitioning;
  const names = columns.map(({ name }) => id(name));
  await makeTable(options);
  const files =
    folder === undefined
      ? undefined
      : await openBufferedFiles({
          database,
          table: filesTable,
          folder,
          columns,
          takeBack: (rows, found, sinceMs) =>
            sql`INSERT INTO ${table} SELECT ${conformed(columns, found)}, ${sinceMs}::BIGINT FROM (${rows})`,
        });
  const entries = new Map<string, Entry>();
  const partition = partitioning.columns.map(({ name }) => id(name));
  /** One row a partition; its key is made of what it is grouped by, not of each row. */
  const countsIn = (rows: Sql, since: Sql): Sql => sql`
    SELECT ${key} AS key, _streamkit_rows AS rows, _streamkit_since AS since
    FROM (SELECT ${[...partition, raw("count(*) AS _streamkit_rows"), sql`${since} AS ${SINCE}`]}
      FROM ${rows} GROUP BY ALL)
    WHERE _streamkit_rows > 0`;
  const found = await database.rows(countsIn(table, sql`min(${SINCE})`));
  for (const row of found)
    entries.set(String(row["key"]), {
      ...NOTHING,
      kept: Number(row["rows"]),
      sinceMs: Number(row["since"]),
    });
  for (const [key, { rows, sinceMs }] of files?.holding() ?? []) {
    const before = entries.get(key) ?? { ...NOTHING, sinceMs };
    entries.set(key, { ...before, filed: rows, sinceMs: Math.min(before.sinceMs, sinceMs) });
  }
  /** Rows in the table that are gone as far as anybody knows, but whose place is not given back. */
  let deletedRows = 0;
  let added: Sql | undefined;
  let addedAtMs = 0;
  /** Whether the rows of the batch under way that stay are in a file. */
  let isInFile = false;

  const among = (keys: readonly string[]): Sql => {
    const isAll = entries.size === keys.length;
    if (isAll) return raw("true");
    if (keys.length === 0) return raw("false");
    const values = keys.map((text) => {
      const typed = valuesOfKey(text).map(
        (value, index) => sql`CAST(${value} AS ${raw(partitioning.columns[index]?.type ?? "")})`,
      );
      return sql`row(${typed})`;
    });
    // Of rows, unlike of single values, NULLs are equal.
    return sql`row(${partition}) IN (${values})`;
  };
  const totalOf = (keys: Iterable<string>, part: (entry: Entry) => number): number =>
    [...keys].reduce((total, name) => {
      const entry = entries.get(name);
      return entry === undefined ? total : total + part(entry);
    }, 0);
  const isOld = ({ sinceMs }: Entry, nowMs: number): boolean =>
    roll.everyMs !== undefined && nowMs - sinceMs >= roll.everyMs;
  return {
    async add(rows, plannedAtMs) {
      added = sql`(${rows})`;
      addedAtMs = plannedAtMs;
      for (const row of await database.rows(countsIn(added, raw("min(0)")))) {
        const before = entries.get(String(row["key"])) ?? { ...NOTHING, sinceMs: plannedAtMs };
        entries.set(String(row["key"]), { ...before, added: Number(row["rows"]) });
      }
    },
    keys: () => [...entries.keys()],
    dueKeys: (nowMs, bytesPerRow) =>
      [...entries].flatMap(([name, entry]) => {
        const rows = entry.kept + entry.filed + entry.added;
        const isEnough =
          (roll.rows !== undefined && rows >= roll.rows) ||
          (roll.bytes !== undefined && rows * bytesPerRow >= roll.bytes);
        return isEnough || isOld(entry, nowMs) ? [name] : [];
      }),
    rowsOf(keys) {
      const of = among(keys);
      const filed = files?.rowsOf(new Set(keys));
      const isKept = [...entries.values()].some((entry) => entry.kept > 0);
      const parts = [
        ...(isKept || (filed === undefined && added === undefined)
          ? [sql`SELECT ${names} FROM ${table}`]
          : []),
        ...(filed === undefined ? [] : [filed]),
        ...(added === undefined ? [] : [sql`SELECT ${names} FROM ${added}`]),
      ];
      return join(
        parts.map((rows) => sql`SELECT ${names} FROM (${rows}) WHERE ${of}`),
        " UNION ALL ",
      );
    },
    countOf: (keys) => totalOf(keys, ({ kept, filed, added: fresh }) => kept + filed + fresh),
    async keep(takenKeys, batchId) {
      isInFile = false;
      const taken = new Set(takenKeys);
      const staying = [...entries].filter(([key, entry]) => entry.added > 0 && !taken.has(key));
      const rows = staying.reduce((total, [, entry]) => total + entry.added, 0);
      if (files === undefined || added === undefined || rows < MIN_FILE_ROWS) return;
      if (staying.length > MAX_FILE_KEYS) return;
      const holding: Holding = new Map(
        staying.map(([key, entry]) => [key, { rows: entry.added, sinceMs: addedAtMs }]),
      );
      const stay = sql`SELECT ${names} FROM ${added} WHERE NOT (${among(takenKeys)})`;
      await files.put(stay, { holding, batchId, taken });
      isInFile = true;
    },
    commit(takenKeys) {
      const statements: Sql[] = [];
      const taken = among(takenKeys);
      const gone = totalOf(takenKeys, ({ kept }) => kept);
      const left = totalOf(entries.keys(), ({ kept }) => kept) - gone;
      // DuckDB does not give back what is deleted: now and then the rest is written anew.
      if (gone > 0 && gone + deletedRows >= left) {
        statements.push(sql`CREATE OR REPLACE TABLE ${table} AS FROM ${table} WHERE NOT (${taken})`);
        deletedRows = 0;
      } else if (gone > 0) {
        statements.push(sql`DELETE FROM ${table} WHERE ${taken}`);
        deletedRows += gone;
      }
      const keepRows = (rows: Sql, sinceMs: number): Sql => sql`INSERT INTO ${table}
        SELECT ${names}, ${sinceMs}::BIGINT FROM (${rows}) WHERE NOT (${taken})`;
      const stay = [...entries].some(([name, entry]) => entry.added > 0 && !takenKeys.includes(name));
      if (stay && added !== undefined && !isInFile) statements.push(keepRows(added, addedAtMs));
      const keepRest = (rows: Sql, rest: Holding): Sql => {
        for (const [key, part] of rest) {
          const entry = entries.get(key) ?? { ...NOTHING, sinceMs: part.sinceMs };
          entries.set(key, { ...entry, kept: entry.kept + part.rows, filed: entry.filed - part.rows });
        }
        return keepRows(rows, Math.min(...[...rest.values()].map(({ sinceMs }) => sinceMs)));
      };
      statements.push(...(files?.commit(new Set(takenKeys), keepRest) ?? []));
      for (const name of takenKeys) entries.delete(name);
      for (const [name, { added: fresh, ...entry }] of entries) {
        const kept = isInFile ? 0 : fresh;
        entries.set(name, { ...entry, kept: entry.kept + kept, filed: entry.filed + fresh - kept, added: 0 });
      }
      added = undefined;
      isInFile = false;
      return statements;
    },
    committed: async () => files?.committed(),
    isOverdue: (nowMs) => [...entries.values()].some((entry) => isOld(entry, nowMs)),
  };
}

const NOTHING = { kept: 0, filed: 0, added: 0 };

/** The table as it is to be. */
async function makeTable({ database, table, columns }: BufferedRowsOptions): Promise<void> {
  const wanted = [...columns, { name: "_streamkit_since", type: "BIGINT" }];
  const definitions = wanted.map(({ name, type }) => sql`${id(name)} ${raw(type)}`);
  await database.run(sql`CREATE TABLE IF NOT EXISTS ${table} (${definitions})`);
  const found = await database.describe(sql`SELECT * FROM ${table}`);
  if (hasSameColumns(found, wanted)) return;
  await database.run(
    sql`CREATE OR REPLACE TABLE ${table} AS SELECT ${conformed(wanted, found)} FROM ${table}`,
  );
}

/** Columns that came since rows were put there are NULL in those. */
function conformed(wanted: readonly Column[], found: readonly Column[]): readonly Sql[] {
  return wanted.map(({ name, type }) => {
    const there = found.some((column) => column.name === name);
    return sql`CAST(${there ? id(name) : raw("NULL")} AS ${raw(type)}) AS ${id(name)}`;
  });
}

/**
 * Rows that wait for company, so that files are not small. They lie in a table of the checkpoint, not in
 * memory: what a batch adds to it, and what its files take from it, is part of the batch's commit. So a row
 * is in the table or in a file, never in both and never in neither.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { type Partitioning, valuesOfKey } from "./partition-columns.ts";

/** When rows of a partition have waited enough: whichever comes first. */
export interface Roll {
  readonly rows?: number | undefined;
  /** Of the file that they will be, about. */
  readonly bytes?: number | undefined;
  readonly everyMs?: number | undefined;
}

export interface WaitingRows {
  /** Takes a batch's rows, which the query gives with the partition columns. */
  add(rows: Sql, plannedAtMs: number): Promise<void>;
  /** The keys of the partitions that have rows waiting, those of the batch among them. */
  keys(): readonly string[];
  /** Those that have waited enough. `bytesPerRow` is what a row takes in a file. */
  dueKeys(nowMs: number, bytesPerRow: number): readonly string[];
  /** All rows of these partitions, with the partition columns. */
  rowsOf(keys: readonly string[]): Sql;
  countOf(keys: readonly string[]): number;
  /** Statements for the commit of a batch whose files took the rows of these partitions. */
  commit(takenKeys: readonly string[]): readonly Sql[];
  /** Whether some have waited for as long as they may. */
  isOverdue(nowMs: number): boolean;
}

export interface WaitingOptions {
  readonly database: Database;
  /** The checkpoint's table. */
  readonly table: Sql;
  /** Of the files, and then of the folders. */
  readonly columns: readonly Column[];
  readonly partitioning: Pick<Partitioning, "columns" | "key">;
  readonly roll: Roll;
}

interface Entry {
  /** In the table, and of the batch under way. */
  readonly kept: number;
  readonly added: number;
  readonly sinceMs: number;
}

const SINCE = id("_streamkit_since");

export async function openWaitingRows(options: WaitingOptions): Promise<WaitingRows> {
  const { database, table, columns, partitioning, roll } = options;
  const { key } = partitioning;
  const names = columns.map(({ name }) => id(name));
  await makeTable(options);
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
    entries.set(String(row["key"]), { kept: Number(row["rows"]), added: 0, sinceMs: Number(row["since"]) });
  /** Rows in the table that are gone as far as anybody knows, but whose place is not given back. */
  let deletedRows = 0;
  let added: Sql | undefined;
  let addedAtMs = 0;

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
        const before = entries.get(String(row["key"])) ?? { kept: 0, added: 0, sinceMs: plannedAtMs };
        entries.set(String(row["key"]), { ...before, added: Number(row["rows"]) });
      }
    },
    keys: () => [...entries.keys()],
    dueKeys: (nowMs, bytesPerRow) =>
      [...entries].flatMap(([name, entry]) => {
        const rows = entry.kept + entry.added;
        const isEnough =
          (roll.rows !== undefined && rows >= roll.rows) ||
          (roll.bytes !== undefined && rows * bytesPerRow >= roll.bytes);
        return isEnough || isOld(entry, nowMs) ? [name] : [];
      }),
    rowsOf(keys) {
      const of = among(keys);
      const kept = sql`SELECT ${names} FROM ${table} WHERE ${of}`;
      if (added === undefined) return kept;
      const fresh = sql`SELECT ${names} FROM ${added} WHERE ${of}`;
      return [...entries.values()].every((entry) => entry.kept === 0)
        ? fresh
        : sql`${kept} UNION ALL ${fresh}`;
    },
    countOf: (keys) => totalOf(keys, ({ kept, added: fresh }) => kept + fresh),
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
      const stay = [...entries].some(([name, entry]) => entry.added > 0 && !takenKeys.includes(name));
      if (stay && added !== undefined)
        statements.push(sql`INSERT INTO ${table}
          SELECT ${names}, ${addedAtMs}::BIGINT FROM ${added} WHERE NOT (${taken})`);
      for (const name of takenKeys) entries.delete(name);
      for (const [name, entry] of entries)
        entries.set(name, { ...entry, kept: entry.kept + entry.added, added: 0 });
      added = undefined;
      return statements;
    },
    isOverdue: (nowMs) => [...entries.values()].some((entry) => isOld(entry, nowMs)),
  };
}

/** The table as it is to be: columns that came since rows were put there are NULL in those. */
async function makeTable({ database, table, columns }: WaitingOptions): Promise<void> {
  const wanted = [...columns, { name: "_streamkit_since", type: "BIGINT" }];
  const definitions = wanted.map(({ name, type }) => sql`${id(name)} ${raw(type)}`);
  await database.run(sql`CREATE TABLE IF NOT EXISTS ${table} (${definitions})`);
  const found = await database.describe(sql`SELECT * FROM ${table}`);
  const nameAndType = ({ name, type }: Column): string => `${name} ${type}`;
  if (found.map(nameAndType).join() === wanted.map(nameAndType).join()) return;
  const items = wanted.map(({ name, type }) => {
    const there = found.some((column) => column.name === name);
    return sql`CAST(${there ? id(name) : raw("NULL")} AS ${raw(type)}) AS ${id(name)}`;
  });
  await database.run(sql`CREATE OR REPLACE TABLE ${table} AS SELECT ${items} FROM ${table}`);
}

/**
 * A SQLite file as a target. DuckDB writes blocks of rows as JSON, each of which is one value of one
 * statement: SQLite takes it apart, and no row becomes an object of JavaScript.
 */

import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { id, join, literal, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { openSqlite, type Sqlite, SqliteError } from "../../runtime/sqlite.ts";
import { hasNullKey, NUMBER, OP } from "../net-effect.ts";
import {
  type Feed,
  type NetRows,
  type Range,
  type Refusal,
  RefusedRows,
  type Session,
  type Target,
} from "../target.ts";
import { openTable, type Table, typesOf } from "./table.ts";
import { NULL_JSON } from "./types.ts";

export interface SqliteTargetOptions {
  readonly file: string;
  readonly table: string;
  readonly creates: boolean;
  readonly feed: Feed;
}

const MARKS = id("main", "streamkit_commits");
const STAGE = id("temp", "streamkit_stage");

/** Throws code `job` where a column has a type that SQLite has not. */
export function sqliteTarget({ file, table, creates, feed }: SqliteTargetOptions): Target {
  typesOf(feed);
  const texts = feed.columns.filter(({ type }) => type === "VARCHAR" || type.startsWith("ENUM("));
  const nuls = texts.map(({ name }) => sql`contains(${id(name)}::VARCHAR, chr(0))`);
  return {
    name: `The table ${table} in ${file}`,
    unsendable:
      texts.length === 0
        ? undefined
        : sql`CASE WHEN ${join(nuls, " OR ")} THEN 'text with a NUL character, at which SQLite ends it' END`,
    async connect() {
      const isNew = (await stat(file).catch(() => undefined)) === undefined;
      if (isNew && !creates)
        throw new StreamkitError("job", `There is no file "${file}": make it, or say create: true`);
      await mkdir(path.dirname(file), { recursive: true });
      const database = await attempt(file, () => openSqlite(file, creates));
      try {
        return await attempt(file, async () => {
          database.run(SETTINGS);
          if (isNew) database.rows("PRAGMA journal_mode = WAL");
          const found = openTable(database, { name: table, file, creates, feed });
          database.run(MARKS_TABLE);
          database.run(stageTable(found).text);
          return openSession(database, { table: found, feed, file, isFile: await placeOf(file) });
        });
      } catch (error) {
        database.close();
        throw error;
      }
    },
  };
}

/** What is committed is on disk. A lock is waited for by trying again, not here, where all would wait. */
const SETTINGS = "PRAGMA synchronous = FULL; PRAGMA busy_timeout = 50";
const MARKS_TABLE = sql`CREATE TABLE IF NOT EXISTS ${MARKS} (checkpoint TEXT NOT NULL, sink TEXT NOT NULL,
  batch INTEGER NOT NULL, job TEXT NOT NULL, refused TEXT,
  committed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), PRIMARY KEY (checkpoint, sink))`
  .text;

/** Columns have no affinity: `n`, `op`, then `c0`, `c1` … */
function stageTable({ columns }: Table): Sql {
  const own = columns.map((_, index) => columnOf(index));
  return sql`CREATE TABLE ${STAGE} (n INTEGER PRIMARY KEY, op TEXT, ${own})`;
}

function columnOf(index: number): Sql {
  return id(`c${index}`);
}

/** Names the file that is there now. */
async function placeOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  return found === undefined ? "" : `${found.dev}:${found.ino}`;
}

interface Opened {
  readonly table: Table;
  readonly feed: Feed;
  readonly file: string;
  readonly isFile: string;
}

function openSession(database: Sqlite, { table, feed, file, isFile }: Opened): Session {
  const sink = `${table.name}${feed.shard}`;
  const isOurs = sql`checkpoint = ${feed.checkpoint} AND sink = ${sink}`;
  const merge = merging(table, feed);
  const run = (statements: Sql): void => database.run(statements.text);
  const guarded = <T>(action: () => T | Promise<T>): Promise<T> => attempt(file, async () => action());
  const marked = () => {
    const [found] = database.rows(sql`SELECT batch, refused FROM ${MARKS} WHERE ${isOurs}`.text);
    if (found === undefined) return undefined;
    const refused = JSON.parse(String(found["refused"] ?? "[]")) as readonly Refusal[];
    return { batch: Number(found["batch"]), refused };
  };
  return {
    mark: () => guarded(marked),
    hasOtherMarks: () =>
      guarded(() => {
        const others = sql`SELECT 1 AS found FROM ${MARKS} WHERE sink = ${sink} AND job = ${feed.job}
          AND checkpoint <> ${feed.checkpoint} LIMIT 1`;
        return database.rows(others.text).length > 0;
      }),
    forgetMark: () => guarded(() => run(sql`DELETE FROM ${MARKS} WHERE ${isOurs}`)),
    begin: (batch) =>
      guarded(async () => {
        if ((await placeOf(file)) !== isFile)
          throw new StreamkitError("io", `"${file}" was removed, or replaced by another file`, {
            component: "sqlite",
            retryable: true,
          });
        // Who writes the same file is waited for here.
        run(sql`DELETE FROM ${STAGE}; BEGIN IMMEDIATE`);
        if ((marked()?.batch ?? 0) >= batch) return false;
        run(sql`INSERT INTO ${MARKS} (checkpoint, sink, batch, job)
          VALUES (${feed.checkpoint}, ${sink}, ${batch}, ${feed.job})
          ON CONFLICT (checkpoint, sink) DO UPDATE SET batch = excluded.batch, refused = NULL,
            committed_at = excluded.committed_at`);
        return true;
      }),
    stage: (rows) =>
      guarded(async () => {
        const insert = staging(table);
        for await (const lines of rows.database.textBlocks(jsonRows(table, rows)))
          database.rows(insert, [`[${lines.join(",")}]`]);
      }),
    apply: (range, rows) =>
      guarded(() => {
        run(raw("SAVEPOINT streamkit"));
        try {
          run(merge(range, rows));
          run(raw("RELEASE streamkit"));
        } catch (error) {
          if (!(error instanceof SqliteError) || !ABOUT_ROWS.has(error.code)) throw error;
          run(raw("ROLLBACK TO streamkit; RELEASE streamkit"));
          throw new RefusedRows(error.message, { cause: error });
        }
      }),
    commit: (_batch, refused) =>
      guarded(() => {
        if (refused.length > 0)
          run(sql`UPDATE ${MARKS} SET refused = ${JSON.stringify(refused)} WHERE ${isOurs}`);
        run(raw("COMMIT"));
      }),
    rollback: () => guarded(() => run(raw("ROLLBACK"))),
    async close() {
      // An open transaction is not there.
      database.close();
    },
  };
}

/** A row as JSON: `[n, "op", …]`. */
function jsonRows({ columns }: Table, { rows }: NetRows): Sql {
  const cells = columns.map(({ name, type }) => sql`coalesce(${type.json(id(name))}, ${NULL_JSON})`);
  const texts = columns
    .filter(({ isText }) => isText)
    .map(({ name }) => sql`contains(${id(name)}::VARCHAR, chr(0))`);
  const sendable = texts.length === 0 ? raw("") : sql` WHERE NOT coalesce(${join(texts, " OR ")}, false)`;
  return sql`SELECT concat('[', ${NUMBER}, ',"', ${OP}, '",', concat_ws(',', ${join(cells)}), ']')
    FROM (${rows})${sendable}`;
}

function staging({ columns }: Table): string {
  const read = columns.map(({ type }, index) => type.read(sql`value ->> ${raw(String(index + 2))}`));
  const named = columns.map((_, index) => columnOf(index));
  return sql`INSERT INTO ${STAGE} (n, op, ${named})
    SELECT value ->> 0, value ->> 1, ${read} FROM json_each(?)`.text;
}

/** The statements that put staged rows into the table. */
function merging({ name, columns }: Table, { mode, key }: Feed) {
  const target = id("main", name);
  const stagedOf = (column: string): Sql => columnOf(columns.findIndex((one) => one.name === column));
  const names = columns.map((column) => id(column.name));
  const keys = key.map((column) => id(column));
  const others = columns.filter((column) => !key.includes(column.name));
  const onConflict =
    mode === "append" || key.length === 0
      ? raw("")
      : others.length === 0
        ? sql` ON CONFLICT (${keys}) DO NOTHING`
        : sql` ON CONFLICT (${keys}) DO UPDATE
            SET ${others.map((column) => sql`${id(column.name)} = excluded.${id(column.name)}`)}`;
  return ({ first, last }: Range, { hasDeletes, hasNullKeys }: NetRows): Sql => {
    const inRange = sql`s.n BETWEEN ${first} AND ${last}`;
    const statements: Sql[] = [];
    if (mode !== "append" && key.length === 0) statements.push(sql`DELETE FROM ${target}`);
    else if (mode !== "append") {
      const staged = key.map((column) => sql`s.${stagedOf(column)}`);
      if (hasDeletes)
        statements.push(sql`DELETE FROM ${target} WHERE (${keys}) IN
          (SELECT ${staged} FROM ${STAGE} AS s WHERE ${inRange} AND s.op = 'delete')`);
      const same = key.map((column) => sql`t.${id(column)} IS s.${stagedOf(column)}`);
      const places = key.map((column) => columns.findIndex((one) => one.name === column));
      const isNull = hasNullKey(places.map((place) => `c${place}`));
      // An index tells two NULLs apart, and no row with one would be found again: it is put anew.
      if (hasNullKeys)
        statements.push(sql`DELETE FROM ${target} AS t WHERE EXISTS (SELECT 1 FROM ${STAGE} AS s
          WHERE ${inRange} AND (${isNull}) AND ${join(same, " AND ")})`);
    }
    statements.push(sql`INSERT INTO ${target} (${names}) SELECT ${columns.map((_, index) => columnOf(index))}
      FROM ${STAGE} AS s WHERE ${inRange} AND s.op <> ${literal("delete")} ORDER BY s.n${onConflict}`);
    return join(statements, "; ");
  };
}

/** Constraints and triggers, and values of another kind than a strict column's. */
const ABOUT_ROWS = new Set([19, 20]);
/** Busy, locked, no memory, an error of the disk, full, can't be opened now. */
const PASSING = new Set([5, 6, 7, 10, 13]);

async function attempt<T>(file: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error;
    throw new StreamkitError("io", `The SQLite file "${file}": ${messageOf(error)}`, {
      component: "sqlite",
      retryable: PASSING.has(error.code),
      cause: error,
    });
  }
}

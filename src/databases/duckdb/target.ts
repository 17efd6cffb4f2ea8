/**
 * A DuckDB file as a target. It is attached to the batches' own database for the length of a batch: DuckDB
 * takes the rows without a way between, and others may read the file from one batch to the next.
 *
 * A keyed table has no index: DuckDB never frees the rows that are deleted from one that has
 * (https://github.com/duckdb/duckdb/issues/25162). Rows of a key are deleted and inserted.
 */

import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { logger } from "../../base/log.ts";
import { type Database, DuckdbError } from "../../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { compareTable, type TableColumn } from "../compare.ts";
import { NUMBER, OP } from "../net-effect.ts";
import { type Feed, type Range, type Refusal, RefusedRows, type Session, type Target } from "../target.ts";
import { fitsInto } from "./types.ts";

export interface DuckdbTargetOptions {
  /** The connection of the batches. */
  readonly database: Database;
  readonly file: string;
  /** NAME or SCHEMA.NAME. */
  readonly table: string;
  readonly creates: boolean;
  readonly feed: Feed;
}

/** Nothing that a job can name. */
const FILE = "_streamkit_sink_file";
const STAGE = id("temp", "_streamkit_sink_stage");
const MARKS = id(FILE, "main", "streamkit_commits");

export function duckdbTarget(options: DuckdbTargetOptions): Target {
  const { file, table } = options;
  return {
    name: `The table ${table} in ${file}`,
    unsendable: undefined,
    async connect() {
      const session = openSession(options);
      try {
        await session.prepare();
        return session;
      } catch (error) {
        await session.close(false);
        throw fileError(error, file);
      }
    },
  };
}

function openSession({ database, file, table, creates, feed }: DuckdbTargetOptions) {
  const parts = table.split(".");
  const schema = parts.length > 1 ? (parts[0] ?? "") : "main";
  const name = parts.slice(parts.length > 1 ? 1 : 0).join(".");
  const target = id(FILE, schema, name);
  const sink = `${schema}.${name}${feed.shard}`;
  const isOurs = sql`checkpoint = ${feed.checkpoint} AND sink = ${sink}`;
  let isAttached = false;
  let inTransaction = false;
  /** Of the batch under way: rows up to here are in the table, but for these. */
  let doneTo = 0;
  let refused: number[] = [];
  let batch = 0;

  const attach = async (): Promise<void> => {
    if (isAttached) return;
    await database.run(sql`ATTACH ${file} AS ${id(FILE)}`);
    isAttached = true;
  };
  const detach = async (): Promise<void> => {
    if (isAttached) await database.run(sql`DETACH ${id(FILE)}`);
    isAttached = false;
  };
  const rollback = async (): Promise<void> => {
    if (inTransaction) await database.run(raw("ROLLBACK"));
    inTransaction = false;
  };
  const beginMarked = async (): Promise<void> => {
    await database.run(raw("BEGIN"));
    inTransaction = true;
    await database.run(sql`DELETE FROM ${MARKS} WHERE ${isOurs};
      INSERT INTO ${MARKS} (checkpoint, sink, batch, job)
      VALUES (${feed.checkpoint}, ${sink}, ${batch}, ${feed.job})`);
  };
  const merge = (rows: Sql): Promise<void> => database.run(merging(target, feed, rows));
  const readMark = async () => {
    const [found] = await database.rows(sql`SELECT batch, refused FROM ${MARKS} WHERE ${isOurs}`);
    if (found === undefined) return undefined;
    return {
      batch: Number(found["batch"]),
      refused: JSON.parse(String(found["refused"] ?? "[]")) as readonly Refusal[],
    };
  };
  const wrapped = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      await attach();
      return await action();
    } catch (error) {
      throw error instanceof RefusedRows ? error : fileError(error, file);
    }
  };
  /** What DuckDB has no savepoints for: all that was done so far, in a new transaction. */
  const redo = async (): Promise<void> => {
    await rollback();
    await beginMarked();
    const without =
      refused.length === 0
        ? raw("")
        : sql` AND ${NUMBER} NOT IN (${join(refused.map((n) => raw(String(n))))})`;
    await merge(sql`(FROM ${STAGE} WHERE ${NUMBER} <= ${doneTo}${without})`);
  };
  const session: Session & { prepare(): Promise<void> } = {
    async prepare() {
      if (creates) await mkdir(path.dirname(file), { recursive: true });
      else if ((await stat(file).catch(() => undefined)) === undefined)
        throw new StreamkitError("job", `There is no file "${file}": make it, or say create: true`);
      await attach();
      await openTable(database, { target, schema, name, file, creates, feed });
      await database.run(sql`CREATE TABLE IF NOT EXISTS ${MARKS} (checkpoint VARCHAR NOT NULL,
        sink VARCHAR NOT NULL, batch BIGINT NOT NULL, job VARCHAR NOT NULL, refused VARCHAR,
        committed_at TIMESTAMP NOT NULL DEFAULT (get_current_timestamp()::TIMESTAMP))`);
      await detach();
    },
    mark: () =>
      wrapped(async () => {
        const found = await readMark();
        if (!inTransaction) await detach();
        return found;
      }),
    hasOtherMarks: () =>
      wrapped(async () => {
        const found = await database.rows(sql`SELECT 1 FROM ${MARKS}
          WHERE sink = ${sink} AND job = ${feed.job} AND checkpoint <> ${feed.checkpoint} LIMIT 1`);
        await detach();
        return found.length > 0;
      }),
    forgetMark: () =>
      wrapped(async () => {
        await database.run(sql`DELETE FROM ${MARKS} WHERE ${isOurs}`);
        await detach();
      }),
    begin: (next) =>
      wrapped(async () => {
        [batch, doneTo, refused] = [next, 0, []];
        // Nobody else can write: the file is ours as long as it is attached.
        return ((await readMark())?.batch ?? 0) < next;
      }),
    stage: ({ rows }) =>
      wrapped(async () => {
        // Not in the transaction: that may be begun more than once.
        await database.run(sql`CREATE OR REPLACE TEMP TABLE ${STAGE} AS ${rows}`);
        await beginMarked();
      }),
    apply: ({ first, last }: Range) =>
      wrapped(async () => {
        try {
          await merge(sql`(FROM ${STAGE} WHERE ${NUMBER} BETWEEN ${first} AND ${last})`);
          doneTo = last;
        } catch (error) {
          if (!isAboutRows(error)) throw error;
          if (first === last) {
            refused.push(first);
            doneTo = last;
          }
          await redo();
          throw new RefusedRows(plainWords(error), { cause: error });
        }
      }),
    commit: (_batch, all) =>
      wrapped(async () => {
        if (all.length > 0)
          await database.run(sql`UPDATE ${MARKS} SET refused = ${JSON.stringify(all)} WHERE ${isOurs}`);
        await database.run(raw("COMMIT"));
        inTransaction = false;
        await database.run(sql`DROP TABLE IF EXISTS ${STAGE}`);
        await detach();
      }),
    rollback: () =>
      wrapped(async () => {
        await rollback();
        await detach();
      }),
    async close(isClean) {
      if (!isClean && inTransaction) database.interrupt();
      await rollback().catch(() => undefined);
      await database.run(sql`DROP TABLE IF EXISTS ${STAGE}`).catch(() => undefined);
      await detach().catch(() => undefined);
    },
  };
  return session;
}

/** `rows`: staged ones, as a FROM clause has them. */
function merging(target: Sql, { mode, key, columns }: Feed, rows: Sql): Sql {
  const names = columns.map(({ name }) => id(name));
  const statements: Sql[] = [];
  const same = key.map((name) => sql`t.${id(name)} IS NOT DISTINCT FROM s.${id(name)}`);
  if (mode !== "append")
    statements.push(
      key.length === 0
        ? sql`DELETE FROM ${target}`
        : sql`DELETE FROM ${target} AS t USING ${rows} AS s WHERE ${join(same, " AND ")}`,
    );
  statements.push(sql`INSERT INTO ${target} (${names}) SELECT ${names} FROM ${rows} AS s
    WHERE ${OP} <> 'delete' ORDER BY ${NUMBER}`);
  return join(statements, "; ");
}

interface TableRequest {
  readonly target: Sql;
  readonly schema: string;
  readonly name: string;
  readonly file: string;
  readonly creates: boolean;
  readonly feed: Feed;
}

async function openTable(
  database: Database,
  { target, schema, name, file, creates, feed }: TableRequest,
): Promise<void> {
  const find = () =>
    database.rows(sql`SELECT column_name AS name, data_type AS type, is_nullable, column_default
      FROM duckdb_columns() WHERE database_name = ${FILE} AND lower(schema_name) = lower(${schema})
        AND lower(table_name) = lower(${name})
      ORDER BY column_index`);
  let found = await find();
  if (found.length === 0) {
    if (!creates)
      throw new StreamkitError("job", `There is no table ${name} in "${file}": make it, or say create: true`);
    const columns = feed.columns.map((column) => sql`${id(column.name)} ${raw(column.type)}`);
    await database.run(sql`CREATE SCHEMA IF NOT EXISTS ${id(FILE, schema)};
      CREATE TABLE ${target} (${columns})`);
    logger("duckdb").info(`The table ${name} was made in ${file}`);
    found = await find();
  }
  const columns: TableColumn[] = [];
  for (const row of found) {
    const column = String(row["name"]);
    // Only an INSERT tells what is generated.
    const isGenerated = await database
      .run(sql`INSERT INTO ${target} (${id(column)}) SELECT NULL WHERE false`)
      .then(
        () => false,
        (error: unknown) => /generated column/.test(messageOf(error)),
      );
    columns.push({
      // Names that differ in case are one.
      name: feed.columns.find(({ name: own }) => own.toLowerCase() === column.toLowerCase())?.name ?? column,
      type: String(row["type"]),
      isRequired: row["is_nullable"] === false && row["column_default"] === null,
      unwritable: isGenerated ? "generated" : undefined,
    });
  }
  compareTable({
    table: `The table ${name} in "${file}"`,
    // It needs no index.
    feed: { ...feed, key: [] },
    facts: { columns, uniqueIndexes: [], missingRights: [] },
    narrower: (type, column) =>
      fitsInto(type, column.type) ? undefined : `make it ${type}, or cast the query's column`,
    createIndex: () => "",
  });
}

function isAboutRows(error: unknown): error is DuckdbError {
  return (
    error instanceof DuckdbError &&
    /^(?:Constraint|Conversion|Out of Range|Invalid Input) Error: /.test(error.message)
  );
}

function plainWords(error: DuckdbError): string {
  return error.message.replaceAll(/\s*\n\s*/g, "; ");
}

/** Another process that has the file open, or a full disk: that may be over soon. */
function fileError(error: unknown, file: string): unknown {
  if (!(error instanceof DuckdbError)) return error;
  const isPassing = /^IO Error: (?:Could not set lock|.*No space left|.*Disk quota)/s.test(error.message);
  const words = plainWords(error)
    .replace(/^IO Error: /, "")
    .replace(/See also https:\S+/, "")
    .trim();
  return new StreamkitError("io", `The DuckDB file "${file}": ${words}`, {
    component: "duckdb",
    retryable: isPassing,
    cause: error,
  });
}

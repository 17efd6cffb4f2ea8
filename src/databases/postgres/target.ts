/**
 * PostgreSQL as a target. Rows go by COPY into a temporary table whose types take every value, and from there
 * by statements of one shape, whatever a batch holds, into the table: what is refused is found by asking for
 * fewer of the staged rows, not by sending them again.
 */

import { StreamkitError } from "../../base/error.ts";
import { id, join, literal, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { cell, copyLines } from "../copy-text.ts";
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
import { type Connection, connect, PostgresError } from "./connection.ts";
import type { Reached } from "./options.ts";
import { openTable, type Table, typesOf } from "./table.ts";
import { assigned, holdsNul } from "./types.ts";

export interface PostgresTargetOptions {
  readonly reached: Reached;
  /** `HOST:PORT/DATABASE`. */
  readonly place: string;
  readonly table: string;
  readonly creates: boolean;
  readonly feed: Feed;
}

const MARKS = id("streamkit_commits");

/** Throws code `job` where a column has a type that PostgreSQL has not. */
export function postgresTarget({ reached, place, table, creates, feed }: PostgresTargetOptions): Target {
  typesOf(feed);
  const texts = feed.columns.filter(({ type }) => type === "VARCHAR" || type.startsWith("ENUM("));
  const nuls = join(
    texts.map(({ name }) => holdsNul(name)),
    " OR ",
  );
  return {
    name: `The table ${table} at ${place}`,
    unsendable:
      texts.length === 0
        ? undefined
        : sql`CASE WHEN ${nuls} THEN 'text with a NUL character, which PostgreSQL does not hold' END`,
    async connect() {
      const connection = await connect(reached, place);
      try {
        await connection.run(SETTINGS);
        const found = await openTable(connection, { text: table, creates, feed });
        await makeMarks(connection);
        await connection.run(stageTable(found));
        return session(connection, found, feed);
      } catch (error) {
        await connection.close(false);
        throw error;
      }
    },
  };
}

/**
 * What a job relies on, whatever the server's and the user's defaults are. A server whose client is gone must
 * notice, or its transaction would keep the mark locked.
 */
const SETTINGS = sql`SET standard_conforming_strings = on; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD';
  SET IntervalStyle = 'postgres'; SET client_encoding = 'UTF8'; SET statement_timeout = 0;
  SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
  SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`;

async function makeMarks(connection: Connection): Promise<void> {
  const [found] = await connection.run(sql`SELECT to_regclass('streamkit_commits') IS NOT NULL AS is_there`);
  if (found?.["is_there"] === "t") return;
  try {
    // Two who make it at once: IF NOT EXISTS does not wait for the other one.
    await connection.run(sql`BEGIN; SELECT pg_advisory_xact_lock(hashtext('streamkit_commits'));
      CREATE TABLE IF NOT EXISTS ${MARKS} (checkpoint text NOT NULL, sink text NOT NULL,
        batch bigint NOT NULL, job text NOT NULL, refused text,
        committed_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (checkpoint, sink));
      COMMIT`);
  } catch (error) {
    if (!(error instanceof PostgresError) || error.state !== "42501") throw error;
    throw new StreamkitError(
      "job",
      "The user has no right to make the table streamkit_commits, which keeps what was committed: " +
        "GRANT CREATE ON SCHEMA, or make it with the columns checkpoint text, sink text, batch bigint, " +
        "job text, refused text, committed_at timestamptz DEFAULT now() and PRIMARY KEY (checkpoint, sink)",
      { component: "postgres", cause: error },
    );
  }
}

const STAGE = id("pg_temp", "streamkit_stage");

/** In each session. Columns have no names of the query's: `n`, `op`, then `c0`, `c1` … */
function stageTable({ columns }: Table): Sql {
  const own = columns.map(({ type }, index) => sql`${columnOf(index)} ${raw(type.staged)}`);
  return sql`CREATE TEMPORARY TABLE streamkit_stage (${join([raw("n bigint, op text"), ...own])})
    ON COMMIT DELETE ROWS`;
}

function columnOf(index: number): Sql {
  return id(`c${index}`);
}

function session(connection: Connection, table: Table, feed: Feed): Session {
  const sink = `${table.schema}.${table.name}${feed.shard}`;
  const isOurs = sql`checkpoint = ${feed.checkpoint} AND sink = ${sink}`;
  const merge = merging(table, feed);
  const mayCopy = feed.mode === "append" && table.columns.every(isCopiedAlike);
  const cells = table.columns.map(({ name, type }) =>
    cell(type.text(id(name)), { mayHold: type.mayHoldSpecials }),
  );
  const nuls = hasNul(table);
  const lines = ({ rows, count, staged }: NetRows, first: readonly Sql[]) => ({
    cells: [...first, ...cells],
    rows: nuls === undefined ? rows : sql`SELECT * FROM (${rows}) WHERE NOT coalesce(${nuls}, false)`,
    count,
    staged,
  });
  return {
    async mark() {
      const [found] = await connection.run(sql`SELECT batch, refused FROM ${MARKS} WHERE ${isOurs}`);
      if (found === undefined) return undefined;
      const refused = JSON.parse(found["refused"] ?? "[]") as readonly Refusal[];
      return { batch: Number(found["batch"]), refused };
    },
    async hasOtherMarks() {
      const found = await connection.run(sql`SELECT 1 AS found FROM ${MARKS}
        WHERE sink = ${sink} AND job = ${feed.job} AND checkpoint <> ${feed.checkpoint} LIMIT 1`);
      return found.length > 0;
    },
    async forgetMark() {
      await connection.run(sql`DELETE FROM ${MARKS} WHERE ${isOurs}`);
    },
    async begin(batch) {
      // Who wrote the same batch and is still at it is waited for here.
      const [marked] = await connection.run(sql`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
        SET CONSTRAINTS ALL IMMEDIATE;
        INSERT INTO ${MARKS} AS m (checkpoint, sink, batch, job)
        VALUES (${feed.checkpoint}, ${sink}, ${batch}, ${feed.job})
        ON CONFLICT (checkpoint, sink) DO UPDATE
        SET batch = excluded.batch, refused = NULL, committed_at = now() WHERE m.batch < excluded.batch
        RETURNING batch`);
      return marked !== undefined;
    },
    async bulk(rows) {
      if (!mayCopy) return false;
      const names = table.columns.map(({ name }) => id(name));
      await connection.run(raw("SAVEPOINT streamkit"));
      try {
        await connection.copy(
          sql`COPY ${id(table.schema, table.name)} (${names}) FROM STDIN`,
          copyLines(rows.database, lines(rows, [])),
        );
      } catch (error) {
        if (!(error instanceof PostgresError) || !error.isAboutRows) throw error;
        await connection.run(raw("ROLLBACK TO SAVEPOINT streamkit"));
        return false;
      }
      await connection.run(raw("RELEASE SAVEPOINT streamkit"));
      return true;
    },
    async stage(rows) {
      const named = table.columns.map((_, index) => columnOf(index));
      await connection.copy(
        sql`COPY ${STAGE} (n, op, ${named}) FROM STDIN`,
        copyLines(rows.database, lines(rows, [sql`${NUMBER}::VARCHAR`, OP])),
      );
    },
    async apply(range, rows) {
      try {
        await connection.run(sql`SAVEPOINT streamkit; ${merge(range, rows)}; RELEASE SAVEPOINT streamkit`);
      } catch (error) {
        if (!(error instanceof PostgresError) || !error.isAboutRows) throw error;
        await connection.run(sql`ROLLBACK TO SAVEPOINT streamkit`);
        throw new RefusedRows(error.message, { cause: error });
      }
    },
    async commit(_batch, refused) {
      if (refused.length > 0)
        await connection.run(sql`UPDATE ${MARKS} SET refused = ${JSON.stringify(refused)} WHERE ${isOurs}`);
      const tag = await connection.tagOf(sql`COMMIT`);
      if (tag === "COMMIT") return;
      throw new StreamkitError("io", `PostgreSQL answers COMMIT with ${tag}`, {
        component: "postgres",
        retryable: true,
      });
    },
    async rollback() {
      await connection.run(sql`ROLLBACK`);
    },
    close: (isClean) => connection.close(isClean),
  };
}

/** Whether COPY gives what the way over the staged type gives: of a text or a wider number it may not. */
function isCopiedAlike({ type, base }: Table["columns"][number]): boolean {
  if (type.staged === "text") return true;
  return base !== "text" && base !== "varchar" && (type.staged !== "real" || base === "float4");
}

function hasNul({ columns }: Table): Sql | undefined {
  const texts = columns.filter(({ type }) => type.created === "text" && type.mayHoldSpecials);
  return texts.length === 0
    ? undefined
    : join(
        texts.map(({ name }) => holdsNul(name)),
        " OR ",
      );
}

/** The statements that put staged rows into the table. */
function merging({ schema, name, columns }: Table, { mode, key }: Feed) {
  const target = id(schema, name);
  const value = (column: string): Sql => {
    const index = columns.findIndex((one) => one.name === column);
    const found = columns[index];
    const staged = sql`s.${columnOf(index)}`;
    return found === undefined ? staged : assigned(staged, found.type, found);
  };
  const names = columns.map((column) => id(column.name));
  const others = columns.filter((column) => !key.includes(column.name));
  const same = key.map((column) => sql`t.${id(column)} = ${value(column)}`);
  const alike = key.map((column) => sql`t.${id(column)} IS NOT DISTINCT FROM ${value(column)}`);
  const stagedKey = key.map((column) => `c${columns.findIndex((one) => one.name === column)}`);
  const onConflict =
    mode === "append" || key.length === 0
      ? raw("")
      : others.length === 0
        ? sql` ON CONFLICT (${key.map((column) => id(column))}) DO NOTHING`
        : sql` ON CONFLICT (${key.map((column) => id(column))}) DO UPDATE
            SET ${others.map((column) => sql`${id(column.name)} = excluded.${id(column.name)}`)}`;
  return ({ first, last }: Range, { hasDeletes, hasNullKeys }: NetRows): Sql => {
    const inRange = sql`s.n BETWEEN ${first} AND ${last}`;
    const statements: Sql[] = [];
    if (mode !== "append" && key.length === 0) statements.push(sql`DELETE FROM ${target}`);
    else if (mode !== "append") {
      const remove = (which: Sql, on: readonly Sql[]): Sql =>
        sql`DELETE FROM ${target} AS t USING ${STAGE} AS s
          WHERE ${inRange} AND ${which} AND ${join(on, " AND ")}`;
      if (hasDeletes) statements.push(remove(raw("s.op = 'delete'"), same));
      // An index tells two NULLs apart, and no row with one would be found again: it is put anew.
      if (hasNullKeys) statements.push(remove(sql`(${hasNullKey(stagedKey)})`, alike));
    }
    statements.push(sql`INSERT INTO ${target} (${names}) SELECT ${columns.map((column) => value(column.name))}
      FROM ${STAGE} AS s WHERE ${inRange} AND s.op <> ${literal("delete")} ORDER BY s.n${onConflict}`);
    return join(statements, "; ");
  };
}

/**
 * The specification: what the queries of a job say in plain DuckDB, in one thread, over the whole input at
 * once.
 */

import { existsSync } from "node:fs";
import path from "node:path";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { id, join, literal, raw, sql, stringStruct } from "../../src/duckdb/sql.ts";
import { WINDOW_MACROS } from "../../src/engine/windows.ts";
import { rowJson } from "../../src/formats/json-rows.ts";
import type { JobSpec } from "./streaming.ts";

export interface Answer {
  /** Rows as JSON text. */
  readonly rows: readonly string[];
  /** Columns whose values may differ in their last digits, as sums of doubles depend on their order. */
  readonly inexact: readonly string[];
}

/** `withoutLines`: lines of the input, from 0, that the queries must not see (late ones). */
export async function batchAnswer(
  job: JobSpec,
  folder: string,
  withoutLines: readonly number[] = [],
): Promise<ReadonlyMap<string, Answer>> {
  const database = await openDatabase({ threads: 1 });
  try {
    await database.run(WINDOW_MACROS);
    for (const name of Object.keys(job.tables))
      await database.run(sql`CREATE TABLE ${id(name)} AS FROM read_csv(${path.join(folder, `${name}.csv`)})`);
    const columns = Object.keys(job.schema).map((name) => id(name));
    await database.run(sql`CREATE TABLE all_ticks AS FROM read_json(${path.join(folder, "ticks.ndjson")},
        format = 'newline_delimited', columns = ${stringStruct(Object.entries(job.schema))});
      CREATE TABLE ticks AS SELECT ${join(columns)} FROM all_ticks
        WHERE rowid NOT IN (${[-1, ...withoutLines].map((line) => raw(String(line)))}) ORDER BY rowid`);
    return await answersOf(database, job.queries);
  } finally {
    database.close();
  }
}

/** What each query says, over tables that are there and the queries before it. */
export async function answersOf(
  database: Database,
  queries: JobSpec["queries"],
): Promise<ReadonlyMap<string, Answer>> {
  const answers = new Map<string, Answer>();
  for (const [name, query] of Object.entries(queries)) {
    await database.run(sql`CREATE TABLE ${id(name)} AS ${raw(query.sql)}`);
    const described = await database.describe(sql`FROM ${id(name)}`);
    const rows = await database.rows(sql`SELECT ${rowJson(described)} AS json FROM ${id(name)}`);
    answers.set(name, {
      rows: rows.map((row) => String(row["json"])),
      inexact: described.filter(({ type }) => /DOUBLE|FLOAT/.test(type)).map((column) => column.name),
    });
  }
  return answers;
}

/** The rows of a Parquet table's files, as JSON text. */
export async function parquetRows(folder: string, table: string): Promise<readonly string[]> {
  if (!existsSync(path.join(folder, "warehouse", table))) return [];
  const database = await openDatabase({ threads: 1 });
  try {
    const files = raw(`read_parquet(${literal(path.join(folder, "warehouse", table, "*.parquet")).text})`);
    const described = await database.describe(sql`FROM ${files}`);
    const rows = await database.rows(sql`SELECT ${rowJson(described)} AS json FROM ${files}`);
    return rows.map((row) => String(row["json"]));
  } finally {
    database.close();
  }
}

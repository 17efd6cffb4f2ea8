/** What the queries of a test's job should have answered, and what differs from it. */

import { globSync } from "node:fs";
import path from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { id, literal, raw, sql } from "../../src/duckdb/sql.ts";
import { rowJson } from "../../src/formats/json-rows.ts";
import { openBatchSide, queryAnswer } from "../../src/verify/batch-answer.ts";
import { differenceText } from "../../src/verify/report.ts";
import { type Answer, compareRows } from "../../src/verify/rows.ts";
import { type JobSpec, jobText, loadedJob, type Streaming } from "./streaming.ts";

/** `withoutLines`: lines of the input, from 0, that the queries must not see (late ones). */
export async function batchAnswer(
  spec: JobSpec,
  { folder, shapes }: Streaming,
  withoutLines: readonly number[] = [],
): Promise<ReadonlyMap<string, Answer>> {
  const order = Object.keys(spec.queries);
  const job = loadedJob(jobText(spec), folder);
  const side = await openBatchSide({ job, shapes, order, clock: systemClock, lastPlanMs: 0, folder });
  try {
    return await side.answers({ withoutRows: { ticks: withoutLines } });
  } finally {
    side.close();
  }
}

/** What each query says, over tables that are there and the queries before it. */
export async function answersOf(
  database: Database,
  queries: JobSpec["queries"],
): Promise<ReadonlyMap<string, Answer>> {
  const answers = new Map<string, Answer>();
  for (const [name, { sql }] of Object.entries(queries))
    answers.set(name, await queryAnswer(database, name, raw(sql)));
  return answers;
}

/** In words; undefined where the rows are the answer. */
export function difference(found: readonly string[], answer: Answer): string | undefined {
  const different = compareRows(found, answer);
  return different === undefined ? undefined : differenceText(different).join("\n");
}

/**
 * The rows of a query's Parquet table, as JSON text. The files hold JSON as text, as Hive has no such type;
 * it is read back as what it is for the query.
 */
export async function parquetRows({ folder, columns }: Streaming, table: string): Promise<readonly string[]> {
  // A table without rows has a schema and no files.
  if (globSync(path.join(folder, "warehouse", table, "*.parquet")).length === 0) return [];
  const database = await openDatabase({ threads: 1 });
  try {
    const files = raw(`read_parquet(${literal(path.join(folder, "warehouse", table, "*.parquet")).text})`);
    const restored = columns(table)
      .filter(({ type }) => /\bJSON\b/.test(type))
      .map(({ name, type }) => sql`CAST(${id(name)} AS ${raw(type)}) AS ${id(name)}`);
    const from =
      restored.length === 0 ? sql`FROM ${files}` : sql`SELECT * REPLACE (${restored}) FROM ${files}`;
    const described = await database.describe(from);
    const rows = await database.rows(sql`SELECT ${rowJson(described)} AS json FROM (${from})`);
    return rows.map((row) => String(row["json"]));
  } finally {
    database.close();
  }
}

/** The specification: Nexmark's queries in plain DuckDB, over all events at once. */

import { existsSync } from "node:fs";
import path from "node:path";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { id, join, literal, raw, type Sql, sql, stringStruct } from "../../src/duckdb/sql.ts";
import { rowJson } from "../../src/formats/json-rows.ts";
import { WINDOW_MACROS } from "../../src/sql/window-macros.ts";
import type { Answer } from "../../src/verify/rows.ts";
import { EVENT_SCHEMA, SIDE_INPUT, withWhatTheyRead } from "./job.ts";

/** When the events came in: from this event on, counted from 0, until the next one's. */
export interface Arrival {
  readonly fromEvent: number;
  readonly atMs: number;
}

/** `eventsFile` has an event a line; the arrivals are in order, the first from event 0. */
export async function batchAnswers(
  eventsFile: string,
  names: readonly string[],
  arrivals: readonly Arrival[],
): Promise<ReadonlyMap<string, Answer>> {
  const database = await openDatabase({ threads: 1 });
  try {
    await database.run(WINDOW_MACROS);
    await database.run(sql`CREATE TABLE side_input AS FROM read_csv(${SIDE_INPUT})`);
    await database.run(sql`CREATE TABLE lines AS FROM read_json(${eventsFile},
      format = 'newline_delimited', columns = ${stringStruct(Object.entries(EVENT_SCHEMA))})`);
    const columns = Object.keys(EVENT_SCHEMA).map((name) => id(name));
    const cases = arrivals.toReversed().map(({ fromEvent, atMs }) => {
      const time = literal(new Date(atMs).toISOString().slice(0, -1));
      return sql`WHEN rowid >= ${raw(String(fromEvent))} THEN TIMESTAMP ${time}`;
    });
    await database.run(sql`CREATE TABLE events AS
      SELECT ${join(columns)}, CASE ${join(cases, " ")} END AS p_time FROM lines ORDER BY rowid`);
    const answers = new Map<string, Answer>();
    for (const [name, query] of Object.entries(withWhatTheyRead(names))) {
      await database.run(sql`CREATE TABLE ${id(name)} AS ${raw(query.sql)}`);
      answers.set(name, await answerOf(database, id(name)));
    }
    return answers;
  } finally {
    database.close();
  }
}

/** The rows of a partitioned Parquet table, as JSON text: partition columns are texts. */
export async function partitionedRows(tableFolder: string): Promise<readonly string[]> {
  if (!existsSync(tableFolder)) return [];
  const database = await openDatabase({ threads: 1 });
  try {
    const files = sql`read_parquet(${path.join(tableFolder, "**/*.parquet")},
      hive_partitioning = true, hive_types_autocast = false)`;
    return (await answerOf(database, files)).rows;
  } finally {
    database.close();
  }
}

async function answerOf(database: Database, relation: Sql): Promise<Answer> {
  const columns = await database.describe(sql`FROM ${relation}`);
  const rows = await database.rows(sql`SELECT ${rowJson(columns)} AS json FROM ${relation}`);
  return {
    rows: rows.map((row) => String(row["json"])),
    inexact: columns.filter(({ type }) => /DOUBLE|FLOAT/.test(type)).map((column) => column.name),
  };
}

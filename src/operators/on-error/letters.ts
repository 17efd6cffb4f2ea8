/** What is put aside becomes dead letters: of the query, with the unit as JSON and the reason. */

import type { Database } from "../../duckdb/database.ts";
import { insertInto } from "../../duckdb/insert.ts";
import { id, join, type Sql, sql } from "../../duckdb/sql.ts";
import { relation } from "../../sql/stream.ts";
import type { Reasons } from "./sift.ts";

export interface Described {
  /** The table with the positions that are put aside, and why. */
  readonly aside: string;
  /** A query with the columns `position`, `stream`, `number` (of the row in its table) and `line` (JSON). */
  readonly described: Sql;
}

/** Where a stream's row stands in its input. */
export interface Origin {
  readonly origin: string;
  readonly offset: number;
}

/** By the rows' numbers; undefined where the stream is no source, or its rows are no lines. */
export type OriginsOf = (
  stream: string,
  rows: readonly number[],
) => Promise<ReadonlyMap<number, Origin> | undefined>;

export interface Sender {
  readonly query: string;
  readonly batch: number;
  readonly originsOf: OriginsOf;
}

export function asideTable(name: string): Sql {
  return sql`CREATE OR REPLACE TEMP TABLE ${id(name)} (position BIGINT, reason VARCHAR)`;
}

export async function putInto(database: Database, aside: string, found: Reasons): Promise<void> {
  const byReason = Map.groupBy(found.keys(), (position) => found.get(position) ?? "");
  const selects = [...byReason].map(
    ([reason, positions]) => sql`SELECT ${numbers(positions)} AS position, ${reason} AS reason`,
  );
  for (let index = 0; index < selects.length; index += MAX_SELECTS)
    await database.run(insertInto(id(aside), join(selects.slice(index, index + MAX_SELECTS), " UNION ALL ")));
}

/** So many in a statement. */
const MAX_SELECTS = 500;

/** One row for each number. By way of one text: a list of so many constants takes DuckDB seconds. */
function numbers(values: readonly number[]): Sql {
  return sql`unnest(string_split(${values.join(",")}, ',')::BIGINT[])`;
}

const ORIGINS = "_aside_origins";

/** Writes the dead letters into the batch's, in the order of the units, and tells how many they are. */
export async function sendLetters(
  database: Database,
  { aside, described }: Described,
  { query, batch, originsOf }: Sender,
): Promise<number> {
  const all = sql`(SELECT a.position, a.reason, d.stream, d.number, d.line
    FROM ${id(aside)} AS a JOIN (${described}) AS d USING (position))`;
  await database.run(
    sql`CREATE OR REPLACE TEMP TABLE ${id(ORIGINS)} (stream VARCHAR, number BIGINT, origin VARCHAR,
      byte_offset BIGINT)`,
  );
  const streams = await database.rows(
    sql`SELECT stream, list(number ORDER BY number)::VARCHAR AS numbers FROM ${all}
      WHERE number IS NOT NULL GROUP BY stream`,
  );
  for (const { stream, numbers: own } of streams) {
    const origins = await originsOf(String(stream), JSON.parse(String(own)) as number[]);
    if (origins === undefined) continue;
    const byOrigin = Map.groupBy(origins, ([, { origin }]) => origin);
    for (const [origin, rows] of byOrigin)
      await database.run(
        insertInto(
          id(ORIGINS),
          sql`SELECT ${String(stream)} AS stream, ${numbers(rows.map(([number]) => number))} AS number,
            ${origin} AS origin, ${numbers(rows.map(([, { offset }]) => offset))} AS byte_offset`,
        ),
      );
  }
  return database.runCounting(
    insertInto(
      id(relation.newLetters),
      sql`SELECT l.stream AS source, o.origin, o.byte_offset, l.line, l.reason, ${batch} AS batch,
        ${query} AS query
      FROM ${all} AS l LEFT JOIN ${id(ORIGINS)} AS o ON l.stream = o.stream AND l.number = o.number
      ORDER BY l.position`,
    ),
  );
}

/** One unit in words: for the error of a job that stops. */
export async function describeUnit(
  database: Database,
  { described }: Described,
  position: number,
  originsOf: OriginsOf,
): Promise<string> {
  const [row] = await database.rows(
    sql`SELECT stream, number, line FROM (${described}) WHERE position = ${position}`,
  );
  if (row === undefined) return "";
  const { stream, number, line } = row;
  const origins = number === null ? undefined : await originsOf(String(stream), [Number(number)]);
  const origin = origins?.get(Number(number));
  const place = origin === undefined ? "" : ` (${origin.origin}, byte ${origin.offset})`;
  return `${stream === null ? "" : `of ${String(stream)}${place}: `}${String(line)}`;
}

/**
 * The guard against a wrong clock: one event time years ahead would close everybody's windows. What is too
 * far ahead is judged by the time when the batch was planned, which the plan keeps: a batch that is run again
 * judges the same.
 */

import { durationText } from "../base/units.ts";
import type { Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import type { DeadLetters } from "../formats/dead-letters.ts";
import type { Format } from "../formats/format.ts";
import { lettersOfRows } from "../formats/rows-of-lines.ts";
import type { Segment } from "../formats/segment.ts";
import type { SourceConfig } from "../job/schema.ts";
import type { SourceKind } from "../sources/source.ts";

export interface FutureTimestampGuard {
  readonly maxAheadMs: number;
  /** False where a source whose times are all ahead is let be: that is a replay, and no clock is wrong. */
  readonly isStrict: boolean;
}

/** Where a batch stands when it takes a source's rows. */
export interface Moment {
  readonly watermarkUs: bigint | null;
  readonly plannedAtUs: bigint;
  /** The highest event time of the batches before. */
  readonly maxEventTimeUs: bigint | null;
}

const DEFAULT_MAX_AHEAD_MS = 86_400_000;
const US_PER_MS = 1000n;

/** Undefined where a source has none: data at rest may hold any times. */
export function futureTimestampGuard(
  { max_ahead: maxAhead }: SourceConfig,
  kind: SourceKind,
): FutureTimestampGuard | undefined {
  if (maxAhead === "off") return undefined;
  if (maxAhead !== undefined) return { maxAheadMs: maxAhead, isStrict: true };
  return kind.isLive ? { maxAheadMs: DEFAULT_MAX_AHEAD_MS, isStrict: false } : undefined;
}

/** The last event time that the guard lets pass; null where it lets all. `earliestUs` is the batch's. */
export function aheadLimitUs(
  guard: FutureTimestampGuard | undefined,
  { plannedAtUs, maxEventTimeUs }: Pick<Moment, "plannedAtUs" | "maxEventTimeUs">,
  earliestUs: bigint | null,
): bigint | null {
  if (guard === undefined) return null;
  const limitUs = plannedAtUs + BigInt(Math.round(guard.maxAheadMs)) * US_PER_MS;
  const known = maxEventTimeUs ?? earliestUs;
  return !guard.isStrict && known !== null && known > limitUs ? null : limitUs;
}

export interface LoadedRows {
  readonly table: string;
  readonly timeColumn: string;
  readonly segment: Segment;
  readonly format: Format;
  /** Of lines that became no row. */
  readonly deadLetters: DeadLetters;
}

/** Takes the rows beyond the limit out of their table and gives them as dead letters. */
export async function takeFutureTimestamps(
  database: Database,
  loaded: LoadedRows,
  limitUs: bigint,
  guard: FutureTimestampGuard,
  plannedAtUs: bigint,
): Promise<DeadLetters> {
  const { table, segment, timeColumn } = loaded;
  const isBeyond = beyond(timeColumn, limitUs);
  // What is no line is shown as JSON.
  const text = segment.slices === undefined ? raw("NULL") : sql`CAST(to_json(${id(table)}) AS VARCHAR)`;
  const limit = durationText(guard.maxAheadMs);
  const why = ` ${FUTURE_TIMESTAMP}: more than ${limit} after ${isoTime(plannedAtUs)}, when it was read`;
  const { rows } = await database.row(sql`SELECT count(*) AS rows FROM ${id(table)}`);
  const unfit = `_unfit_of_${table}`;
  await database.run(sql`CREATE OR REPLACE TABLE ${id(unfit)} AS
    SELECT index, 'The event time ' || ${isoTimeOf(raw("time"))} || ${why} AS reason, text FROM
      (SELECT row_number() OVER () - 1 AS index, ${isBeyond} AS is_beyond, ${text} AS text,
        ${id(timeColumn)}::TIMESTAMP AS time FROM ${id(table)}) WHERE is_beyond`);
  const letters = await lettersOfRows(
    database,
    { ...loaded, rows: Number(rows) },
    unfit,
    `_letters_ahead_of_${table}`,
  );
  await database.run(sql`DELETE FROM ${id(table)} WHERE ${isBeyond}`);
  return letters;
}

/** Stands in the reason of such dead letters, and of no others. */
export const FUTURE_TIMESTAMP = "is further ahead than max_ahead allows";

/** Infinite times are let be: they move no watermark. */
function beyond(timeColumn: string, limitUs: bigint): Sql {
  const time = sql`${id(timeColumn)}::TIMESTAMP`;
  return sql`(isfinite(${time}) AND ${time} > ${timestampUs(limitUs)})`;
}

/** VARCHAR: a TIMESTAMP as ISO 8601, to the millisecond. */
function isoTimeOf(time: Sql): Sql {
  return sql`strftime(${time}, '%Y-%m-%dT%H:%M:%S.%gZ')`;
}

/** Microseconds in the same form. Years beyond what JavaScript knows are told as a number. */
function isoTime(us: bigint): string {
  const date = new Date(Number(us / US_PER_MS));
  return Number.isNaN(date.getTime()) ? `${us} µs` : date.toISOString();
}

/** The job that `streamkit demo` runs: a market and a web server, side by side. */

import { CANDLE_COLUMNS } from "./market.ts";

export interface DemoOptions {
  /** Quotes a second. */
  readonly rate: number;
  /** The market's days go by before this time. */
  readonly nowMs: number;
  /** How long the simulators go on, as a duration; for ever if undefined. */
  readonly forText: string | undefined;
}

const SYMBOLS = "ACME, BOLT, CRUX, DELTA, EPIC, FLUX, GAIA, HALO, IRIS, JADE, KITE, LUNA";

/** A trading day of six and a half hours takes ten minutes. */
const SPEED = 40;
const REQUEST_RATE = 30;

export function demoJobText({ rate, nowMs, forText }: DemoOptions): string {
  const until = forText === undefined ? "" : `, for: ${forText}`;
  const steps = (perSecond: number): string =>
    `rate: ${perSecond}, step: ${Math.max(1, Math.round((1000 * SPEED) / perSecond))}ms`;
  const begin = `start: "${openingBefore(nowMs)}", history: 1d`;
  return `# streamkit's demo: a simulated market and a simulated web server.
name: demo
batch: 500ms
checkpoint: ./state
sources:
  ticks:
    # Both go by ${SPEED} times faster than the clock, and their first day is there at once.
    from:
      simulate:
        { kind: quotes, ${steps(rate)}, ${begin},
          symbols: [${SYMBOLS}],
          late: 0.02, late_by: 40s, bad: 0.001${until} }
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: DOUBLE }
    watermark: 60s
  requests:
    from:
      simulate:
        { kind: access-log, ${steps(REQUEST_RATE)}, ${begin}, bad: 0.002${until} }
    format: combined
    watermark: 60s
queries:
  # The live candles: rows change until their window closes.
  day:
    mode: update
    sql: |
      SELECT ${CANDLE_COLUMNS}
      FROM tumble(ticks, ts, INTERVAL 1 DAY) GROUP BY ALL
  live:
    mode: update
    sql: |
      SELECT ${CANDLE_COLUMNS}
      FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  # What is stored: a candle once, when it can no longer change.
  candles: |
    SELECT ${CANDLE_COLUMNS}
    FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  traffic: |
    SELECT window_start, count(*) AS requests, count(*) FILTER (status >= 500) AS errors,
           count(DISTINCT client) AS clients, sum(bytes)::BIGINT AS bytes
    FROM tumble(requests, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  top_paths: |
    SELECT window_start, path, count(*) AS requests
    FROM tumble(requests, ts, INTERVAL 1 MINUTE) WHERE status < 400
    GROUP BY window_start, path
    QUALIFY row_number() OVER (PARTITION BY window_start ORDER BY count(*) DESC, path) <= 5
sinks:
  - from: candles
    parquet: { warehouse: ./warehouse, table: candles, partition_by: [dt=window_start::DATE] }
  - from: traffic
    parquet: { warehouse: ./warehouse, table: traffic, partition_by: [dt=window_start::DATE] }
  - { from: dead_letters, to: "file:dead-letters.ndjson" }
`;
}

const DAY_MS = 86_400_000;
const MONDAY = 1;
/** New York's market opens, in winter. */
const OPENING_MS = 14.5 * 3_600_000;
/** Long enough for the market never to overtake the clock while somebody looks on. */
const DAYS_BACK = 60;

/** When the market opened on a Monday some two months ago. */
function openingBefore(nowMs: number): string {
  const midnightMs = Math.floor(nowMs / DAY_MS) * DAY_MS - DAYS_BACK * DAY_MS;
  const sinceMonday = (new Date(midnightMs).getUTCDay() - MONDAY + 7) % 7;
  return new Date(midnightMs - sinceMonday * DAY_MS + OPENING_MS).toISOString();
}

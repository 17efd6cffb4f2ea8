/** The job that `streamkit demo` runs: a market and a web server, side by side. */

import { CANDLE_COLUMNS } from "./market.ts";

export interface DemoOptions {
  /** Quotes a second. */
  readonly rate: number;
  /** How long the simulators go on, as a duration; for ever if undefined. */
  readonly forText: string | undefined;
}

const SYMBOLS = "ACME, BOLT, CRUX, DELTA, EPIC, FLUX, GAIA, HALO";

export function demoJobText({ rate, forText }: DemoOptions): string {
  const until = forText === undefined ? "" : `, for: ${forText}`;
  return `# streamkit's demo: a simulated market and a simulated web server.
name: demo
batch: 500ms
checkpoint: ./state
sources:
  ticks:
    from:
      simulate:
        { kind: quotes, rate: ${rate}, symbols: [${SYMBOLS}], late: 0.02, late_by: 1s, bad: 0.001${until} }
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: DOUBLE }
    watermark: 2s
  requests:
    from: { simulate: { kind: access-log, rate: 60, bad: 0.002${until} } }
    format: combined
    watermark: 2s
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
      FROM tumble(ticks, ts, INTERVAL 10 SECOND) GROUP BY ALL
  # What is stored: a candle once, when it can no longer change.
  candles: |
    SELECT ${CANDLE_COLUMNS}
    FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  traffic: |
    SELECT window_start, count(*) AS requests, count(*) FILTER (status >= 500) AS errors,
           count(DISTINCT client) AS clients, sum(bytes)::BIGINT AS bytes
    FROM tumble(requests, ts, INTERVAL 10 SECOND) GROUP BY ALL
  top_paths: |
    SELECT window_start, path, count(*) AS requests
    FROM tumble(requests, ts, INTERVAL 10 SECOND) WHERE status < 400
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

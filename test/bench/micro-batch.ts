/**
 * Processing time of batches of ten rows: ours, and the shortest loop on DuckDB that does the same by hand.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { systemClock } from "../../src/base/clock.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { runJob } from "../../src/engine/run-job.ts";
import { loadJobText } from "../../src/job/load.ts";
import { NO_OUTPUT } from "../../src/runtime/stdio.ts";

const BATCHES = 300;
const ROWS = 10;
/** The first batches warm caches up. */
const WARM_UP = 30;

/** Milliseconds of each batch; with `isDurable` its state is committed to a checkpoint on disk. */
export async function ourBatches({ isDurable }: { readonly isDurable: boolean }): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-bench-"));
  const text = `
batch: 10ms
sources:
  ticks:
    from: { simulate: { kind: quotes, rate: ${ROWS * 50}, symbols: 10, seed: 1, count: ${BATCHES * ROWS} } }
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
    rate: ${ROWS * 50}
queries:
  ohlc: |
    SELECT symbol, window_start, first(price ORDER BY ts) AS open, max(price) AS high, min(price) AS low,
           last(price ORDER BY ts) AS close, sum(volume) AS volume
    FROM tumble(ticks, ts, INTERVAL 1 SECOND) GROUP BY ALL
sinks: [{ from: ohlc, to: "file:out.ndjson" }]
`;
  const times: number[] = [];
  await runJob(loadJobText(text, join(folder, "job.yaml"), wholeJobSchema(), { env: {}, overrides: [] }), {
    clock: systemClock,
    stop: new AbortController().signal,
    stdout: NO_OUTPUT,
    freshSeed: () => 1,
    checkpointFolder: isDurable ? join(folder, "state") : undefined,
    batchMs: 20,
    until: "stopped",
    bareRows: false,
    observe: ({ report }) => {
      if (report.inputRows > 0) times.push(report.processingMs);
    },
    observesRows: false,
  });
  rmSync(folder, { recursive: true });
  return times.slice(WARM_UP);
}

export async function handWrittenBatches(): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-bench-"));
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(
    "CREATE TABLE state (symbol VARCHAR, w TIMESTAMP, o DOUBLE, h DOUBLE, l DOUBLE, c DOUBLE, v HUGEINT)",
  );
  const times: number[] = [];
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const started = performance.now();
    const file = join(folder, "segment");
    const lines = Array.from({ length: ROWS }, (_, index) => {
      const ts = new Date(1_767_623_400_000 + batch * 20 + index * 2).toISOString();
      return JSON.stringify({ ts, symbol: `SYM${index}`, price: 100 + index, volume: index });
    });
    writeFileSync(file, `${lines.join("\n")}\n`);
    await connection.run(`CREATE OR REPLACE TEMP TABLE ticks AS FROM read_json('${file}',
      format = 'newline_delimited',
      columns = {ts: 'TIMESTAMP', symbol: 'VARCHAR', price: 'DOUBLE', volume: 'BIGINT'})`);
    await connection.run(`INSERT INTO state SELECT symbol, time_bucket(INTERVAL 1 SECOND, ts),
      arg_min(price, ts), max(price), min(price), arg_max(price, ts), sum(volume) FROM ticks GROUP BY ALL`);
    await connection.runAndReadAll("SELECT symbol, w, max(h), min(l), sum(v) FROM state GROUP BY ALL");
    times.push(performance.now() - started);
  }
  rmSync(folder, { recursive: true });
  return times.slice(WARM_UP);
}

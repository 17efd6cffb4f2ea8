/** What a batch of 10,000 rows costs with few and with a million open keys in the state. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { loadJobText } from "../../src/job/load.ts";
import { openRun } from "../../src/verify/run.ts";

const BATCH_ROWS = 10_000;
const BATCHES = 12;
/** The first ones meet cold caches. */
const WARM_UP = 3;
const START_MS = Date.UTC(2026, 0, 5, 14, 30);

/** Milliseconds of each batch, after a batch that has opened all keys. */
export async function batchesWithOpenKeys(keys: number, mode: "append" | "update"): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-bench-"));
  const line = (key: number, index: number): string =>
    `{"ts":"${new Date(START_MS + index).toISOString()}","k":${key},"v":${index % 97}}\n`;
  const opening = Array.from({ length: keys }, (_, key) => line(key, 0)).join("");
  const batches = Array.from({ length: BATCHES }, (_batch, batch) =>
    Array.from({ length: BATCH_ROWS }, (_row, row) =>
      line((batch * 7919 + row * 104_729) % keys, 1000 + batch * 100),
    ).join(""),
  );
  writeFileSync(join(folder, "in.ndjson"), opening + batches.join(""));
  const text = `
sources:
  ticks: { from: "file:in.ndjson", schema: { ts: TIMESTAMP, k: BIGINT, v: BIGINT } }
queries:
  sums:
    sql: |
      SELECT k, window_start, count(*) AS c, sum(v) AS s
      FROM tumble(ticks, ts, INTERVAL 1 HOUR) GROUP BY ALL
    mode: ${mode}
sinks: [{ from: sums, to: "file:out.ndjson" }]
`;
  const job = loadJobText(text, join(folder, "job.yaml"), wholeJobSchema(), { env: {}, overrides: [] });
  const run = await openRun(job, { folder, clock: systemClock, isDurable: true });
  try {
    await run.batch({ ticks: opening.length }, false);
    const times: number[] = [];
    for (const batch of batches)
      times.push((await run.batch({ ticks: batch.length }, false)).report.processingMs);
    return times.slice(WARM_UP);
  } finally {
    await run.close();
    rmSync(folder, { recursive: true });
  }
}

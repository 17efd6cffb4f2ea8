/** Windows of processing time where a life before had a clock that was ahead. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { runJob } from "../../src/engine/run-job.ts";
import { loadJobText } from "../../src/job/load.ts";
import { NO_OUTPUT } from "../../src/runtime/stdio.ts";
import { emptyFolder } from "../support/binary.ts";
import { until } from "../support/until.ts";

const DAY_MS = 86_400_000;
const JOB = `
batch: 50ms
sources: { s: { from: "file:in/*.ndjson", schema: { id: BIGINT }, received: came } }
queries:
  w: SELECT window_start, count(*) AS n FROM tumble(s, came, INTERVAL 100 MILLISECOND) GROUP BY ALL
sinks: [ { from: w, to: "file:w.ndjson" } ]
`;

test("they close as time passes, not when the clock has caught up", async () => {
  using folder = emptyFolder();
  const closedRows = (): number => {
    const file = path.join(folder.path, "w.ndjson");
    const counts = existsSync(file) ? readFileSync(file, "utf8").matchAll(/"n":(\d+)/g) : [];
    return [...counts].reduce((sum, [, n]) => sum + Number(n), 0);
  };
  const job = loadJobText(JOB, path.join(folder.path, "job.yaml"), wholeJobSchema(), {
    env: {},
    overrides: [],
  });
  const life = (clock: Clock, stop: AbortSignal, ending: "available" | "stopped"): Promise<void> =>
    runJob(job, {
      clock,
      stop,
      stdout: NO_OUTPUT,
      env: {},
      freshSeed: () => 1,
      checkpointFolder: path.join(folder.path, "state"),
      resets: [],
      batchMs: 50,
      until: ending,
      bareRows: false,
      observesRows: false,
      observe: () => {},
    });
  const stop = new AbortController();
  await Bun.write(path.join(folder.path, "in/1.ndjson"), '{"id":1}\n');
  await life({ ...systemClock, nowMs: () => systemClock.nowMs() + DAY_MS }, stop.signal, "available");
  await Bun.write(path.join(folder.path, "in/2.ndjson"), '{"id":2}\n{"id":3}\n');
  const running = life(systemClock, stop.signal, "stopped");
  await until("the windows of both lives are closed", () => closedRows() === 3);
  stop.abort();
  await running;
  expect(closedRows()).toBe(3);
});

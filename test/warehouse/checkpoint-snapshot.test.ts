/** A running job's checkpoint is asked all the time: each answer is the state after one batch. */

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import { attachCheckpoint } from "../../src/warehouse/checkpoint-snapshot.ts";
import { emptyFolder } from "../support/binary.ts";
import { start } from "../support/running.ts";
import { until } from "../support/until.ts";

const JOB = `batch: 20ms
sources:
  t:
    from: { simulate: { kind: quotes, rate: 20000, seed: 1 } }
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
queries:
  seen: SELECT DISTINCT symbol, volume FROM t
  bad: SELECT volume::TINYINT AS v FROM t WHERE volume > 900
  total: { sql: "SELECT count(*) AS c FROM t", mode: update }
sinks: [{ from: total, to: "file:total.ndjson" }, { from: seen, to: "file:seen.ndjson" }]
`;
const ANSWERS = 15;

test("each is of one batch, and the job goes on undisturbed", async () => {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "job.yaml"), JOB);
  const state = join(folder.path, "state");
  await using job = await start(["process", "job.yaml", "--checkpoint", "state"], { cwd: folder.path });
  const total = join(folder.path, "total.ndjson");
  const written = (): readonly string[] => {
    try {
      return readFileSync(total, "utf8").split("\n");
    } catch {
      return [];
    }
  };
  await until("some batches", () => written().length > 5);
  let before = 0;
  for (let answer = 0; answer < ANSWERS; answer += 1) {
    using working = emptyFolder();
    const database = await openDatabase();
    try {
      await attachCheckpoint(database, state, { working: working.path, clock: systemClock });
      const row = await database.row(sql`SELECT (json->>'batch')::BIGINT AS batch,
        (SELECT max(batch) FROM dead_letters) AS letters,
        (SELECT sum("_p0_0") FROM state_total) AS counted FROM progress`);
      const batch = Number(row["batch"]);
      expect(batch).toBeGreaterThanOrEqual(before);
      expect(Number(row["letters"])).toBeLessThanOrEqual(batch);
      // What the batch's total was is in the file, which is written before the commit.
      const line = written().find((text) => text.endsWith(`"_batch":${batch}}`)) ?? "";
      expect(Number(/"c":(\d+)/.exec(line)?.[1])).toBe(Number(row["counted"]));
      before = batch;
    } finally {
      database.close();
    }
  }
  job.kill("SIGTERM");
  expect((await job.finished()).code).toBe(143);
}, 120_000);

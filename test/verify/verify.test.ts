/** Jobs of many kinds, held against the batch: what `verify` must find equal, and what it must tell. */

import { describe, expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { withInputs } from "../../src/verify/inputs.ts";
import { verificationText } from "../../src/verify/report.ts";
import { verifyJob } from "../../src/verify/verify.ts";
import { emptyFolder } from "../support/binary.ts";
import { jobIn } from "./job.ts";

const START_MS = Date.parse("2026-01-05T10:00:00Z");
const SEED = Math.floor(Date.now() / 1000) % 100_000;

/** Lines that come up to 3 s out of order; every 50th is broken, every 70th a day ahead. */
function ticks(count: number): readonly string[] {
  return Array.from({ length: count }, (_, id) => {
    if (id % 50 === 49) return `{"id":${id},`;
    const aheadMs = id % 70 === 69 ? 86_400_000 : 0;
    const ts = new Date(START_MS + id * 400 - ((id * 7919) % 3000) + aheadMs).toISOString();
    return JSON.stringify({ id, ts, k: "abc"[id % 3], price: (id * 37) % 101 });
  });
}

const FILES = {
  "a/1.ndjson": ticks(500).join("\n"),
  "a/2.ndjson": `${ticks(300).join("\n")}\n`,
  "b.csv": `id;k\n${Array.from({ length: 200 }, (_, id) => `${id};${"xyz"[id % 3]}\n`).join("")}`,
  "t.csv": "k,name\na,Anna\nb,Berta\n",
};

const JOBS: readonly (readonly [name: string, yaml: string])[] = [
  [
    "files in order, tables, modes and chains",
    `
sources: { s: { from: "file:a/*.ndjson", schema: { id: BIGINT, ts: TIMESTAMP, k: VARCHAR, price: DOUBLE } } }
tables: { names: { from: "file:t.csv" } }
queries:
  z_named: SELECT id, ts, name, price / 3 AS third FROM s JOIN names USING (k)
  per: SELECT name, window_start, sum(third) AS sum FROM tumble(z_named, ts, INTERVAL 10 SECOND) GROUP BY ALL
  live: { mode: update, sql: "SELECT k, avg(price) AS mean FROM s GROUP BY k HAVING count(*) % 5 > 0" }
  whole: { mode: complete, sql: "SELECT count(*) AS c FROM s" }
`,
  ],
  [
    "schemas that the input tells, two sources, one of them a CSV",
    `
sources: { s: { from: "file:a/1.ndjson" }, b: { from: "file:b.csv", format: csv, delimiter: ";" } }
queries:
  w: |
    SELECT k, window_start, list(id ORDER BY id) AS ids
    FROM hop(s, ts, INTERVAL 5 SECOND, INTERVAL 20 SECOND) GROUP BY ALL
  b_counts: { mode: update, sql: "SELECT k, count(*) AS c FROM b GROUP BY ALL" }
`,
  ],
  [
    "the time of the batch, and event times that are too far ahead",
    `
sources:
  s:
    from: "file:a/1.ndjson"
    schema: { id: BIGINT, ts: TIMESTAMP, k: VARCHAR }
    received: came
    max_ahead: 1h
  c: { from: "file:a/2.ndjson", schema: { id: BIGINT, k: VARCHAR }, received: came, watermark: 2s }
queries:
  symbols: SELECT k, came AS arrived, ts FROM s
  by_arrival: |
    SELECT window_start, count(*) AS n FROM tumble(symbols, arrived, INTERVAL 1 MINUTE) GROUP BY ALL
  busiest: |
    SELECT window_start AS ws, k, count(DISTINCT id) AS n
    FROM tumble(s, came, INTERVAL 30 SECOND) GROUP BY window_start, k
    QUALIFY row_number() OVER (PARTITION BY window_start ORDER BY count(*) DESC, k) = 1
  twice: |
    SELECT window_start, max(n) AS most FROM tumble(busiest, ws, INTERVAL 5 MINUTE) GROUP BY ALL
  stamped: SELECT id, ts, came FROM s
  by_event: |
    SELECT window_start, count(*) AS n, min(came) AS first
    FROM tumble(s, ts, INTERVAL 10 SECOND) GROUP BY ALL
  by_clock: SELECT window_start, k, count(*) AS n FROM tumble(c, came, INTERVAL 1 MINUTE) GROUP BY ALL
`,
  ],
];

describe("stream = batch", () => {
  for (const [name, yaml] of JOBS)
    test(name, async () => {
      using folder = emptyFolder();
      const job = jobIn(folder.path, yaml, FILES);
      const found = await verifyJob(job, {
        clock: systemClock,
        stop: new AbortController().signal,
        seed: SEED,
        cuts: 4,
        startMs: START_MS,
      });
      const text = found === undefined ? "stopped" : verificationText(found);
      expect(found?.differingCut, `seed ${SEED}\n${text}`).toBeUndefined();
      for (const { rows } of found?.queries ?? []) expect(rows).toBeGreaterThan(0);
    }, 60_000);
});

test("what was measured: disorder, rows that would be late, dead letters, rows too far ahead", async () => {
  using folder = emptyFolder();
  const [, , [, yaml] = ["", ""]] = JOBS;
  const job = jobIn(folder.path, yaml, FILES);
  const stop = new AbortController().signal;
  const found = await verifyJob(job, { clock: systemClock, stop, seed: 3, cuts: 2, startMs: START_MS });
  expect(found?.dependsOnClock).toBe(true);
  const [s, c] = found?.inputs ?? [];
  expect(s).toMatchObject({ source: "s", rows: 490, deadLetters: 10, ownWatermarkMs: 0, farAhead: 6 });
  // The day ahead of the others sets no watermark.
  expect(s?.watermarkMs).toBeLessThan(3000);
  expect(s?.lateRows).toBeGreaterThan(0);
  expect(c).toMatchObject({ source: "c", rows: 294, ownWatermarkMs: 2000, watermarkMs: 2000, farAhead: 0 });
});

test("nothing is compared after a stop, and nothing of nothing", async () => {
  using folder = emptyFolder();
  const yaml = 'sources: { s: { from: "-", schema: { id: BIGINT } } }\nqueries: { q: SELECT id FROM s }';
  const job = jobIn(folder.path, yaml, { "in.ndjson": '{"id":1}\n', "empty.ndjson": "" });
  const options = { clock: systemClock, seed: 1, cuts: 1, startMs: START_MS };
  const reading = (file: string) => withInputs(job, [file], folder.path);
  const going = new AbortController();
  const verify = (file: string) => verifyJob(reading(file), { ...options, stop: going.signal });
  expect((await verify("in.ndjson"))?.queries).toMatchObject([
    { query: "q", rows: 1, difference: undefined },
  ]);
  const refusal = await verify("empty.ndjson").catch(messageOf);
  expect(refusal).toBe('The input of source "s" gives no row: it has no line');
  going.abort();
  expect(await verify("in.ndjson")).toBeUndefined();
});

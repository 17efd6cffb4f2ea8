/** A batch that is repeated after a crash has the watermark that it had: its plan says what is to come. */

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { rowFiles } from "../../../src/verify/run.ts";
import { difference } from "../../equation/answers.ts";
import { run } from "../../support/binary.ts";
import { batchAnswers, runIn, writtenIn } from "./bounded.ts";

const root = mkdtempSync(path.join(tmpdir(), "streamkit-bounded-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A line a second, but every tenth comes with those of three minutes later. */
const INPUT = [...Array(900).keys()]
  .toSorted((a, b) => a + (a % 10 === 0 ? 180 : 0) - (b + (b % 10 === 0 ? 180 : 0)))
  .map((n) => `{"ts":"${new Date(Date.UTC(2026, 0, 5) + n * 1000).toISOString().slice(0, 19)}","v":${n}}\n`);

const QUERIES = {
  counts: "SELECT window_start, count(*) AS n FROM tumble(log, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
  lists: "SELECT window_start, list(v ORDER BY v) AS vs FROM tumble(log, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
};

const TEXT = stringify({
  name: "bounded",
  sources: {
    log: { from: "file:log*", schema: { ts: "TIMESTAMP", v: "BIGINT" }, watermark: "1s" },
  },
  queries: QUERIES,
  sinks: rowFiles(Object.keys(QUERIES)),
});

for (const failpoint of [
  "plan-written:2",
  "query-executed:9",
  "batch-written:4",
  "committed:5",
  "batch-ended:7",
])
  test(`killed at ${failpoint}`, async () => {
    const folder = mkdtempSync(path.join(root, "case-"));
    writeFileSync(path.join(folder, "log.1"), INPUT.slice(0, 500).join(""));
    writeFileSync(path.join(folder, "log"), INPUT.slice(500).join(""));
    const bounds = { segmentBytes: 4000, heldRows: 0 };
    const args = [path.join(import.meta.dirname, "life.ts"), folder, TEXT, JSON.stringify(bounds)];
    const env = { ...process.env, STREAMKIT_FAILPOINT: failpoint } as Record<string, string>;
    const { code } = await run(process.execPath, args, { env });
    expect(code).not.toBe(0);
    const { batches, lateRows } = await runIn(folder, TEXT, {
      bounds,
      checkpointFolder: path.join(folder, "state"),
    });
    expect(batches).toBeGreaterThan(1);
    expect(lateRows).toBe(0);
    for (const [name, answer] of await batchAnswers(folder, TEXT))
      expect([name, difference(writtenIn(folder, name), answer)]).toEqual([name, undefined]);
  }, 60_000);

/** kill -9 in the batches that put rows aside: the same rows and the same dead letters, each once. */

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../../support/binary.ts";
import { streamkit } from "../../support/running.ts";
import { type Line, linesText } from "./running.ts";

const JOB = `sources:
  t: { from: "file:in.ndjson", watermark: 1m, schema: { ts: TIMESTAMP, k: VARCHAR, v: VARCHAR, n: BIGINT } }
queries:
  cast: SELECT n, v::INT AS v FROM t
  summed: SELECT window_start, k, sum(v::INT) AS s FROM tumble(t, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  listed: SELECT window_start, list(v::INT ORDER BY n) AS l FROM tumble(t, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  small: SELECT window_start, k, sum(n)::TINYINT AS s FROM tumble(t, ts, INTERVAL 1 MINUTE) GROUP BY ALL
sinks:
  - { from: cast, to: "file:cast.ndjson" }
  - { from: summed, to: "file:summed.ndjson" }
  - { from: listed, to: "file:listed.ndjson" }
  - { from: small, to: "file:small.ndjson" }
  - { from: dead_letters, to: "file:dead.ndjson" }
`;
const LINES: readonly Line[] = Array.from({ length: 40 }, (_, n) => ({
  ts: new Date(Date.UTC(2026, 0, 5, 10, Math.floor(n / 10))).toISOString(),
  k: n % 2 === 0 ? "A" : "B",
  v: n % 9 === 4 ? "bad" : String(n),
  n,
}));
const FILES = ["cast", "summed", "listed", "small", "dead"];

/** What is in the files, line by line: the order of groups says nothing. */
async function after(deaths: readonly string[]): Promise<Readonly<Record<string, readonly string[]>>> {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "in.ndjson"), linesText(LINES));
  writeFileSync(join(folder.path, "job.yaml"), JOB);
  for (const death of [...deaths, undefined]) {
    const { STREAMKIT_FAILPOINT: _, ...env } = process.env as Record<string, string>;
    const { code, stderr } = await streamkit(["process", "job.yaml", "--once", "--checkpoint", "state"], {
      cwd: folder.path,
      env: death === undefined ? env : { ...env, STREAMKIT_FAILPOINT: death },
    });
    // A failpoint is passed less often in a life that has less left to do.
    if (death === undefined && code !== 0) throw new Error(stderr);
  }
  return Object.fromEntries(
    FILES.map((name) => [
      name,
      readFileSync(join(folder.path, `${name}.ndjson`), "utf8")
        .trimEnd()
        .split("\n")
        .toSorted(),
    ]),
  );
}

test("rows, groups and dead letters stand there once", async () => {
  const undisturbed = await after([]);
  expect(undisturbed["dead"]?.length).toBe(4 * 3 + 2);
  const points = [
    "query-executed:3",
    "sink-written",
    "batch-written",
    "commit-open",
    "committed",
    "batch-ended",
  ];
  for (const point of points) {
    const found = await after([point, "query-executed:6", point]);
    expect({ point, found }).toEqual({ point, found: undisturbed });
  }
}, 240_000);

/** However the input is put into files, and however those are cut into batches: the rows are the same. */

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { createRandom, integerBelow, oneOf, type Random } from "../../../src/simulate/random.ts";
import { rowFiles } from "../../../src/verify/run.ts";
import { difference } from "../../equation/answers.ts";
import { batchAnswers, runIn, writtenIn } from "./bounded.ts";

const folder = mkdtempSync(path.join(tmpdir(), "streamkit-bounded-"));
afterAll(() => rmSync(folder, { recursive: true }));

const QUERIES: Readonly<Record<string, string>> = {
  tumbled: `SELECT window_start, k, count(*) AS n, sum(v) AS total, max(v) AS high
    FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL`,
  hopped: `SELECT window_start, window_end, count(*) AS n
    FROM hop(ticks, ts, INTERVAL 1 MINUTE, INTERVAL 5 MINUTE) GROUP BY ALL`,
  sessions: `SELECT k, window_start, window_end, count(*) AS n
    FROM session(ticks, ts, INTERVAL 2 MINUTE, k) GROUP BY ALL`,
  middle: `SELECT window_start, median(v) AS middle FROM tumble(ticks, ts, INTERVAL 10 MINUTE) GROUP BY ALL`,
  listed: `SELECT window_start, list(v ORDER BY ts) AS values
    FROM tumble(ticks, ts, INTERVAL 3 MINUTE) GROUP BY ALL`,
  firsts: "SELECT * FROM ticks QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts) = 1",
  pairs: `SELECT ticks.ts, ticks.v, events.e FROM ticks JOIN events
    ON ticks.k = events.k AND events.ts BETWEEN ticks.ts AND ticks.ts + INTERVAL 2 MINUTE`,
  lonely: `SELECT ticks.ts, ticks.v FROM ticks ANTI JOIN events
    ON ticks.k = events.k AND events.ts BETWEEN ticks.ts - INTERVAL 1 MINUTE AND ticks.ts`,
  different: "SELECT DISTINCT k, ts::DATE AS day FROM ticks",
};

const NAMES: readonly ((index: number) => string)[] = [
  (index) => `part-${index}.ndjson`,
  (index) => `log.${index}`,
  (index) => (index === 0 ? "log" : `log.${index}`),
  (index) => `log-202601${String(index + 10)}`,
  (index) => `${"hqzaxbv"[index % 7]}${index}.ndjson`,
];

interface Line {
  readonly us: number;
  readonly text: string;
}

/** Rows of two hours, far out of order, each with a time of its own. */
function lines(random: Random, count: number, column: string): Line[] {
  return [...Array(count).keys()].map((index) => {
    const us = integerBelow(random, 7200) * 1_000_000 + index;
    const ts = new Date(Date.UTC(2026, 0, 5) + us / 1000).toISOString().slice(0, 19);
    const fraction = String(us % 1_000_000).padStart(6, "0");
    const record = { ts: `${ts}.${fraction}`, k: `k${integerBelow(random, 5)}`, [column]: index };
    return { us, text: `${JSON.stringify(record)}\n` };
  });
}

/** In order of time but for some, or in no order at all. */
function disordered(random: Random, given: readonly Line[]): readonly Line[] {
  const strayUs = oneOf(random, [0, 60_000_000, 7_200_000_000]);
  const key = new Map(given.map((line) => [line, line.us + integerBelow(random, strayUs + 1)]));
  return given.toSorted((a, b) => (key.get(a) ?? 0) - (key.get(b) ?? 0));
}

function spread(random: Random, target: string, given: readonly Line[]): void {
  mkdirSync(target, { recursive: true });
  const count = 1 + integerBelow(random, 6);
  const nameOf = oneOf(random, NAMES);
  const names = [...Array(count).keys()].map(nameOf).toSorted(() => integerBelow(random, 3) - 1);
  names.forEach((name, index) => {
    const part = given.slice(
      Math.floor((index * given.length) / count),
      Math.floor(((index + 1) * given.length) / count),
    );
    writeFileSync(path.join(target, name), part.map(({ text }) => text).join(""));
  });
}

for (let seed = 1; seed <= 16; seed += 1)
  test(`any files, any cut: seed ${seed}`, async () => {
    const random = createRandom(seed, 7);
    const own = path.join(folder, String(seed));
    spread(random, path.join(own, "ticks"), disordered(random, lines(random, 200, "v")));
    spread(random, path.join(own, "events"), disordered(random, lines(random, 50, "e")));
    const times = { ts: "TIMESTAMP", k: "VARCHAR" };
    const queries = Object.fromEntries(
      Object.entries(QUERIES).filter(() => integerBelow(random, 3) > 0 || seed % 6 === 0),
    );
    const text = stringify({
      name: "bounded",
      sources: {
        ticks: {
          from: "file:ticks/*",
          schema: { ...times, v: "BIGINT" },
          watermark: oneOf(random, ["0s", "5s", "10m"]),
        },
        events: { from: "file:events/*", schema: { ...times, e: "BIGINT" }, watermark: "1s" },
      },
      queries,
      sinks: rowFiles(Object.keys(queries)),
    });
    const bounds = {
      segmentBytes: oneOf(random, [700, 2000, 6000, 100_000]),
      heldRows: oneOf(random, [0, 0, 100, 1e9]),
    };
    const { lateRows } = await runIn(own, text, { bounds });
    expect(lateRows).toBe(0);
    for (const [name, answer] of await batchAnswers(own, text))
      expect([name, difference(writtenIn(own, name), answer)]).toEqual([name, undefined]);
  }, 60_000);

/** Late rows are told of while the job runs, by whom they are left out, and what takes them. */

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { systemClock } from "../../../src/base/clock.ts";
import { openLateWords } from "../../../src/commands/late-words.ts";
import type { BatchProgress, LateRows } from "../../../src/engine/batch-progress.ts";
import { runJob } from "../../../src/engine/run-job.ts";
import { loadedJob } from "../../equation/streaming.ts";
import { silentRun } from "../../support/silent-run.ts";

const HOUR_MS = 3_600_000;
const WATERMARK_MS = Date.UTC(2026, 0, 5, 13);

function late(rows: number, behindMs: number, more: Partial<LateRows> = {}): LateRows {
  return {
    source: "ticks",
    rows,
    earliestMs: WATERMARK_MS - behindMs,
    watermarkMs: WATERMARK_MS,
    delayMs: 5000,
    leftOutOf: ["ohlc"],
    ...more,
  };
}

function wordsAt(): {
  readonly words: string[];
  readonly see: (late: readonly LateRows[]) => void;
  advance(ms: number): void;
} {
  let nowMs = 0;
  const words: string[] = [];
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const { see } = openLateWords(clock, (line) => words.push(line));
  return { words, see: (rows) => see({ late: rows }), advance: (ms) => (nowMs += ms) };
}

describe("the words", () => {
  test("come at once: how many, how far behind what, who leaves them out, and what takes them", () => {
    const { words, see } = wordsAt();
    see([late(1, 3 * HOUR_MS - 5000)]);
    expect(words).toEqual([
      "ticks: 1 row comes late, 2h 59m behind the watermark (2026-01-05T13:00:00.000Z), " +
        'so the query "ohlc" leaves it out. "watermark: 3h" (now 5s) takes such rows; ' +
        'where a clock was fast, "max_ahead:" keeps its times from moving the watermark',
    ]);
  });

  test("then add up what comes, once a minute at most, and not where nothing came", () => {
    const { words, see, advance } = wordsAt();
    see([late(2, 1500)]);
    for (let batch = 0; batch < 59; batch += 1) {
      advance(1000);
      see([late(20, batch * 1000 + 1)]);
    }
    expect(words).toHaveLength(1);
    advance(1000);
    see([]);
    expect(words.slice(1)).toEqual([
      "ticks: 1,180 more rows have come late, up to 58s behind the watermark (2026-01-05T13:00:00.000Z)",
    ]);
    advance(600_000);
    see([]);
    expect(words).toHaveLength(2);
    see([late(1, 90_000_000)]);
    expect(words[2]).toBe(
      "ticks: 1 more row has come late, 1d 1h behind the watermark (2026-01-05T13:00:00.000Z)",
    );
  });

  test("are a source's own, and name a few queries", () => {
    const { words, see } = wordsAt();
    see([
      late(2, 20, { delayMs: 0, leftOutOf: ["a", "b"] }),
      late(3, 61_000, { source: "trades", leftOutOf: ["a", "b", "c", "d", "e"] }),
    ]);
    expect(words).toHaveLength(2);
    expect(words[0]).toStartWith("ticks: 2 rows come late, up to 20ms behind");
    expect(words[0]).toContain('so the queries "a" and "b" leave them out. "watermark: 1s" (now 0s) takes');
    expect(words[1]).toContain("up to 1m 1s behind");
    expect(words[1]).toContain('so the queries "a", "b", "c" and 2 other queries leave them out');
  });

  test("say where it is the end of an input that has closed what they belong to", () => {
    const { words, see } = wordsAt();
    see([late(2, 1500, { isOfEnd: true, leftOutOf: ["a"] })]);
    expect(words[0]).toStartWith("ticks: 2 rows come late, up to 1s before ");
    expect(words[0]).toContain('the end of the input, when it ended before, has closed the query "a"');
    expect(words[0]).toContain("--available-now");
  });

  test("are not said where no query goes by time", () => {
    const { words, see } = wordsAt();
    see([late(2, 1500, { leftOutOf: [] })]);
    expect(words).toEqual([]);
  });
});

const folder = mkdtempSync(path.join(tmpdir(), "streamkit-late-"));
afterAll(() => rmSync(folder, { recursive: true }));

const BY_HOUR = "SELECT window_start, count(*) AS n FROM tumble(ticks, ts, INTERVAL 1 HOUR) GROUP BY ALL";

test("a batch knows who leaves late rows out", async () => {
  const lines = ["10:00:00", "13:00:00", "10:00:07", "09:00:00", "14:00:00"].map(
    (time) => `{"ts":"2026-01-05T${time}","k":1}\n`,
  );
  writeFileSync(path.join(folder, "ticks.ndjson"), lines.join(""));
  writeFileSync(path.join(folder, "other.ndjson"), lines[0] ?? "");
  const schema = { ts: "TIMESTAMP", k: "INTEGER" };
  const text = stringify({
    sources: {
      ticks: { from: "file:ticks.ndjson", schema, watermark: "1m" },
      other: { from: "file:other.ndjson", schema },
    },
    queries: {
      plain: "SELECT * FROM ticks",
      counts: "SELECT window_start, count(*) AS n FROM tumble(plain, ts, INTERVAL 1 HOUR) GROUP BY ALL",
      middle: "SELECT window_start, list(k) AS ks FROM tumble(ticks, ts, INTERVAL 1 HOUR) GROUP BY ALL",
      firsts: "SELECT * FROM ticks QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts) = 1",
      once_each: "SELECT DISTINCT k, ts FROM ticks",
      totals: { sql: "SELECT k, count(*) AS n FROM ticks GROUP BY ALL", mode: "update" },
      patient: { sql: BY_HOUR, mode: "update", lateness: "4h" },
      impatient: { sql: BY_HOUR, mode: "update", lateness: "1m" },
      others: "SELECT window_start, count(*) AS n FROM tumble(other, ts, INTERVAL 1 HOUR) GROUP BY ALL",
    },
  });
  const outcomes: BatchProgress[] = [];
  await runJob(loadedJob(text, folder), {
    ...silentRun(),
    until: "available",
    bounds: { segmentBytes: 80 },
    observe: (outcome) => outcomes.push(outcome),
  });
  const watermarkMs = Date.UTC(2026, 0, 5, 12, 59);
  const [first] = outcomes.flatMap((outcome) => outcome.late ?? []);
  expect(outcomes.flatMap((outcome) => outcome.late ?? []).reduce((sum, { rows }) => sum + rows, 0)).toBe(2);
  expect(first).toMatchObject({
    source: "ticks",
    watermarkMs,
    delayMs: 60_000,
  });
  expect(first?.leftOutOf.toSorted()).toEqual(["counts", "firsts", "impatient", "middle", "once_each"]);
});

/** Late rows, rows from the future, and the clock's own time: where they go in the finished program. */

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { output, rowsOf, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

const SCHEMA = "{ ts: TIMESTAMP, k: VARCHAR }";

function event(atMs: number, k: string): string {
  return `${JSON.stringify({ ts: new Date(atMs).toISOString(), k })}\n`;
}

describe("late rows", () => {
  const JOB = `
name: lates
checkpoint: state
sources:
  a: { from: "file:a/*.ndjson", schema: ${SCHEMA}, watermark: 10s }
  b: { from: "file:b/*.ndjson", schema: ${SCHEMA} }
queries:
  minutes: SELECT window_start, count(*) AS n FROM tumble(a, ts, INTERVAL 1 MINUTE) GROUP BY ALL
sinks:
  - { from: minutes, to: "file:minutes.ndjson" }
  - { from: late.a, to: "file:late-a.ndjson" }
  - { from: late.b, parquet: { table: late_b, partition_by: [day=ts::DATE] } }
`;
  const DAY_MS = Date.parse("2026-01-05T00:00:00Z");

  test("of each source go to a file and to Parquet, each once", async () => {
    using folder = emptyFolder();
    await Bun.write(join(folder.path, "job.yaml"), JOB);
    const steps = [
      { a: event(DAY_MS + 60_000, "a1"), b: event(DAY_MS + 60_000, "b1") },
      { a: event(DAY_MS + 49_999, "a2") + event(DAY_MS + 50_000, "a3"), b: event(DAY_MS + 59_999, "b2") },
      { a: event(DAY_MS + 200_000, "a4"), b: event(DAY_MS - 1, "b3") },
      { a: event(DAY_MS, "a5"), b: event(DAY_MS + 60_000, "b4") },
    ];
    for (const [index, { a, b }] of steps.entries()) {
      await Bun.write(join(folder.path, `a/${index}.ndjson`), a);
      await Bun.write(join(folder.path, `b/${index}.ndjson`), b);
      await output(["process", "job.yaml", "--available-now", "--batch", "0"], { cwd: folder.path });
    }
    await output(["process", "job.yaml", "--once"], { cwd: folder.path });
    const text = await Bun.file(join(folder.path, "late-a.ndjson")).text();
    expect(rowsOf(text)).toEqual([
      { ts: "2026-01-05T00:00:49.999Z", k: "a2" },
      { ts: "2026-01-05T00:00:00.000Z", k: "a5" },
    ]);
    const sql = "SELECT k, day::VARCHAR AS day FROM late_b ORDER BY k";
    const stored = await output(["query", sql, "--format", "ndjson"], { cwd: folder.path });
    expect(rowsOf(stored)).toEqual([
      { k: "b2", day: "2026-01-05" },
      { k: "b3", day: "2026-01-04" },
    ]);
  });

  test("of several sources have no name in common", async () => {
    using folder = emptyFolder();
    await Bun.write(join(folder.path, "job.yaml"), JOB.replace("from: late.a", "from: late"));
    const { code, stderr } = await streamkit(["check", "job.yaml"], { cwd: folder.path });
    expect(code).toBe(2);
    expect(stderr).toContain(
      'sinks.1.from: nothing is called "late": found a, b, minutes, dead_letters, late.a',
    );
  });
});

describe("event times ahead of the clock", () => {
  const SQL =
    "SELECT window_start, list(k ORDER BY k) AS ks FROM tumble(input, ts, INTERVAL 1 MINUTE) GROUP BY ALL";
  const HOUR_MS = 3_600_000;
  const take = (lines: readonly string[], ...flags: readonly string[]) =>
    streamkit(["process", "--sql", SQL, "--schema", "ts TIMESTAMP, k VARCHAR", "--batch", "0", ...flags], {
      input: lines.join(""),
    });
  const names = (text: string) => rowsOf<{ ks: string[] }>(text).flatMap(({ ks }) => ks);

  test("are dead letters on standard input, but for what is less than a day ahead", async () => {
    const nowMs = Date.now();
    const times = { now: 0, soon: 20 * HOUR_MS, wrong: 30 * HOUR_MS, old: -90_000 * HOUR_MS };
    const lines = Object.entries(times).map(([k, aheadMs]) => event(nowMs + aheadMs, k));
    const { code, stdout, stderr } = await take(lines);
    expect(code).toBe(0);
    expect(names(stdout).toSorted()).toEqual(["now", "old", "soon"]);
    expect(stderr).toContain("1 dead letter");
    expect(names((await take(lines, "--set", "sources.input.max_ahead=off")).stdout)).toContain("wrong");
    expect(names((await take(lines, "--set", "sources.input.max_ahead=1h")).stdout)).not.toContain("soon");
  });

  test("are let be where all of them are: that is a replay of the future", async () => {
    const startMs = Date.now() + 10_000 * HOUR_MS;
    const lines = ["a", "b", "c"].map((k, index) => event(startMs + index * 50 * HOUR_MS, k));
    const { stdout, stderr } = await take(lines);
    expect(names(stdout)).toEqual(["a", "b", "c"]);
    expect(stderr).not.toContain("dead");
  });
});

test("windows over the time of receipt close without input, and end with it", async () => {
  using folder = emptyFolder();
  await Bun.write(
    join(folder.path, "job.yaml"),
    `
batch: 50ms
sources: { s: { from: "-", schema: { k: VARCHAR }, received: came } }
queries:
  seconds: SELECT window_start, count(*) AS n FROM tumble(s, came, INTERVAL 1 SECOND) GROUP BY ALL
`,
  );
  await using job = await start(["process", "job.yaml"], { cwd: folder.path });
  const counted = () => rowsOf<{ row: { n: number } }>(job.stdout()).map(({ row }) => row.n);
  await job.feed('{"k":"a"}\n{"k":"b"}\n');
  await until("the first window", () => counted().length === 1);
  expect(counted()).toEqual([2]);
  await job.feed('{"k":"c"}\n');
  await job.endInput();
  expect((await job.finished()).code).toBe(0);
  expect(counted()).toEqual([2, 1]);
});

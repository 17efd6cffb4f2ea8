/** What depends on the wall clock: stamps and the guard against wrong clocks, also over restarts. */

import { describe, expect, test } from "bun:test";
import { messageOf } from "../../src/base/error.ts";
import type { LoadedJob } from "../../src/job/load.ts";
import { linesOf } from "../../src/verify/rows.ts";
import { openRun, type Run, rowFiles, type WrittenTo } from "../../src/verify/run.ts";
import { emptyFolder } from "../support/binary.ts";
import { jobIn, type SetClock, setClock } from "./job.ts";

class Crash extends Error {}

interface Story {
  readonly run: Run;
  readonly clock: SetClock;
  /** Runs a batch of so many lines. */
  take(lines: number): Promise<void>;
  /** The same, but it dies before its commit, and is run again by the next life, at another time. */
  takeTwice(lines: number, laterIso: string): Promise<void>;
  end(): Promise<void>;
  rows(name: string): Record<string, unknown>[];
}

/** `yaml` reads `in.ndjson` as its source `s`. */
async function tell(
  yaml: string,
  lines: readonly string[],
  outputs: readonly string[],
  story: (told: Story) => Promise<void>,
): Promise<void> {
  using folder = emptyFolder();
  const text = lines.map((line) => `${line}\n`);
  const loaded = jobIn(folder.path, yaml, { "in.ndjson": text.join("") });
  const job: LoadedJob = { ...loaded, config: { ...loaded.config, sinks: [...rowFiles(outputs)] } };
  const clock = setClock("2026-01-05T10:00:00Z");
  let dies = false;
  const through = ({ checkpoint, sinks }: WrittenTo): WrittenTo => ({
    sinks,
    checkpoint: {
      ...checkpoint,
      commit: async (...given) => {
        if (dies) throw new Crash();
        return checkpoint.commit(...given);
      },
    },
  });
  const run = await openRun(job, { folder: folder.path, clock, isDurable: true, through });
  let taken = 0;
  const share = (count: number) => {
    const bytes = Buffer.byteLength(text.slice(taken, taken + count).join(""));
    taken += count;
    return { s: bytes };
  };
  try {
    await story({
      run,
      clock,
      take: async (count) => void (await run.batch(share(count), false)),
      async takeTwice(count, laterIso) {
        dies = true;
        const outcome = await run.batch(share(count), false).catch((error: unknown) => error);
        if (!(outcome instanceof Crash)) throw new Error("The batch did not die");
        dies = false;
        clock.set(laterIso);
        await run.restart(true);
      },
      end: async () => void (await run.batch({}, true)),
      rows: (name) => linesOf(run.written(name)).map((line) => JSON.parse(line) as Record<string, unknown>),
    });
  } finally {
    await run.close();
  }
}

const record = (ts: string, k: string): string => `{"ts":"2026-01-05T${ts}Z","k":"${k}"}`;

const STAMPED = `
sources: { s: { from: "file:in.ndjson", schema: { k: VARCHAR }, received: came } }
queries:
  all_rows: SELECT k, came FROM s
  counts: SELECT window_start, count(*) AS c FROM tumble(s, came, INTERVAL 1 MINUTE) GROUP BY ALL
`;

describe("received", () => {
  test("is the time of the batch, never goes back, and is the same when a batch is run again", () =>
    tell(
      STAMPED,
      ["a", "b", "c", "d", "e"].map((k) => `{"k":"${k}"}`),
      ["all_rows"],
      async ({ clock, take, takeTwice, rows }) => {
        await take(1);
        clock.set("2026-01-05T10:00:01.500Z");
        await takeTwice(2, "2026-01-05T11:00:00Z");
        clock.set("2026-01-05T09:00:00Z");
        await take(1);
        clock.set("2026-01-05T10:00:02Z");
        await take(1);
        expect(rows("all_rows")).toEqual([
          { k: "a", came: "2026-01-05T10:00:00.000Z" },
          { k: "b", came: "2026-01-05T10:00:01.500Z" },
          { k: "c", came: "2026-01-05T10:00:01.500Z" },
          { k: "d", came: "2026-01-05T10:00:01.500Z" },
          { k: "e", came: "2026-01-05T10:00:02.000Z" },
        ]);
      },
    ));

  test("windows of it close as the clock goes on, also in batches without input", () =>
    tell(STAMPED, ['{"k":"a"}', '{"k":"b"}'], ["counts"], async ({ clock, take, rows }) => {
      await take(1);
      clock.set("2026-01-05T10:00:59.999Z");
      await take(0);
      expect(rows("counts")).toEqual([]);
      clock.set("2026-01-05T10:01:00Z");
      await take(1);
      expect(rows("counts")).toEqual([{ window_start: "2026-01-05T10:00:00.000Z", c: 1 }]);
      clock.set("2026-01-05T10:02:00Z");
      await take(0);
      expect(rows("counts")).toHaveLength(2);
    }));
});

describe("a source with two times", () => {
  const yaml = (queries: string): string => `
sources:
  s: { from: "file:in.ndjson", schema: { ts: TIMESTAMP, k: VARCHAR }, watermark: 1h, received: came }
queries:
${queries}`;
  const LINES = ["10:00:00", "09:59:00", "10:00:01"].map((time, index) => record(time, `k${index}`));

  test("closes windows over each by its own watermark, also after a restart", () =>
    tell(
      yaml(`
  passed: SELECT came AS arrived, ts, k FROM s
  by_clock: SELECT window_start, count(*) AS c FROM tumble(passed, arrived, INTERVAL 1 MINUTE) GROUP BY ALL
  by_event: SELECT window_start, count(*) AS c FROM tumble(passed, ts, INTERVAL 1 MINUTE) GROUP BY ALL
`),
      LINES,
      ["by_clock", "by_event"],
      async ({ run, clock, take, end, rows }) => {
        await take(2);
        clock.set("2026-01-05T10:00:59Z");
        await run.restart();
        await take(1);
        expect(rows("by_clock")).toEqual([]);
        clock.set("2026-01-05T10:01:00Z");
        await take(0);
        expect(rows("by_clock")).toEqual([{ window_start: "2026-01-05T10:00:00.000Z", c: 3 }]);
        expect(rows("by_event")).toEqual([]);
        await end();
        expect(rows("by_clock")).toHaveLength(1);
        expect(rows("by_event")).toHaveLength(2);
      },
    ));

  test("is refused where one query's windows go by both", async () => {
    const queries = `
  both: |
    SELECT a.window_start FROM tumble(s, ts, INTERVAL 1 MINUTE) a
    JOIN tumble(s, came, INTERVAL 1 MINUTE) b ON a.window_start = b.window_start`;
    const refusal = await tell(yaml(queries), LINES, [], async () => {}).catch(messageOf);
    expect(refusal).toContain("its windows over s go by two times: the event time, and the clock's");
  });
});

const guarded = (maxAhead: string): string => `
sources:
  s: { from: "file:in.ndjson", schema: { ts: TIMESTAMP, k: VARCHAR }, select: "k, ts", ${maxAhead} }
queries:
  counts: SELECT window_start, list(k) AS ks FROM tumble(s, ts, INTERVAL 1 MINUTE) GROUP BY ALL
`;

describe("max_ahead", () => {
  const LINES = [
    record("09:59:59", "ok1"),
    "broken",
    record("11:00:00.001", "far1"),
    "",
    record("11:00:00", "edge"),
    '{"ts":null,"k":"timeless"}',
    record("23:00:00", "far2"),
    record("11:00:30", "ok2"),
  ];

  test("makes a row a dead letter with its line and place, and moves no watermark", () =>
    tell(guarded("max_ahead: 1h"), LINES, ["counts", "dead_letters"], async (told) => {
      await told.take(6);
      expect(told.run.open().runner.times().get("s")?.maxEventTimeUs).toBe(
        BigInt(Date.parse("2026-01-05T11:00:00Z")) * 1000n,
      );
      told.clock.set("2026-01-05T10:01:00Z");
      await told.takeTwice(2, "2026-01-05T23:30:00Z");
      await told.end();
      expect(
        told
          .rows("counts")
          .flatMap(({ ks }) => ks as string[])
          .toSorted(),
      ).toEqual(["edge", "ok1", "ok2", "timeless"]);
      const offsetOf = (line: number): number =>
        Buffer.byteLength(
          LINES.slice(0, line)
            .map((text) => `${text}\n`)
            .join(""),
        );
      const letters = told.rows("dead_letters").filter(({ line }) => line !== "broken");
      expect(letters).toEqual([
        {
          source: "s",
          origin: "in.ndjson",
          byte_offset: offsetOf(2),
          line: LINES[2],
          reason:
            "The event time 2026-01-05T11:00:00.001Z is further ahead than max_ahead allows: " +
            "more than 1h after 2026-01-05T10:00:00.000Z, when it was read",
          batch: 1,
          query: null,
        },
        {
          source: "s",
          origin: "in.ndjson",
          byte_offset: offsetOf(6),
          line: LINES[6],
          reason: expect.stringContaining("after 2026-01-05T10:01:00.000Z") as unknown,
          batch: 2,
          query: null,
        },
      ]);
    }));

  test("is off for files that do not ask for it", () =>
    tell(guarded("format: json"), LINES, ["counts", "dead_letters"], async (told) => {
      await told.take(8);
      await told.end();
      expect(told.rows("counts").flatMap(({ ks }) => ks)).toContain("far2");
      expect(told.rows("dead_letters")).toHaveLength(1);
    }));
});

/**
 * Nexmark's queries as a stream: however the events are cut into batches, and wherever the job is stopped or
 * dies, the rows that reached the sinks are those of the same SQL over all events at once.
 */

import { describe, expect, test } from "bun:test";
import path from "node:path";
import fc from "fast-check";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { appliedRows, linesOf } from "../../src/verify/rows.ts";
import { difference } from "../equation/answers.ts";
import { runs, TIMEOUT_MS } from "../equation/equation.ts";
import { type CrashPoint, openStreamingJob, type Streaming } from "../equation/streaming.ts";
import { batchEnds, textOf } from "../equation/streams.ts";
import { nexmarkLines } from "./generator.ts";
import { type Arrival, batchAnswers, partitionedRows } from "./in-duckdb.ts";
import { jobTextOf, KEYS, NEXMARK_QUERIES, QUERIES } from "./job.ts";

const EVENTS = 1500;
const DISORDER_MS = 3000;
const WATERMARK = "3s";
const BATCHES = 7;
/** Between batches, in processing time. */
const BATCH_MS = 4300;
const START_MS = Date.UTC(2026, 0, 6, 0, 0, 1);

type Step = "run" | "restart" | CrashPoint;

interface Course {
  readonly seed: number;
  /** Where batches end, in events; equal ones make a batch with nothing new. */
  readonly ends: readonly number[];
  readonly steps: readonly Step[];
}

const course: fc.Arbitrary<Course> = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  ends: fc
    .array(fc.integer({ min: 0, max: EVENTS }), { minLength: BATCHES - 1, maxLength: BATCHES - 1 })
    .map((ends) => [...ends, EVENTS].toSorted((a, b) => a - b)),
  steps: fc.array(
    fc.constantFrom<Step>("run", "run", "restart", "before sinks", "between sinks", "before commit"),
    { minLength: BATCHES + 1, maxLength: BATCHES + 1 },
  ),
});

/** 50 seconds around midnight, with ten events at each time. */
function linesFor(seed: number): string[] {
  const startMs = Date.UTC(2026, 0, 5, 23, 59, 40);
  const times = { eventsPerSecond: 30, disorderMs: DISORDER_MS, timeStepMs: 333, startMs };
  return nexmarkLines({ seed, count: EVENTS, ...times });
}

async function runAll(
  streaming: Streaming,
  ends: readonly (number | undefined)[],
  steps: readonly Step[],
  goOn: () => void,
): Promise<void> {
  for (const [index, end] of ends.entries()) {
    const step = steps[index] ?? "run";
    const isLast = index === ends.length - 1;
    goOn();
    if (step === "run") await streaming.batch(end, isLast, ends[index + 1]);
    else if (step === "restart") {
      await streaming.restart();
      await streaming.batch(end, isLast);
    } else await streaming.crash(end, isLast, step);
  }
}

/** What differs between the stream's rows of the query and the batch's, or the batch's of another query. */
async function differenceOf(
  name: string,
  { seed, ends, steps }: Course,
  judge = name,
): Promise<string | undefined> {
  const lines = linesFor(seed);
  const batches = ends.map((end, index) => end - (ends[index - 1] ?? 0));
  let nowMs = START_MS;
  const clock: Clock = { ...systemClock, nowMs: () => nowMs };
  const arrivals: readonly Arrival[] = ends.map((_, index) => ({
    fromEvent: ends[index - 1] ?? 0,
    atMs: START_MS + (index + 1) * BATCH_MS,
  }));
  const text = jobTextOf([name], { events: "events.ndjson", watermark: WATERMARK, out: "out" });
  const files = { "events.ndjson": textOf(lines) };
  const streaming = await openStreamingJob({ text, source: "events", files }, { isDurable: true, clock });
  try {
    await runAll(streaming, [...batchEnds({ lines, batches }), undefined], steps, () => {
      nowMs += BATCH_MS;
    });
    const answers = await batchAnswers(path.join(streaming.folder, "events.ndjson"), [judge], arrivals);
    return difference(await rowsOf(name, streaming), answers.get(judge) ?? { rows: [], inexact: [] });
  } finally {
    await streaming.close();
  }
}

/** What is in the query's sink. */
async function rowsOf(name: string, streaming: Streaming): Promise<readonly string[]> {
  if (name === "q10") return partitionedRows(path.join(streaming.folder, "out/warehouse/nexmark.db/bids"));
  const written = linesOf(streaming.written(name));
  return QUERIES[name]?.mode === "update" ? appliedRows(written, KEYS[name] ?? []) : written;
}

describe("Nexmark: stream = batch", () => {
  for (const name of NEXMARK_QUERIES) {
    test(
      name,
      () =>
        fc.assert(
          fc.asyncProperty(course, async (course) =>
            expect(await differenceOf(name, course)).toBeUndefined(),
          ),
          runs(2),
        ),
      TIMEOUT_MS,
    );
  }

  test("and another query's answer is caught", async () => {
    const course: Course = { seed: 1, ends: [500, EVENTS], steps: [] };
    expect(await differenceOf("q0", course, "q1")).toContain("only in the batch");
  });
});

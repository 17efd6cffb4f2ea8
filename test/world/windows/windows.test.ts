/** Windows of any size, step and origin: the stream, the batch and the definition give the same rows. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { linesOf } from "../../../src/verify/rows.ts";
import { differenceToBatch, runs, TIMEOUT_MS } from "../../equation/equation.ts";
import { type JobSpec, openStreaming } from "../../equation/streaming.ts";
import { batchEnds, textOf } from "../../equation/streams.ts";
import { callText, type Span, timeText, type WindowsCall, windowsOf } from "./brute-force.ts";

const SECOND_US = 1_000_000n;
const DAY_US = 86_400n * SECOND_US;

/** Spans of one unit; `us` of a month is what it is on average, to keep the number of windows small. */
const unit = fc.constantFrom(
  { months: 1, us: 0n, nominalUs: 30n * DAY_US },
  { months: 0, us: DAY_US, nominalUs: DAY_US },
  { months: 0, us: 3600n * SECOND_US, nominalUs: 3600n * SECOND_US },
  { months: 0, us: 60n * SECOND_US, nominalUs: 60n * SECOND_US },
  { months: 0, us: 100n, nominalUs: 100n },
);

const span = fc
  .record({ unit, count: fc.integer({ min: 1, max: 40 }) })
  .map(({ unit: { months, us, nominalUs }, count }) => ({
    span: { months: months * count, us: us * BigInt(count) } satisfies Span,
    nominalUs: nominalUs * BigInt(count),
  }));

const call: fc.Arbitrary<WindowsCall> = fc
  .record({
    kind: fc.constantFrom("tumble", "hop", "hop", "cumulate"),
    step: span,
    size: span,
    origin: fc.option(fc.integer({ min: -400, max: 700 }), { freq: 3 }),
  })
  .filter(({ kind, step, size }) => kind === "tumble" || size.nominalUs / step.nominalUs < 30n)
  .map(({ kind, step, size, origin }) => {
    const grid = kind === "hop" ? step.span : size.span;
    const originUs =
      origin === null
        ? undefined
        : grid.months > 0
          ? BigInt(Date.UTC(2000, origin, 1)) * 1000n
          : BigInt(origin) * DAY_US + BigInt(origin) * 1234n;
    return { kind, step: kind === "tumble" ? size.span : step.span, size: size.span, originUs };
  });

/** Rising times around the ends of months, leap days and 1970; a file of lines, cut into batches. */
const stream = fc
  .record({
    startDay: fc.constantFrom(
      "1967-02-20",
      "1969-12-28",
      "1999-12-25",
      "2000-01-30",
      "2023-02-25",
      "2024-02-20",
    ),
    unitUs: fc.constantFrom(70n, 50n * SECOND_US, 5000n * SECOND_US, 2n * DAY_US, 20n * DAY_US),
    steps: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 25 }),
    cuts: fc.array(fc.nat(), { maxLength: 6 }),
  })
  .map(({ startDay, unitUs, steps, cuts }) => {
    let timeUs = BigInt(Date.parse(startDay)) * 1000n;
    const times = steps.map((step) => (timeUs += (unitUs * BigInt(step)) / 3n));
    const lines = times.map((us, id) => JSON.stringify({ id, ts: timeText(us) }));
    const ends = [...cuts.map((cut) => cut % (lines.length + 1)), lines.length].toSorted((a, b) => a - b);
    return { times, lines, batches: ends.map((end, index) => end - (ends[index - 1] ?? 0)) };
  });

/** By merged groups, and by rows that are kept; of `window_end` alone too. */
function jobOf(calls: readonly WindowsCall[]): JobSpec {
  const queries = calls.flatMap((one, index): [string, { sql: string }][] => [
    [
      `merged${index}`,
      {
        sql: `SELECT window_start, window_end, count(*) AS c, sum(id) AS ids
              FROM ${callText(one)} GROUP BY ALL`,
      },
    ],
    [
      `kept${index}`,
      {
        sql: `SELECT window_end, list(id ORDER BY id) AS ids, any_value(window_start) AS window_start
              FROM ${callText(one)} GROUP BY window_end`,
      },
    ],
  ]);
  return {
    schema: { id: "BIGINT", ts: "TIMESTAMP" },
    watermark: "0s",
    tables: {},
    queries: Object.fromEntries(queries),
  };
}

function definition(times: readonly bigint[], one: WindowsCall): ReadonlyMap<string, number[]> {
  const windows = new Map<string, number[]>();
  for (const [id, us] of times.entries())
    for (const { startUs, endUs } of windowsOf(us, one)) {
      const name = `${timeText(startUs)} ${timeText(endUs)}`;
      windows.set(name, [...(windows.get(name) ?? []), id]);
    }
  return windows;
}

interface MergedRow {
  readonly window_start: string;
  readonly window_end: string;
  readonly c: number;
  readonly ids: number;
}

const inOrder = (rows: readonly string[]): readonly string[] => rows.toSorted();

test(
  "the stream, the batch and the definition agree",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 3, maxLength: 3 }), stream, async (calls, given) => {
        const job = jobOf(calls);
        const streaming = await openStreaming(job, textOf(given.lines), { isDurable: false });
        try {
          for (const end of batchEnds(given)) await streaming.batch(end, false);
          await streaming.batch(undefined, true);
          for (const [index, one] of calls.entries()) {
            const found = linesOf(streaming.written(`merged${index}`)).map((line) => {
              const row = JSON.parse(line) as MergedRow;
              return `${row.window_start} ${row.window_end} ${row.c} ${row.ids}`;
            });
            const expected = [...definition(given.times, one)].map(
              ([name, ids]) => `${name} ${ids.length} ${ids.reduce((sum, id) => sum + id, 0)}`,
            );
            expect(inOrder(found)).toEqual(inOrder(expected));
          }
          expect(await differenceToBatch(job, streaming)).toBeUndefined();
        } finally {
          await streaming.close();
        }
      }),
      runs(12),
    );
  },
  TIMEOUT_MS,
);

/**
 * Faults that the equation suite must catch, put in on purpose: if one of these passes, a green suite says
 * nothing.
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { differenceToBatch, jobOf, TIMEOUT_MS } from "./equation.ts";
import { openStreaming, type QuerySpec, type Streaming } from "./streaming.ts";
import { batchEnds, type RandomStream, streamArbitrary, textOf } from "./streams.ts";

const WINDOWED =
  "SELECT window_start, k, count(*) AS c, sum(n) AS s FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL";

type Drive = (streaming: Streaming, stream: RandomStream) => Promise<void>;

const wholly: Drive = async (streaming, stream) => {
  for (const end of batchEnds(stream)) await streaming.batch(end, false);
  await streaming.batch(undefined, true);
};

/** One whose streams show each fault within a few runs. */
const SEED = 5;

/**
 * Runs `mine` as the stream's query, judges it by `theirs`: true if the suite's own checker finds a
 * difference.
 */
async function isCaught(
  mine: string,
  theirs: string,
  {
    drive = wholly,
    watermark = "1h",
    mode,
  }: { drive?: Drive; watermark?: string; mode?: QuerySpec["mode"] } = {},
): Promise<boolean> {
  const spec = (sql: string): QuerySpec => (mode === undefined ? { sql } : { sql, mode });
  const property = fc.asyncProperty(streamArbitrary(60, null), async (stream) => {
    const streaming = await openStreaming(jobOf({ q: spec(mine) }, watermark), textOf(stream.lines), {
      isDurable: false,
    });
    try {
      await drive(streaming, stream);
      return (
        (await differenceToBatch(jobOf({ q: spec(theirs) }, watermark), streaming, { key: ["k"] })) ===
        undefined
      );
    } finally {
      await streaming.close();
    }
  });
  return (
    await fc.check(property, {
      seed: SEED,
      numRuns: 100,
      endOnFailure: true,
      interruptAfterTimeLimit: TIMEOUT_MS / 2,
    })
  ).failed;
}

const over = (call: string): string => `SELECT k, ${call} AS v FROM ticks GROUP BY k`;

describe("the suite catches", () => {
  for (const [fault, wrong, right] of [
    ["an average that is off in its eighth digit", "avg(n) + 0.0000001 * count(*)", "avg(n)"],
    ["a forgotten filter", "sum(n)", "sum(n) FILTER (WHERE f)"],
    ["a distinct that is dropped", "count(k)", "count(DISTINCT k)"],
    ["the last for the first", "last(id)", "first(id)"],
    ["ties settled the other way", "max(id) FILTER (WHERE f)", "arg_max(id, f)"],
    ["NULLs that count", "count(*)", "count(price)"],
    ["a zero for a NULL", "coalesce(sum(n), 0)", "sum(n)"],
    ["digits lost beyond 2^53", "sum(n::DOUBLE)::HUGEINT", "sum(n)"],
  ] as const)
    test(fault, async () => expect(await isCaught(over(wrong), over(right))).toBe(true), TIMEOUT_MS);

  test(
    "windows that are never closed",
    async () => {
      const drive: Drive = async (streaming, stream) => {
        for (const end of batchEnds(stream)) await streaming.batch(end, false);
      };
      expect(await isCaught(WINDOWED, WINDOWED, { drive })).toBe(true);
    },
    TIMEOUT_MS,
  );

  test(
    "rows that come late where none may",
    async () => expect(await isCaught(WINDOWED, WINDOWED, { watermark: "0s" })).toBe(true),
    TIMEOUT_MS,
  );

  test(
    "a key that HAVING should have taken back",
    async () => {
      const sql = over("count(*)");
      expect(await isCaught(sql, `${sql} HAVING count(*) % 2 = 1`, { mode: "update" })).toBe(true);
    },
    TIMEOUT_MS,
  );
});

/** The first of a kind at once, then sums, in the end all. */

import { expect, test } from "bun:test";
import type { Clock } from "../../src/base/clock.ts";
import { openTally, type Tallied } from "../../src/base/tally.ts";

/** A clock whose sleepers wait until the test says so. */
function heldClock(): { readonly clock: Clock; wake(): Promise<void> } {
  let sleepers: (() => void)[] = [];
  return {
    clock: {
      nowMs: () => 0,
      monotonicMs: () => 0,
      sleep: (_ms, signal) =>
        new Promise((resolve) => {
          sleepers.push(resolve);
          signal?.addEventListener("abort", () => resolve());
        }),
    },
    async wake() {
      for (const resolve of sleepers.splice(0)) resolve();
      sleepers = [];
      await Promise.resolve();
      await Promise.resolve();
    },
  };
}

const found = (kind: string, count: number): Tallied => ({ kind, count, words: (n) => `${n} ${kind}` });

test("tells the first of a kind at once, then once an interval what came since", async () => {
  const told: string[] = [];
  const { clock, wake } = heldClock();
  const tally = openTally({ clock, intervalMs: 60_000, tell: (words) => told.push(words) });
  tally.add(found("cast", 2));
  tally.add(found("json", 1));
  tally.add(found("cast", 5));
  tally.add(found("cast", 3));
  expect(told.splice(0)).toEqual(["2 cast", "1 json"]);
  await wake();
  expect(told.splice(0)).toEqual(["8 cast (10 in all)"]);
  await wake();
  expect(told).toEqual([]);
  tally.add(found("json", 4));
  tally.finish();
  expect(told).toEqual(["4 json (5 in all)"]);
  expect(tally.summary()).toEqual(["10 cast", "5 json"]);
});

test("the summary leaves out what was told as a whole", () => {
  const { clock } = heldClock();
  const tally = openTally({ clock, intervalMs: 1, tell: () => {} });
  tally.add(found("cast", 7));
  expect(tally.summary()).toEqual([]);
});

test("is bounded: kinds beyond a number are one", () => {
  const told: string[] = [];
  const { clock } = heldClock();
  const tally = openTally({ clock, intervalMs: 1, tell: (words) => told.push(words) });
  for (let kind = 0; kind < 1000; kind += 1) tally.add(found(`kind ${kind}`, 1));
  expect(told.length).toBe(51);
  tally.finish();
  expect(tally.summary()).toEqual(["950 kind 999"]);
  tally.close();
});

test("closed, it tells nothing any more", async () => {
  const told: string[] = [];
  const { clock, wake } = heldClock();
  const tally = openTally({ clock, intervalMs: 1, tell: (words) => told.push(words) });
  tally.add(found("cast", 1));
  tally.add(found("cast", 1));
  tally.close();
  await wake();
  expect(told).toEqual(["1 cast"]);
});

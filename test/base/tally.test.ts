/** The first of a kind at once, then sums, in the end all. */

import { expect, test } from "bun:test";
import type { Clock } from "../../src/base/clock.ts";
import { openTally, type Tally } from "../../src/base/tally.ts";

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

interface Found {
  readonly kind: string;
  readonly count: number;
}

function tallyOf(clock: Clock, told: string[]): Tally<Found> {
  return openTally<Found>({
    clock,
    together: (earlier, later) => ({ ...later, count: earlier.count + later.count }),
    tell: ({ kind, count }, total) =>
      told.push(`${count} ${kind}${total === undefined ? "" : ` (${total.count} in all)`}`),
  });
}

const add = (tally: Tally<Found>, kind: string, count: number): void => tally.add(kind, { kind, count });
const totals = (tally: Tally<Found>): string[] => tally.totals().map(({ kind, count }) => `${count} ${kind}`);

test("tells the first of a kind at once, then once an interval what came since", async () => {
  const told: string[] = [];
  const { clock, wake } = heldClock();
  const tally = tallyOf(clock, told);
  add(tally, "cast", 2);
  add(tally, "json", 1);
  add(tally, "cast", 5);
  add(tally, "cast", 3);
  expect(told.splice(0)).toEqual(["2 cast", "1 json"]);
  await wake();
  expect(told.splice(0)).toEqual(["8 cast (10 in all)"]);
  await wake();
  expect(told).toEqual([]);
  add(tally, "json", 4);
  tally.finish();
  expect(told).toEqual(["4 json (5 in all)"]);
  expect(totals(tally)).toEqual(["10 cast", "5 json"]);
});

test("the totals leave out what was told as a whole", () => {
  const { clock } = heldClock();
  const tally = tallyOf(clock, []);
  add(tally, "cast", 7);
  expect(totals(tally)).toEqual([]);
});

test("is bounded: kinds beyond a number are one", () => {
  const told: string[] = [];
  const { clock } = heldClock();
  const tally = tallyOf(clock, told);
  for (let kind = 0; kind < 1000; kind += 1) add(tally, `kind ${kind}`, 1);
  expect(told.length).toBe(51);
  tally.finish();
  expect(totals(tally)).toEqual(["950 kind 999"]);
  tally.close();
});

test("what comes after a quiet interval is told at the next tick", () => {
  let nowMs = 0;
  const told: string[] = [];
  const tally = tallyOf({ ...heldClock().clock, monotonicMs: () => nowMs }, told);
  add(tally, "cast", 1);
  add(tally, "cast", 2);
  tally.tick();
  expect(told).toEqual(["1 cast"]);
  nowMs = 60_000;
  tally.tick();
  expect(told.slice(1)).toEqual(["2 cast (3 in all)"]);
  nowMs = 600_000;
  add(tally, "cast", 4);
  tally.tick();
  expect(told.slice(2)).toEqual(["4 cast (7 in all)"]);
});

test("closed, it tells nothing any more", async () => {
  const told: string[] = [];
  const { clock, wake } = heldClock();
  const tally = tallyOf(clock, told);
  add(tally, "cast", 1);
  add(tally, "cast", 1);
  tally.close();
  await wake();
  expect(told).toEqual(["1 cast"]);
});

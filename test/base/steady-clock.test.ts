/** Processing time where the wall clock is set. */

import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { steadyClock } from "../../src/base/steady-clock.ts";

const START_MS = Date.parse("2026-01-05T10:00:00Z");
const DAY_MS = 86_400_000;

function handClock() {
  const hands = { wallMs: START_MS, passedMs: 0 };
  const said: string[] = [];
  const clock = steadyClock(
    { ...systemClock, nowMs: () => hands.wallMs, monotonicMs: () => hands.passedMs },
    (message) => said.push(message),
  );
  return {
    said,
    clock,
    pass(ms: number) {
      hands.passedMs += ms;
      hands.wallMs += ms;
    },
    set(byMs: number) {
      hands.wallMs += byMs;
    },
  };
}

test("small corrections are followed at once, without a word", () => {
  const { clock, pass, set, said } = handClock();
  for (const step of [400, -400, 4_000, -4_000, 1]) {
    pass(1_000);
    set(step);
    clock.nowMs();
  }
  expect(clock.nowMs()).toBe(START_MS + 5_001);
  expect(said).toEqual([]);
});

test.each([DAY_MS, -3_600_000])("a jump of %p ms for a moment is told once, and not followed", (step) => {
  const { clock, pass, set, said } = handClock();
  set(step);
  for (let second = 1; second <= 30; second += 1) {
    pass(1_000);
    expect(clock.nowMs()).toBe(START_MS + second * 1_000);
  }
  set(-step);
  pass(1_000);
  expect(clock.nowMs()).toBe(START_MS + 31_000);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain(step > 0 ? "set 1d ahead" : "set 1h back");
});

test("a jump that stays is followed", () => {
  const { clock, pass, set } = handClock();
  set(DAY_MS);
  clock.nowMs();
  pass(59_999);
  expect(clock.nowMs()).toBe(START_MS + 59_999);
  pass(1);
  expect(clock.nowMs()).toBe(START_MS + 60_000 + DAY_MS);
});

test("a second jump begins anew", () => {
  const { clock, pass, set, said } = handClock();
  set(DAY_MS);
  clock.nowMs();
  pass(50_000);
  set(DAY_MS);
  clock.nowMs();
  pass(50_000);
  expect(clock.nowMs()).toBe(START_MS + 100_000);
  pass(10_000);
  expect(clock.nowMs()).toBe(START_MS + 110_000 + 2 * DAY_MS);
  expect(said).toHaveLength(2);
});

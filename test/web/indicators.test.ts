/** Indicators, by figures worked out by hand or published. */

import { expect, test } from "bun:test";
import type { Candle } from "../../web/candle-store.ts";
import {
  bollingerBands,
  dayAverage,
  exponentialAverage,
  relativeStrength,
  simpleAverage,
} from "../../web/indicators.ts";

test("averages begin where there are enough values", () => {
  expect(simpleAverage([1, 2, 3, 4, 10], 3)).toEqual([undefined, undefined, 2, 3, 17 / 3]);
  expect(exponentialAverage([1, 2, 3, 5, 9], 3)).toEqual([undefined, undefined, 2, 3.5, 6.25]);
  expect(simpleAverage([1, 2], 3)).toEqual([undefined, undefined]);
});

test("bands are so many standard deviations from the mean", () => {
  const { upper, middle, lower } = bollingerBands([2, 4, 4, 4, 5, 5, 7, 9], 8, 2);
  expect([upper.at(-1), middle.at(-1), lower.at(-1)]).toEqual([9, 5, 1]);
  expect(upper.slice(0, 7).every((value) => value === undefined)).toBe(true);
});

test("relative strength, by the series that textbooks show", () => {
  const closes = [
    44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.1, 45.42, 45.84, 46.08, 45.89, 46.03, 45.61, 46.28, 46.28,
    46.0, 46.03, 46.41, 46.22, 45.64,
  ];
  const strength = relativeStrength(closes, 14);
  expect(strength.slice(0, 14).every((value) => value === undefined)).toBe(true);
  expect(strength.slice(14).map((value) => Number(value?.toFixed(2)))).toEqual([
    70.46, 66.25, 66.48, 69.35, 66.29, 57.92,
  ]);
  expect(relativeStrength([1, 1, 1, 1], 2).at(-1)).toBe(50);
  expect(relativeStrength([1, 2, 3, 4], 2).at(-1)).toBe(100);
});

test("the day's average weighs by volume and begins anew each day", () => {
  const candle = (time: string, more: Partial<Candle>): Candle => ({
    timeMs: Date.parse(time),
    open: 1,
    high: 12,
    low: 6,
    close: 9,
    volume: 100,
    trades: undefined,
    vwap: undefined,
    ...more,
  });
  expect(
    dayAverage([
      candle("2026-01-05T23:58:00Z", { vwap: 10, volume: 100 }),
      candle("2026-01-05T23:59:00Z", { vwap: 20, volume: 300 }),
      candle("2026-01-06T00:00:00Z", {}),
      candle("2026-01-07T00:00:00Z", { volume: undefined }),
    ]),
  ).toEqual([10, 17.5, 9, undefined]);
});

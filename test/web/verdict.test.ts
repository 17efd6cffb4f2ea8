/** The sentence that says how a job keeps up, and the figures beside it. */

import { describe, expect, test } from "bun:test";
import { doublingBins, quantile, verdictOf } from "../../web/verdict.ts";
import { batchReport } from "../support/batch-report.ts";

function reports(delaysMs: readonly number[], processingMs: number, periodMs = 1000) {
  return delaysMs.map((schedulingDelayMs, index) =>
    batchReport({ batch: index + 1, startedAtMs: index * periodMs, schedulingDelayMs, processingMs }),
  );
}

describe("the verdict", () => {
  const cases: [string, number[], number, string][] = [
    ["no batch", [], 0, "Waiting for the first batches"],
    ["idle", [0, 0, 0, 0, 0], 100, "Keeping up: 12 % busy"],
    ["one late batch is none", [0, 0, 900, 0, 0], 500, "Keeping up: 56 % busy"],
    [
      "falling behind",
      [600, 700, 800, 900, 1500],
      1000,
      "Behind by 1.5 s, rising: batches take 100 % of the time",
    ],
    [
      "catching up",
      [9000, 8000, 7000, 6000, 5000],
      1000,
      "Behind by 5 s, falling: batches take 100 % of the time",
    ],
    [
      "behind as before",
      [800, 800, 800, 800, 800],
      1000,
      "Behind by 800 ms, steady: batches take 100 % of the time",
    ],
  ];
  test.each(cases)("%s", (_, delays, processingMs, text) => {
    expect(verdictOf(reports(delays, processingMs)).text).toBe(text);
  });
});

test("quantiles are values that are there", () => {
  expect(quantile([], 0.5)).toBeUndefined();
  expect(quantile([3, 1, 2], 0.5)).toBe(2);
  expect(quantile([3, 1, 2], 0.99)).toBe(3);
});

test("each value is in one bin, the greatest too", () => {
  const values = [0.5, 1, 3, 4, 7.9, 8, 100];
  const bins = doublingBins(values);
  expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
  expect(bins.at(-1)).toEqual({ from: 64, to: 128, count: 1 });
  expect(doublingBins([50, 60])).toEqual([{ from: 32, to: 64, count: 2 }]);
});

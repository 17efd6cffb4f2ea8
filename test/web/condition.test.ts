/**
 * What the page says of the stream: live, silent, stopped and why, or out of reach; and figures that are
 * true.
 */

import { expect, test } from "bun:test";
import type { BatchReport } from "../../src/engine/batch-progress.ts";
import { conditionOf, type Facts } from "../../web/condition.ts";
import { inputRate, lastInputMs, usualPauseMs, watermarkLagMs } from "../../web/streaming.ts";

const START_MS = Date.UTC(2026, 0, 5, 14, 30);

function report(secondsAfter: number, inputRows = 100): BatchReport {
  const startedAtMs = START_MS + secondsAfter * 1000;
  return {
    batch: secondsAfter,
    startedAtMs,
    schedulingDelayMs: 0,
    processingMs: 0,
    inputRows,
    inputBytes: 0,
    lateRows: 0,
    deadLetters: 0,
    watermarkMs: startedAtMs - 5000,
    maxEventTimeMs: startedAtMs,
    outputRows: { q: 1 },
  };
}

const steady = [0, 1, 2, 3, 4, 5].map((second) => report(second));
const at = (seconds: number): number => START_MS + seconds * 1000;

function condition(facts: Partial<Facts>) {
  return conditionOf({
    phase: "live",
    feed: { kind: "engine", ended: false, brokenLines: 0 },
    reports: steady,
    nowMs: at(6),
    heardAtMs: at(6),
    ...facts,
  });
}

test("a stream that comes is live; one that does not says for how long", () => {
  expect(condition({}).text).toBe("Live");
  expect(condition({ nowMs: at(14) }).text).toBe("Live");
  expect(condition({ nowMs: at(45.4) })).toMatchObject({ kind: "silent", text: "No data for 40 s" });
  expect(condition({ nowMs: at(605) }).text).toBe("No data for 10 min");
  // Batches without a row, which only move the clock, are no data.
  expect(condition({ reports: [...steady, report(44, 0)], nowMs: at(45) }).text).toBe("No data for 40 s");
});

test("what comes once a minute is not silent in between", () => {
  const seldom = [0, 60, 120, 180].map((second) => report(second));
  expect(condition({ reports: seldom, nowMs: at(235) }).text).toBe("Live");
  expect(condition({ reports: seldom, nowMs: at(420) }).text).toBe("No data for 4 min");
});

test("before the first row, and before the time is known, nothing is claimed", () => {
  expect(condition({ reports: [] }).text).toBe("Live");
  expect(condition({ nowMs: undefined }).text).toBe("Live");
  expect(condition({ phase: "connecting" }).text).toBe("Connecting…");
});

test("a job that ended says why; one that failed, with what; a pipe that ended, just that", () => {
  const feed = { kind: "engine", ended: true, brokenLines: 0 } as const;
  expect(condition({ feed, nowMs: at(900) })).toEqual({
    kind: "ended",
    text: "Stream ended",
    notice: undefined,
  });
  expect(condition({ feed: { ...feed, reason: "the input ended" } })).toEqual({
    kind: "ended",
    text: "Stream ended",
    notice: "Stopped: the input ended",
  });
  expect(condition({ feed: { ...feed, reason: "stopped by SIGTERM" } })).toEqual({
    kind: "ended",
    text: "Stopped",
    notice: "Stopped: SIGTERM",
  });
  expect(condition({ feed: { ...feed, reason: "failed: The disk is full" } })).toEqual({
    kind: "failed",
    text: "Failed",
    notice: "Stopped: The disk is full",
  });
});

test("a server that is gone is told apart from a job that ended", () => {
  const gone = { phase: "reconnecting", heardAtMs: at(6) } as const;
  expect(condition({ ...gone, nowMs: at(7) })).toMatchObject({ text: "Reconnecting…", notice: undefined });
  expect(condition({ ...gone, nowMs: at(18) })).toEqual({
    kind: "lost",
    text: "Reconnecting…",
    notice:
      "The server has not answered for 12 s: it has ended, or can't be reached. " +
      "What is shown is from 2026-01-05 14:30:06 UTC",
  });
  const feed = { kind: "engine", ended: true, brokenLines: 0, reason: "failed: The disk is full" } as const;
  expect(condition({ ...gone, feed, nowMs: at(18) })).toEqual({
    kind: "failed",
    text: "Failed",
    notice: "Stopped: The disk is full. Its server has ended too",
  });
});

test("lag grows while nothing comes, and stands still at the end", () => {
  expect(watermarkLagMs(steady, at(5))).toBe(5000);
  expect(watermarkLagMs(steady, at(45))).toBe(45_000);
  expect(watermarkLagMs([...steady, report(44, 0)], at(45))).toBe(45_000);
  expect(watermarkLagMs(steady)).toBe(5000);
  expect(watermarkLagMs([])).toBeUndefined();
  expect(watermarkLagMs([{ ...report(1), watermarkMs: null }], at(45))).toBeUndefined();
});

test("a rate falls to nothing when nothing comes", () => {
  expect(inputRate(steady, at(5.5))).toBe(100);
  expect(inputRate(steady, at(10))).toBe(50);
  expect(inputRate(steady, at(60))).toBe(0);
  expect(inputRate(steady)).toBe(100);
  expect(inputRate([report(0)], at(1))).toBeUndefined();
  expect(inputRate([], at(1))).toBeUndefined();
});

test("the last row and the usual pause leave batches without rows out", () => {
  const reports = [report(0), report(2), report(4), report(5, 0), report(6, 0)];
  expect(lastInputMs(reports)).toBe(at(4));
  expect(usualPauseMs(reports)).toBe(2000);
  expect(lastInputMs([])).toBeUndefined();
  expect(usualPauseMs([report(0)])).toBe(0);
});

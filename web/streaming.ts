/** Figures of the stream out of the reports of its last batches. */

import type { BatchReport } from "../src/server/protocol.ts";

/** Rates are those of the last ten seconds. */
const RATE_SPAN_MS = 10_000;

/**
 * Rows a second up to `nowMs`, so that they fall when nothing comes; up to the newest batch where the time is
 * not known. Undefined before there are two batches.
 */
export function inputRate(reports: readonly BatchReport[], nowMs?: number): number | undefined {
  return rate(reports, (report) => report.inputRows, nowMs);
}

export function outputRate(reports: readonly BatchReport[], nowMs?: number): number | undefined {
  return rate(reports, outputRowsOf, nowMs);
}

export function outputRowsOf(report: BatchReport): number {
  return Object.values(report.outputRows).reduce((sum, rows) => sum + rows, 0);
}

/** What came in after the first batch of the span came in during the span. */
function rate(
  reports: readonly BatchReport[],
  rowsOf: (report: BatchReport) => number,
  nowMs: number | undefined,
): number | undefined {
  const newest = reports.at(-1);
  if (newest === undefined || reports.length < 2) return undefined;
  // Between two batches nothing is new: they go on as before until one is overdue.
  const overdueMs = newest.startedAtMs + usualPauseMs(reports) * 2;
  const untilMs = nowMs === undefined || nowMs < overdueMs ? newest.startedAtMs : nowMs;
  const recent = reports.filter((report) => report.startedAtMs >= untilMs - RATE_SPAN_MS);
  const [first] = recent;
  if (first === undefined) return 0;
  const spanMs = untilMs - first.startedAtMs;
  if (spanMs <= 0) return undefined;
  return recent.slice(1).reduce((sum, report) => sum + rowsOf(report), 0) / (spanMs / 1000);
}

export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** When a row last came. */
export function lastInputMs(reports: readonly BatchReport[]): number | undefined {
  const last =
    reports.findLast(({ inputRows, deadLetters }) => inputRows + deadLetters > 0) ?? reports.at(-1);
  return last === undefined ? undefined : last.startedAtMs + last.processingMs;
}

/** What lies between two batches with rows as a rule. */
export function usualPauseMs(reports: readonly BatchReport[]): number {
  const starts = reports.filter(({ inputRows }) => inputRows > 0).map(({ startedAtMs }) => startedAtMs);
  return median(starts.slice(1).map((start, index) => start - (starts[index] ?? start))) ?? 0;
}

/**
 * How far the watermark is behind: the newest event, and the time that has passed since that came. `nowMs` is
 * left out where no time passes any more.
 */
export function watermarkLagMs(reports: readonly BatchReport[], nowMs?: number): number | undefined {
  const { watermarkMs = null, maxEventTimeMs = null } = reports.at(-1) ?? {};
  if (watermarkMs === null || maxEventTimeMs === null) return undefined;
  const last = lastInputMs(reports);
  const silentMs = nowMs === undefined || last === undefined ? 0 : Math.max(0, nowMs - last);
  return Math.max(0, maxEventTimeMs - watermarkMs) + silentMs;
}

/** Figures of the stream out of the reports of its last batches. */

import type { BatchReport } from "../src/server/protocol.ts";

/** Rates are those of the last ten seconds before the newest batch. */
const RATE_SPAN_MS = 10_000;

/** Rows a second; undefined before there are two batches. */
export function inputRate(reports: readonly BatchReport[]): number | undefined {
  return rate(reports, (report) => report.inputRows);
}

export function outputRate(reports: readonly BatchReport[]): number | undefined {
  return rate(reports, outputRowsOf);
}

export function outputRowsOf(report: BatchReport): number {
  return Object.values(report.outputRows).reduce((sum, rows) => sum + rows, 0);
}

/** What came in after the first batch of the span came in during the span. */
function rate(reports: readonly BatchReport[], rowsOf: (report: BatchReport) => number): number | undefined {
  const newest = reports.at(-1);
  if (newest === undefined) return undefined;
  const recent = reports.filter((report) => report.startedAtMs >= newest.startedAtMs - RATE_SPAN_MS);
  const first = recent[0] ?? newest;
  const spanMs = newest.startedAtMs - first.startedAtMs;
  if (spanMs <= 0) return undefined;
  return recent.slice(1).reduce((sum, report) => sum + rowsOf(report), 0) / (spanMs / 1000);
}

export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** How far the watermark is behind the newest event. */
export function watermarkLagMs(report: BatchReport | undefined): number | undefined {
  const { watermarkMs = null, maxEventTimeMs = null } = report ?? {};
  return watermarkMs === null || maxEventTimeMs === null
    ? undefined
    : Math.max(0, maxEventTimeMs - watermarkMs);
}

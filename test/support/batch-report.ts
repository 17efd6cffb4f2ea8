/** A report of a batch in which nothing went wrong. */

import type { BatchReport } from "../../src/engine/batch-progress.ts";

export function batchReport(more: Partial<BatchReport> = {}): BatchReport {
  return {
    batch: 1,
    startedAtMs: 0,
    schedulingDelayMs: 0,
    processingMs: 1,
    inputRows: 1,
    inputBytes: 1,
    lateRows: 0,
    deadLetters: 0,
    watermarkMs: null,
    maxEventTimeMs: null,
    outputRows: {},
    ...more,
  };
}

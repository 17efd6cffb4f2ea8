/** How the job is, out of what the hub knows. */

import { writeExactJson } from "../../base/exact-json.ts";
import type { BatchReport } from "../../engine/batch-progress.ts";
import type { ChangeLog } from "../changes/change-log.ts";
import type { Hub } from "../hub.ts";

const NO_REPORT = {
  batch: 0,
  startedAtMs: null,
  schedulingDelayMs: 0,
  processingMs: 0,
  inputRows: 0,
  inputBytes: 0,
  lateRows: 0,
  deadLetters: 0,
  watermarkMs: null,
  maxEventTimeMs: null,
  outputRows: {},
} as const satisfies Omit<BatchReport, "startedAtMs"> & { startedAtMs: null };

export function statusText({ state, instance }: Hub): string {
  const { job, feed, totals, reports } = state;
  return writeExactJson({ ...(reports.at(-1) ?? NO_REPORT), job, instance, feed, totals });
}

export function batchesText({ state }: Hub, limit: number): string {
  return writeExactJson({ job: state.job, batches: state.reports.slice(-limit) });
}

export interface Readiness {
  readonly ready: boolean;
  readonly state: "starting" | "running" | "ended" | "failed";
}

/** Ready: the job has started, and has not failed. One whose input ended still shows its answer. */
export function readinessOf({ state: { feed, job } }: Hub): Readiness {
  if (feed.ended) {
    const hasFailed = feed.reason?.startsWith("failed") === true;
    return { ready: !hasFailed, state: hasFailed ? "failed" : "ended" };
  }
  const hasStarted = feed.kind === "lines" || job !== "";
  return { ready: hasStarted, state: hasStarted ? "running" : "starting" };
}

export function queryOf({ query, mode, key, columns, rowCount, sequence, omittedRows }: ChangeLog) {
  return { name: query, mode, key, columns, rows: rowCount, sequence, omittedRows };
}

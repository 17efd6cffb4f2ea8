/** How the job is, out of what the hub knows. */

import { writeExactJson } from "../../base/exact-json.ts";
import type { BatchReport } from "../../engine/batch-progress.ts";
import type { ChangeLog } from "../changes/change-log.ts";
import type { Hub } from "../hub.ts";
import type { GraphNode } from "../job-graph.ts";

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

/** Of so many batches; fewer where there are not so many. */
const RATE_BATCHES = 10;

/** Rows that a query emits are counted where a sink reads it or no other query; those of an only source. */
export function graphText({ state, graph, problems }: Hub): string {
  const { nodes, edges } = graph ?? { nodes: [], edges: [] };
  const reports = state.reports.slice(-RATE_BATCHES);
  const sources = nodes.filter(({ kind }) => kind === "source");
  const rowsOf = ({ kind, name }: GraphNode, report: BatchReport): number | undefined => {
    if (kind === "source") return sources.length === 1 ? report.inputRows : undefined;
    return kind === "sink" ? undefined : report.outputRows[name];
  };
  const rateOf = (node: GraphNode): number | null => {
    const [first] = reports;
    const last = reports.at(-1);
    if (first === undefined || last === undefined || rowsOf(node, last) === undefined) return null;
    // What the first one read came before it started.
    const spanMs = last.startedAtMs - first.startedAtMs;
    const rows = reports.slice(1).reduce((sum, report) => sum + (rowsOf(node, report) ?? 0), 0);
    return spanMs <= 0 ? null : (rows * 1000) / spanMs;
  };
  const sumOf = (counts: readonly { readonly count: number }[]): number =>
    counts.reduce((sum, { count }) => sum + count, 0);
  return writeExactJson({
    job: state.job,
    nodes: nodes.map((node) => {
      const { kind, name } = node;
      const last = reports.at(-1);
      const isOf = (letter: { readonly source: string | null; readonly query: string | null }): boolean =>
        kind === "query" ? letter.query === name : kind === "source" && letter.query === null;
      return {
        ...node,
        rows: (last && rowsOf(node, last)) ?? null,
        rowsPerSecond: rateOf(node),
        lateRows: kind === "source" ? (problems.late.find(({ source }) => source === name)?.rows ?? 0) : 0,
        deadLetters: sumOf(
          problems.letters.filter((letter) => isOf(letter) && (kind === "query" || letter.source === name)),
        ),
      };
    }),
    edges,
  });
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

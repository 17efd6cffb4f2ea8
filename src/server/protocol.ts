/**
 * What the live hub and the page say to each other. Both sides import this file, so neither can drift.
 *
 * The page opens `/live?instance=…&after=N`: the hub it knew and the last sequence number it has, or neither.
 * The hub answers with `resumed` and exactly the deltas after N, or, where it no longer has them or is
 * another hub, with a `snapshot`. Then come deltas, each with the next sequence number: no gap and no
 * repeat. `alive` comes at the start and in between, so that a silent connection is known to be dead.
 *
 * Messages are JSON whose numbers have all their digits, 64-bit integers and decimals too: whoever reads them
 * into doubles rounds what is beyond 2^53. Both sides here read and write them with `base/exact-json.ts`.
 */

import { digitsOf, plainString, writeExactJson } from "../base/exact-json.ts";
import type { BatchReport, Json } from "../engine/batch-progress.ts";
import type { OutputMode } from "../job/schema.ts";

/** The page knows the engine by this file only. */
export type { BatchReport } from "../engine/batch-progress.ts";
export type { GraphNode, JobGraph } from "./job-graph.ts";
export type { LateCount, LetterCount } from "./problems.ts";

export const LIVE_PATH = "/live";
export const HISTORY_PATH = "/api/history";

/** How often the hub says `alive`; a page that hears nothing for three times as long connects anew. */
export const HEARTBEAT_MS = 5_000;

export interface Column {
  readonly name: string;
  /** DuckDB's name of the type. */
  readonly type: string;
}

/** A row as values in the order of its table's columns. */
export type Values = readonly Json[];

/** A value as it stands in a filter or an order: text as it is, anything else as JSON, nothing as "". */
export function plainText(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  return digitsOf(value) ?? (typeof value === "string" ? plainString(value) : writeExactJson(value));
}

/** `engine`: figures of every batch are known. `lines`: only rows are, they came through a pipe. */
export type FeedKind = "engine" | "lines";

export interface FeedStatus {
  readonly kind: FeedKind;
  /** Nothing more will come; what is shown stays. */
  readonly ended: boolean;
  /** Why it has ended, as in "the input ended" or "failed: …"; left out where nobody knows. */
  readonly reason?: string;
  /** Lines of the feed that could not be read. */
  readonly brokenLines: number;
}

/** One query's part of a delta. */
export interface TableDelta {
  readonly query: string;
  readonly mode: OutputMode;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  readonly rows: readonly Values[];
  /** Which of `rows`, by index and rising, are deletions. */
  readonly deleted: readonly number[];
  readonly omittedRows: number;
}

export type Delta =
  | {
      readonly kind: "batch";
      readonly job: string;
      readonly report: BatchReport;
      readonly tables: readonly TableDelta[];
    }
  /** The queries that a job has, before their first rows. */
  | { readonly kind: "tables"; readonly job: string; readonly tables: readonly TableDelta[] }
  | { readonly kind: "feed"; readonly feed: FeedStatus };

export interface Totals {
  batches: number;
  inputRows: number;
  inputBytes: number;
  lateRows: number;
  deadLetters: number;
  outputRows: number;
}

interface TableSnapshot {
  readonly query: string;
  readonly mode: OutputMode;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  /** From the one that changed longest ago to the newest. */
  readonly rows: readonly Values[];
  /** How many rows an append table has ever had: names its next row. */
  readonly rowsEver: number;
  readonly omittedRows: number;
}

export interface StateSnapshot {
  readonly job: string;
  readonly feed: FeedStatus;
  readonly totals: Readonly<Totals>;
  readonly reports: readonly BatchReport[];
  readonly tables: readonly TableSnapshot[];
}

export type ServerMessage =
  | {
      readonly type: "snapshot";
      readonly instance: string;
      readonly sequence: number;
      readonly state: StateSnapshot;
    }
  | { readonly type: "resumed"; readonly instance: string; readonly sequence: number }
  | { readonly type: "delta"; readonly sequence: number; readonly delta: Delta }
  /** `nowMs`: the wall clock where the hub is, so that a page can tell how long ago something was. */
  | { readonly type: "alive"; readonly nowMs: number };

/**
 * The answer of `GET /api/history?query=…&COLUMN=VALUE`: rows in the order of `window_start`, where there is
 * one.
 */
export interface HistoryAnswer {
  readonly instance: string;
  readonly sequence: number;
  readonly query: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Values[];
}

/** Where a page left off. */
export interface ResumePoint {
  readonly instance: string;
  readonly sequence: number;
}

/** The path and query with which to connect. */
export function livePath(resume: ResumePoint | undefined): string {
  return resume === undefined
    ? LIVE_PATH
    : `${LIVE_PATH}?instance=${encodeURIComponent(resume.instance)}&after=${resume.sequence}`;
}

/** The other way round; undefined where the parameters are missing or make no sense. */
export function resumePointOf(parameters: URLSearchParams): ResumePoint | undefined {
  const instance = parameters.get("instance");
  const after = Number(parameters.get("after") ?? Number.NaN);
  return instance === null || !Number.isSafeInteger(after) || after < 0
    ? undefined
    : { instance, sequence: after };
}

/** What one micro-batch did: the shape every observer (dashboard, journal, log) is given. */

import type { Json } from "../base/exact-json.ts";
import type { OutputMode } from "../job/schema.ts";

/** The figures of one batch. Times of the wall clock and of events are both milliseconds since 1970 UTC. */
export interface BatchReport {
  readonly batch: number;
  readonly startedAtMs: number;
  /** How long after its trigger the batch started: > 0 when we can't keep up. */
  readonly schedulingDelayMs: number;
  readonly processingMs: number;
  readonly inputRows: number;
  readonly inputBytes: number;
  readonly lateRows: number;
  readonly deadLetters: number;
  /** The least watermark over the sources after this batch; null before the first event. */
  readonly watermarkMs: number | null;
  /** The highest event time seen; null before the first event. */
  readonly maxEventTimeMs: number | null;
  /** Rows emitted by each query that a sink or the dashboard reads. */
  readonly outputRows: Readonly<Record<string, number>>;
}

/** Numbers that a double can't hold are exact, as `base/exact-json.ts` has them. */
export type { Json };

export interface RowChange {
  /** Append mode has upserts only. */
  readonly op: "upsert" | "delete";
  readonly row: Readonly<Record<string, Json>>;
}

/** One query's rows of one batch, as JSON values: times are ISO 8601 UTC text, numbers are numbers. */
export interface QueryOutput {
  readonly query: string;
  readonly mode: OutputMode;
  /** The columns that name a row in update mode; empty in append mode without a key. */
  readonly key: readonly string[];
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly changes: readonly RowChange[];
  /** Rows left out because one batch had more than the observer takes. */
  readonly omittedRows: number;
}

/** A source's rows that came behind its watermark. */
export interface LateRows {
  readonly source: string;
  readonly rows: number;
  /** Of their event times, the earliest. */
  readonly earliestMs: number;
  /** That of the source, before the batch: what passed them. */
  readonly watermarkMs: number;
  /** Whether it is no watermark, but up to where an end of the input has closed what was open. */
  readonly isOfEnd?: boolean;
  /** The source's `watermark:`. */
  readonly delayMs: number;
  /** The queries that have no row of them. */
  readonly leftOutOf: readonly string[];
}

/** Dead letters of a batch whose reasons are of one kind, and the first of them. */
export interface LetterKind {
  /** The stream; null for a group or window of a query. */
  readonly source: string | null;
  /** The query that failed on a row; null where a line became no row. */
  readonly query: string | null;
  readonly kind: string;
  readonly count: number;
  readonly reason: string;
  readonly origin: string | null;
  readonly byteOffset: number | null;
  /** Its first characters. */
  readonly line: string | null;
}

export interface BatchProgress {
  readonly job: string;
  readonly report: BatchReport;
  /** Left out where no row was late. */
  readonly late?: readonly LateRows[];
  /** Left out where the batch has none. */
  readonly letters?: readonly LetterKind[];
  readonly outputs: readonly QueryOutput[];
}

/** The figures of a batch's report. */

import { INFINITY_US } from "../duckdb/sql.ts";
import type { BatchInput } from "../ingest/source-reader.ts";
import type { SourceTime, Watermarks } from "../ingest/watermark.ts";
import { isProcessingTime } from "../sql/processing-time.ts";
import type { BatchReport } from "./batch-progress.ts";

/** The figures of all sources together. */
export function totals(
  intakes: ReadonlyMap<string, BatchInput>,
): Pick<BatchReport, "inputRows" | "inputBytes" | "lateRows" | "deadLetters"> {
  const all = [...intakes.values()];
  const sum = (figure: (intake: BatchInput) => number): number =>
    all.reduce((total, intake) => total + figure(intake), 0);
  return {
    inputRows: sum(({ rows }) => rows),
    inputBytes: sum(({ bytes }) => bytes),
    lateRows: sum(({ lateRows }) => lateRows),
    deadLetters: sum(({ deadLetters: letters }) => letters.reduce((total, { count }) => total + count, 0)),
  };
}

/** What the batch knows of event times after it. */
export function timesOf(
  times: ReadonlyMap<string, SourceTime>,
  watermarks: Watermarks,
  groups: readonly (readonly string[])[],
): Pick<BatchReport, "watermarkMs" | "maxEventTimeMs"> {
  const reached = groups
    .map((sources) => watermarks.of(sources))
    .filter((value) => value !== null && value !== INFINITY_US);
  const seen = [...times].flatMap(([name, time]) =>
    isProcessingTime(name) ? [] : (time.maxEventTimeUs ?? []),
  );
  return {
    watermarkMs:
      reached.length === 0
        ? null
        : Number(reached.reduce((a, b) => (b !== null && a !== null && b < a ? b : a)) ?? 0n) / 1000,
    maxEventTimeMs: seen.length === 0 ? null : Number(seen.reduce((a, b) => (b > a ? b : a))) / 1000,
  };
}

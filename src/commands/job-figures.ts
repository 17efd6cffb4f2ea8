/** The figures of a job that runs, as a person wants them: how much, how fast, how late, how long still. */

import type { Clock } from "../base/clock.ts";
import { counted } from "../base/units.ts";
import type { BatchReport } from "../engine/batch-progress.ts";

/** Rates are those of the last ten seconds. */
const RATE_SPAN_MS = 10_000;
/** A job that has had nothing for so long waits. */
export const WAITING_MS = 2000;

export interface JobFigures {
  /** Of all bytes that there are to read; undefined where that is not known. */
  totalBytes: number | undefined;
  readonly rows: number;
  /** The sources were asked: whether one of them had something. */
  asked(hadInput: boolean): void;
  /** For how long the sources have had nothing. */
  waitingMs(): number;
  add(report: BatchReport): void;
  /** One line. */
  text(): string;
}

export function openJobFigures(clock: Clock): JobFigures {
  const startedMs = clock.monotonicMs();
  let lastRowMs = startedMs;
  let waitingSinceMs: number | undefined;
  let recent: { readonly atMs: number; readonly rows: number; readonly bytes: number }[] = [];
  let rows = 0;
  let bytes = 0;
  let late = 0;
  let dead = 0;
  let watermarkLagMs: number | undefined;
  const figures: JobFigures = {
    totalBytes: undefined,
    get rows() {
      return rows;
    },
    asked(hadInput) {
      if (hadInput) waitingSinceMs = undefined;
      else waitingSinceMs ??= clock.monotonicMs();
    },
    waitingMs: () => (waitingSinceMs === undefined ? 0 : clock.monotonicMs() - waitingSinceMs),
    add({ inputRows, inputBytes, lateRows, deadLetters, watermarkMs, maxEventTimeMs }) {
      const nowMs = clock.monotonicMs();
      rows += inputRows;
      bytes += inputBytes;
      late += lateRows;
      dead += deadLetters;
      watermarkLagMs =
        watermarkMs === null || maxEventTimeMs === null
          ? undefined
          : Math.max(0, maxEventTimeMs - watermarkMs);
      if (inputRows + deadLetters === 0) return;
      lastRowMs = nowMs;
      recent.push({ atMs: nowMs, rows: inputRows, bytes: inputBytes });
    },
    text() {
      const nowMs = clock.monotonicMs();
      recent = recent.filter(({ atMs }) => atMs > nowMs - RATE_SPAN_MS);
      const spanSeconds = Math.max(1, Math.min(RATE_SPAN_MS, nowMs - startedMs) / 1000);
      const perSecond = recent.reduce((sum, each) => sum + each.rows, 0) / spanSeconds;
      const bytesPerSecond = recent.reduce((sum, each) => sum + each.bytes, 0) / spanSeconds;
      const isWaiting = figures.waitingMs() >= WAITING_MS;
      const silentMs = nowMs - lastRowMs;
      return [
        counted(rows, "row"),
        `${perSecond < 10 ? Number(perSecond.toFixed(1)) : Math.round(perSecond).toLocaleString("en-US")}/s`,
        ...progressTexts(bytes, figures.totalBytes, bytesPerSecond),
        ...(watermarkLagMs === undefined || figures.totalBytes !== undefined
          ? []
          : [`lag ${spanText(watermarkLagMs + (isWaiting ? silentMs : 0))}`]),
        ...(late > 0 ? [`${late.toLocaleString("en-US")} late`] : []),
        ...(dead > 0 ? [counted(dead, "dead letter")] : []),
        isWaiting ? `no data for ${spanText(silentMs)}` : "running",
      ].join(" · ");
    },
  };
  return figures;
}

function progressTexts(bytes: number, totalBytes: number | undefined, bytesPerSecond: number): string[] {
  if (totalBytes === undefined || totalBytes === 0) return [];
  // What is read is not done yet.
  const percent = Math.min(99, Math.floor((bytes / totalBytes) * 100));
  const leftMs = bytesPerSecond > 0 ? ((totalBytes - bytes) / bytesPerSecond) * 1000 : undefined;
  return [`${percent} %`, ...(leftMs === undefined || leftMs < 1000 ? [] : [`${spanText(leftMs)} left`])];
}

/** `0.4 s`, `12 s`, `3 min`, `2.5 h`. */
export function spanText(durationMs: number): string {
  if (durationMs < 9_950) return `${Number((durationMs / 1000).toFixed(1))} s`;
  if (durationMs < 119_500) return `${Math.round(durationMs / 1000)} s`;
  if (durationMs < 7_170_000) return `${Math.round(durationMs / 60_000)} min`;
  return `${Number((durationMs / 3_600_000).toFixed(1))} h`;
}

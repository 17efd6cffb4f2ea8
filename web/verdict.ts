/** How the job keeps up with its input, in one sentence out of its last batches. */

import type { BatchReport } from "../src/server/protocol.ts";
import { durationText } from "./format.ts";

export interface Verdict {
  readonly kind: "good" | "warn" | "none";
  readonly text: string;
}

/** A short while: what was before does not help who looks now. */
const LAST_BATCHES = 20;
/** Batches that start so late say that more comes in than is done. */
const LATE_MS = 500;

export function verdictOf(reports: readonly BatchReport[]): Verdict {
  const last = reports.slice(-LAST_BATCHES);
  const [first, newest] = [last[0], last.at(-1)];
  if (first === undefined || newest === undefined || last.length < 2)
    return { kind: "none", text: "Waiting for the first batches" };
  const spanMs = newest.startedAtMs + newest.processingMs - first.startedAtMs;
  const busyMs = last.reduce((sum, { processingMs }) => sum + processingMs, 0);
  const busy = spanMs <= 0 ? 100 : Math.min(100, Math.round((100 * busyMs) / spanMs));
  const delays = last.slice(-5).map(({ schedulingDelayMs }) => schedulingDelayMs);
  if (!delays.every((delayMs) => delayMs > LATE_MS))
    return { kind: "good", text: `Keeping up: ${busy} % busy` };
  const behindMs = newest.schedulingDelayMs;
  const trend =
    behindMs > (delays[0] ?? 0) * 1.1 ? "rising" : behindMs < (delays[0] ?? 0) * 0.9 ? "falling" : "steady";
  return {
    kind: "warn",
    text: `Behind by ${durationText(behindMs)}, ${trend}: batches take ${busy} % of the time`,
  };
}

/** The value that a share of all is at or below: 0.5 for the median. Undefined of nothing. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Values counted in bins twice as wide from one to the next, since times differ by orders of magnitude. */
export function doublingBins(values: readonly number[]): Bin[] {
  const bins: Bin[] = [];
  const most = Math.max(1, ...values);
  for (let [from, to] = [0, 1]; from < most || bins.length === 0; [from, to] = [to, to * 2]) {
    const count = values.filter((value) => value >= from && (value < to || to >= most)).length;
    bins.push({ from, to, count });
    if (to >= most) break;
  }
  const firstFilled = bins.findIndex(({ count }) => count > 0);
  return bins.slice(Math.max(0, firstFilled));
}

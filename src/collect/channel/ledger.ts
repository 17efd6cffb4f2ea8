/** What the two ends of a channel on disk share: which segments there are, and who waits for whom. */

import { createSignal, type Signal } from "../signal.ts";
import type { Place } from "./channel.ts";
import type { SegmentInfo } from "./segments.ts";

export interface Ledger {
  /** In their order; the last may still grow. */
  readonly segments: SegmentInfo[];
  /** There is more to take, or the end has come. */
  readonly grown: Signal;
  /** There is more room. */
  readonly freed: Signal;
  committed: Place;
  hasEnded: boolean;
  /** Why nothing can be put any more. */
  failure: Error | undefined;
  isShortOfRoom: boolean;
}

export function createLedger(segments: SegmentInfo[], committed: Place): Ledger {
  return {
    segments,
    grown: createSignal(),
    freed: createSignal(),
    committed,
    hasEnded: false,
    failure: undefined,
    isShortOfRoom: false,
  };
}

export function diskBytes({ segments }: Ledger): number {
  return segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** What was put and not committed. */
export function waitingBytes(ledger: Ledger): number {
  const { segment, offset } = ledger.committed;
  return ledger.segments.reduce(
    (sum, { number, sizeBytes }) => sum + (number === segment ? Math.max(0, sizeBytes - offset) : sizeBytes),
    0,
  );
}

/** The wall clock of a run: it stands still but between batches, where it goes on by chance. */

import type { Clock } from "../base/clock.ts";
import { oneOf, type Random } from "../simulate/random.ts";

export interface RunClock extends Clock {
  /** Goes on: by nothing, a little, or enough to close windows. */
  step(): void;
}

const STEPS_MS: readonly number[] = [0, 1, 250, 7_000, 90_000];
/** In all it goes on by this much at most. */
export const MAX_RUN_MS = 3_600_000;

export function openRunClock(clock: Clock, startMs: number, random: Random): RunClock {
  let passedMs = 0;
  return {
    ...clock,
    nowMs: () => startMs + passedMs,
    step() {
      passedMs = Math.min(MAX_RUN_MS, passedMs + oneOf(random, STEPS_MS));
    },
  };
}

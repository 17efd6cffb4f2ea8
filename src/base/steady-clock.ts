/**
 * A wall clock that somebody sets, or a virtual machine that was paused, must not tear processing time. Small
 * corrections are followed at once. A jump is followed when it has lasted for a while, and told at once.
 */

import type { Clock } from "./clock.ts";
import { durationText } from "./units.ts";

/** What time servers correct without a jump, and a busy machine's delay between two readings. */
const SMALL_STEP_MS = 5_000;
/** A clock that is off for a moment only is not followed. */
const CONFIRMED_AFTER_MS = 60_000;

/** `warn` is told of every jump. */
export function steadyClock(clock: Clock, warn: (message: string) => void): Clock {
  /** Wall clock less monotonic time, as it is believed; and one that it may have jumped to. */
  let offsetMs = clock.nowMs() - clock.monotonicMs();
  let jump: { readonly offsetMs: number; readonly sinceMs: number } | undefined;
  const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= SMALL_STEP_MS;
  return {
    ...clock,
    nowMs() {
      const passedMs = clock.monotonicMs();
      const seenMs = clock.nowMs() - passedMs;
      if (isNear(seenMs, offsetMs)) {
        offsetMs = seenMs;
        jump = undefined;
      } else if (jump === undefined || !isNear(seenMs, jump.offsetMs)) {
        jump = { offsetMs: seenMs, sinceMs: passedMs };
        warn(jumpMessage(seenMs - offsetMs));
      } else if (passedMs - jump.sinceMs >= CONFIRMED_AFTER_MS) {
        offsetMs = seenMs;
        jump = undefined;
      }
      return passedMs + offsetMs;
    },
  };
}

function jumpMessage(stepMs: number): string {
  const size = durationText(Math.round(Math.abs(stepMs) / 1000) * 1000);
  return (
    `the clock was set ${size} ${stepMs > 0 ? "ahead" : "back"}: time goes on as before, and follows it ` +
    `if it stays so for ${durationText(CONFIRMED_AFTER_MS)}`
  );
}

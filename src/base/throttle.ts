/**
 * Words about what happens again and again: at once when it begins, then once in an interval what has come
 * together since. Each key has words of its own.
 */

import type { Clock } from "./clock.ts";

export interface Throttle<Seen> {
  add(key: string, seen: Seen): void;
  /** Says what has come together of keys whose interval has passed. */
  tick(): void;
}

export interface ThrottleOptions<Seen> {
  readonly clock: Clock;
  readonly intervalMs?: number;
  /** Two of one key as one. */
  readonly together: (a: Seen, b: Seen) => Seen;
  readonly say: (key: string, seen: Seen, isFirst: boolean) => void;
}

const INTERVAL_MS = 60_000;

export function openThrottle<Seen>(options: ThrottleOptions<Seen>): Throttle<Seen> {
  const { clock, intervalMs = INTERVAL_MS, together, say } = options;
  const keys = new Map<string, { saidMs: number; untold: Seen | undefined }>();
  return {
    add(key, seen) {
      const known = keys.get(key);
      if (known === undefined) {
        keys.set(key, { saidMs: clock.monotonicMs(), untold: undefined });
        say(key, seen, true);
      } else known.untold = known.untold === undefined ? seen : together(known.untold, seen);
    },
    tick() {
      const nowMs = clock.monotonicMs();
      for (const [key, known] of keys) {
        if (known.untold === undefined || nowMs - known.saidMs < intervalMs) continue;
        const { untold } = known;
        known.untold = undefined;
        known.saidMs = nowMs;
        say(key, untold, false);
      }
    },
  };
}

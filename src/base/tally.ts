/**
 * Tells of things that come again and again: of each kind the first at once, then what has come together
 * since, once an interval, and in the end the rest. Bounded: kinds beyond a number are told as one.
 */

import type { Clock } from "./clock.ts";

export interface Tally<Seen> {
  add(kind: string, seen: Seen): void;
  /** Tells what is due, for those who come by anyway; time alone tells it too. */
  tick(): void;
  /** Tells what was not told yet. */
  finish(): void;
  /** Tells nothing any more. */
  close(): void;
  /** Of each kind all of it, where it was not told as a whole at once. */
  totals(): readonly Seen[];
}

export interface TallyOptions<Seen> {
  readonly clock: Clock;
  readonly intervalMs?: number;
  /** Two of one kind as one. */
  readonly together: (earlier: Seen, later: Seen) => Seen;
  /** `total`: with all that was told of its kind before; undefined the first time. */
  readonly tell: (seen: Seen, total: Seen | undefined) => void;
}

const INTERVAL_MS = 60_000;
const MAX_KINDS = 50;
const OTHERS = "other kinds";

interface Known<Seen> {
  untold: Seen | undefined;
  total: Seen;
  isToldAtOnce: boolean;
  toldMs: number;
}

export function openTally<Seen>(options: TallyOptions<Seen>): Tally<Seen> {
  const { clock, intervalMs = INTERVAL_MS, together, tell } = options;
  const kinds = new Map<string, Known<Seen>>();
  const ended = new AbortController();
  let isWaiting = false;

  const flush = (isDue: (known: Known<Seen>) => boolean): void => {
    for (const known of kinds.values()) {
      if (known.untold === undefined || !isDue(known)) continue;
      tell(known.untold, known.total);
      known.untold = undefined;
      known.toldMs = clock.monotonicMs();
    }
  };
  const tick = (): void => {
    const nowMs = clock.monotonicMs();
    flush(({ toldMs }) => nowMs - toldMs >= intervalMs);
  };
  const flushLater = async (): Promise<void> => {
    if (isWaiting) return;
    isWaiting = true;
    await clock.sleep(intervalMs, ended.signal);
    isWaiting = false;
    if (!ended.signal.aborted) flush(() => true);
  };
  return {
    add(kind, seen) {
      const name = kinds.has(kind) || kinds.size < MAX_KINDS ? kind : OTHERS;
      const known = kinds.get(name);
      if (known === undefined) {
        kinds.set(name, { untold: undefined, total: seen, isToldAtOnce: true, toldMs: clock.monotonicMs() });
        tell(seen, undefined);
        return;
      }
      known.untold = known.untold === undefined ? seen : together(known.untold, seen);
      known.total = together(known.total, seen);
      known.isToldAtOnce = false;
      void flushLater();
    },
    tick,
    finish: () => flush(() => true),
    close: () => ended.abort(),
    totals: () => [...kinds.values()].flatMap(({ total, isToldAtOnce }) => (isToldAtOnce ? [] : [total])),
  };
}

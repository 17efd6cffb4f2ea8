/**
 * Tells of things that come again and again: of each kind the first at once, then how many more there were,
 * once an interval, and in the end how many in all. Bounded: kinds beyond a number are told as one.
 */

import type { Clock } from "./clock.ts";

/** Some things of one kind. `words` says what they are, like `ticks: 2 lines could not be read: …`. */
export interface Tallied {
  readonly kind: string;
  readonly count: number;
  words(count: number): string;
}

export interface Tally {
  add(found: Tallied): void;
  /** Tells what was not told yet. */
  finish(): void;
  /** Tells nothing any more. */
  close(): void;
  /** Of each kind the words for all of it, the most frequent first; of those that came once all is told. */
  summary(): readonly string[];
}

export interface TallyOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly tell: (words: string) => void;
}

const MAX_KINDS = 50;
const OTHERS = "other kinds";

interface Known {
  last: Tallied;
  untold: number;
  toldAtOnce: number;
  total: number;
}

export function openTally({ clock, intervalMs, tell }: TallyOptions): Tally {
  const kinds = new Map<string, Known>();
  const ended = new AbortController();
  let isWaiting = false;

  const flush = (): void => {
    for (const known of kinds.values()) {
      if (known.untold > 0) tell(`${known.last.words(known.untold)} (${known.total} in all)`);
      known.untold = 0;
    }
  };
  const flushLater = async (): Promise<void> => {
    if (isWaiting) return;
    isWaiting = true;
    await clock.sleep(intervalMs, ended.signal);
    isWaiting = false;
    if (!ended.signal.aborted) flush();
  };
  return {
    add(found) {
      const kind = kinds.has(found.kind) || kinds.size < MAX_KINDS ? found.kind : OTHERS;
      const known = kinds.get(kind);
      if (known === undefined) {
        kinds.set(kind, { last: found, untold: 0, toldAtOnce: found.count, total: found.count });
        tell(found.words(found.count));
        return;
      }
      known.last = found;
      known.untold += found.count;
      known.total += found.count;
      void flushLater();
    },
    finish: flush,
    close: () => ended.abort(),
    summary: () =>
      [...kinds.values()]
        .filter(({ total, toldAtOnce }) => total > toldAtOnce)
        .toSorted((a, b) => b.total - a.total)
        .map(({ last, total }) => last.words(total)),
  };
}

/** Random ways of cutting an input into batches. */

import { MAX_SEGMENT_BYTES } from "../engine/prepare.ts";
import { createRandom, integerBelow, type Random } from "../simulate/random.ts";
import type { Share } from "./run.ts";

export interface Cut {
  readonly seed: number;
  /** What each batch takes of each source; what they leave is taken after them. */
  readonly shares: readonly Share[];
  /** The job is closed and opened again after this batch, counted from 1. */
  readonly restartAfter: number;
  /** Whether a batch is read while the one before it is executed, for each batch. */
  readonly readsAhead: readonly boolean[];
}

const MIN_BATCHES = 3;
const MAX_BATCHES = 40;

/** The same seed cuts the same input in the same way. `bytes`: what each source has in all. */
export function randomCut(seed: number, bytes: ReadonlyMap<string, number>): Cut {
  const random = createRandom(seed, 0);
  const largest = Math.max(...bytes.values());
  // Few large batches more often than many small ones: each costs a commit.
  const wanted = MIN_BATCHES + Math.floor(random.share() ** 3 * (MAX_BATCHES - MIN_BATCHES + 1));
  const count = Math.max(wanted, Math.ceil(largest / MAX_SEGMENT_BYTES));
  const sizes = new Map([...bytes].map(([name, size]) => [name, randomSizes(random, size, count)]));
  const shares = Array.from({ length: count }, (_, batch) =>
    Object.fromEntries([...sizes].map(([name, all]) => [name, all[batch] ?? 0])),
  );
  return {
    seed,
    shares,
    restartAfter: 1 + integerBelow(random, count - 1),
    readsAhead: shares.map(() => random.share() < 0.5),
  };
}

/** Sizes that make up the whole; some may be 0, none is more than a batch can hold. */
function randomSizes(random: Random, whole: number, count: number): readonly number[] {
  const ends = Array.from({ length: count - 1 }, () => integerBelow(random, whole + 1));
  const inOrder = [...ends.toSorted((a, b) => a - b), whole];
  return inOrder.map((end, index) => Math.min(end - (inOrder[index - 1] ?? 0), MAX_SEGMENT_BYTES));
}

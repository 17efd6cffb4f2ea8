/**
 * What went wrong in a job's batches, kind by kind: dead letters by their reasons, and late rows by their
 * sources. It counts the batches that the hub was told of, those of a checkpoint's journal too.
 */

import type { BatchProgress, LateRows, LetterKind } from "../engine/batch-progress.ts";

export interface LetterCount extends LetterKind {
  /** The batch of the last of them; text, place and line are those of its first. */
  readonly batch: number;
}

export interface LateCount extends LateRows {
  readonly batch: number;
}

export interface Problems {
  /** The kinds that came last at the end. */
  readonly letters: readonly LetterCount[];
  readonly late: readonly LateCount[];
  add(outcome: BatchProgress): void;
}

/** Of letters; the one that came longest ago goes first. */
const MAX_KINDS = 200;

export function openProblems(maxKinds = MAX_KINDS): Problems {
  const letters = new Map<string, LetterCount>();
  const late = new Map<string, LateCount>();
  return {
    get letters() {
      return [...letters.values()];
    },
    get late() {
      return [...late.values()];
    },
    add({ report: { batch }, ...outcome }) {
      for (const letter of outcome.letters ?? []) {
        const name = JSON.stringify([letter.source, letter.query, letter.kind]);
        const count = (letters.get(name)?.count ?? 0) + letter.count;
        letters.delete(name);
        letters.set(name, { ...letter, count, batch });
        const [oldest] = letters.keys();
        if (letters.size > maxKinds && oldest !== undefined) letters.delete(oldest);
      }
      for (const rows of outcome.late ?? []) {
        const before = late.get(rows.source);
        late.set(rows.source, {
          ...rows,
          rows: rows.rows + (before?.rows ?? 0),
          earliestMs: Math.min(rows.earliestMs, before?.earliestMs ?? rows.earliestMs),
          leftOutOf: [...new Set([...(before?.leftOutOf ?? []), ...rows.leftOutOf])],
          batch,
        });
      }
    },
  };
}

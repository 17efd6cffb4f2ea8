/**
 * Finds the units of a step's input (rows, groups, windows) with which the step fails. A unit is looked at
 * alone: its fate does not depend on how the input was cut into batches. Where a set fails and neither half
 * of it does, its units fail only together, and none of them is found here.
 */

import { DuckdbError } from "../../duckdb/database.ts";
import { MAX_OWN_REASONS, SHARED_REASON } from "../../formats/shared-reason.ts";

/** What a step reads, in units that can be hidden from it. Positions count from 0. */
export interface Units {
  readonly count: number;
  /** From now on the step sees the units from `from` up to, and without, `to`, but none that is put aside. */
  show(from: number, to: number): Promise<void>;
  putAside(found: Reasons): Promise<void>;
  /** Positions of units that fail alone, found all at once; empty where that can't be told. */
  suspects?(): Promise<readonly number[]>;
}

/** By position. */
export type Reasons = ReadonlyMap<number, string>;

/** Runs the step over what is shown: why it fails, or undefined. */
export type Attempt = () => Promise<string | undefined>;

/**
 * More would take minutes. Sets that are still undecided then are put aside as a whole, with a reason that
 * says so.
 */
const MAX_ATTEMPTS = 4000;

interface Span {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** Puts all units aside that fail alone, and tells how many these were. The step is known to fail. */
export async function sift(units: Units, attempt: Attempt): Promise<number> {
  let attempts = 0;
  const tryOn = async (from: number, to: number): Promise<string | undefined> => {
    attempts += 1;
    await units.show(from, to);
    return attempt();
  };
  const known = await confirmed(await suspectsOf(units), (position) => tryOn(position, position + 1));
  await units.putAside(known);
  const found = new Map<number, string>();
  const all = known.size === units.count ? undefined : await tryOn(0, units.count);
  const open: Span[] = all === undefined ? [] : [{ from: 0, to: units.count, reason: all }];
  // The widest first, so that those which are left undecided are small.
  for (let span = open.shift(); span !== undefined; span = open.shift()) {
    const { from, to, reason } = span;
    if (to - from === 1) {
      found.set(from, reason);
      continue;
    }
    if (attempts >= MAX_ATTEMPTS) {
      for (let position = from; position < to; position += 1)
        if (!known.has(position)) found.set(position, undecided(to - from, reason));
      continue;
    }
    const middle = from + ((to - from) >> 1);
    for (const [start, end] of [
      [from, middle],
      [middle, to],
    ] as const) {
      const fails = await tryOn(start, end);
      if (fails !== undefined) open.push({ from: start, to: end, reason: fails });
    }
  }
  await units.putAside(found);
  return known.size + found.size;
}

/** The first unit that fails alone, and why; undefined where units fail only together. */
export async function firstFailing(
  units: Units,
  attempt: Attempt,
): Promise<{ readonly position: number; readonly reason: string } | undefined> {
  let [from, to] = [0, units.count];
  while (to - from > 1) {
    const middle = from + ((to - from) >> 1);
    await units.show(from, middle);
    if ((await attempt()) === undefined) from = middle;
    else to = middle;
  }
  if (to === from) return undefined;
  await units.show(from, to);
  const reason = await attempt();
  return reason === undefined ? undefined : { position: from, reason };
}

/**
 * Puts units aside that fail only together with those before them: the last one of each such set. What is not
 * put aside does not fail when this returns.
 */
export async function siftInOrder(units: Units, attempt: Attempt): Promise<number> {
  let attempts = 0;
  const found = new Map<number, string>();
  const take = async (from: number, to: number): Promise<void> => {
    attempts += 1;
    await units.show(0, to);
    const reason = await attempt();
    if (reason === undefined) return;
    if (to - from === 1 || attempts >= MAX_ATTEMPTS) {
      const blamed = new Map<number, string>();
      for (let position = from; position < to; position += 1)
        blamed.set(position, to - from === 1 ? reason : undecided(to - from, reason));
      await units.putAside(blamed);
      for (const [position, why] of blamed) found.set(position, why);
      return;
    }
    const middle = from + ((to - from) >> 1);
    await take(from, middle);
    await take(middle, to);
  };
  if (units.count > 0) await take(0, units.count);
  return found.size;
}

/** The search may itself fail: then nothing is found by it. */
async function suspectsOf(units: Units): Promise<readonly number[]> {
  try {
    return (await units.suspects?.()) ?? [];
  } catch (error) {
    if (error instanceof DuckdbError) return [];
    throw error;
  }
}

/** Suspects with their reasons; none where one that is looked at turns out not to fail. */
async function confirmed(
  suspects: readonly number[],
  reasonAt: (position: number) => Promise<string | undefined>,
): Promise<Reasons> {
  const found = new Map<number, string>();
  let first: string | undefined;
  for (const [index, position] of suspects.entries()) {
    if (index < MAX_OWN_REASONS) {
      const reason = await reasonAt(position);
      if (reason === undefined) return new Map();
      first ??= reason;
      found.set(position, reason);
    } else found.set(position, `${SHARED_REASON}${first ?? ""}`);
  }
  return found;
}

function undecided(count: number, reason: string): string {
  return `One of ${count} rows that were put aside together, as too many fail to look at each: ${reason}`;
}

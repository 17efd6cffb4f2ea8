/** Which channels a block goes into: all of them, or those that the value of a header names. */

import type { EventBlock } from "../tail/block.ts";
import type { EventWriter } from "./event-writer.ts";

/** Into each: a block is taken when all have it. */
export function replicating(intakes: readonly EventWriter[]): EventWriter {
  const [only] = intakes;
  if (intakes.length === 1 && only !== undefined) return only;
  return {
    put: (block) => toAll(intakes, block),
    flush: () => flushAll(intakes),
    hasRoom: () => intakes.every((intake) => intake.hasRoom()),
  };
}

export interface Routes {
  readonly header: string;
  readonly values: ReadonlyMap<string, readonly EventWriter[]>;
  /** For a block without the header, or with another value; empty where such blocks are dropped. */
  readonly otherwise: readonly EventWriter[];
}

export function multiplexing({ header, values, otherwise }: Routes): EventWriter {
  const all = [...new Set([...values.values(), otherwise].flat())];
  return {
    put: (block) => toAll(values.get(block.headers[header] ?? "") ?? otherwise, block),
    flush: () => flushAll(all),
    hasRoom: () => all.every((intake) => intake.hasRoom()),
  };
}

async function toAll(intakes: readonly EventWriter[], block: EventBlock): Promise<void> {
  await Promise.all(intakes.map((intake) => intake.put(block)));
}

async function flushAll(intakes: readonly EventWriter[]): Promise<void> {
  await Promise.all(intakes.map((intake) => intake.flush()));
}

/** The equation itself: one job, one stream, both executions. */

import { appliedRows, linesOf } from "../../src/verify/rows.ts";
import { batchAnswer, difference } from "./answers.ts";
import { type JobSpec, openStreaming, type QuerySpec, type Streaming } from "./streaming.ts";
import { batchEnds, type RandomStream, SCHEMA, TABLES, textOf } from "./streams.ts";

/** STREAMKIT_RUNS=10 makes every property run ten times as often. */
const RUNS = Number(process.env["STREAMKIT_RUNS"] ?? 1);
export const TIMEOUT_MS = 60_000 * Math.max(1, RUNS);

/**
 * Parameters of a property: a failure is told before the test's time is over, even if it could shrink
 * further.
 */
export function runs(count: number): { numRuns: number; interruptAfterTimeLimit: number } {
  return { numRuns: Math.max(1, Math.round(count * RUNS)), interruptAfterTimeLimit: TIMEOUT_MS * 0.9 };
}

/** More than the times of any test's stream go back. */
export const NEVER_LATE = "1h";

export function jobOf(queries: Readonly<Record<string, QuerySpec>>, watermark: string): JobSpec {
  return { schema: SCHEMA, tables: TABLES, watermark, queries };
}

export interface Knowledge {
  /** Lines that the queries must not see, from 0. */
  readonly withoutLines?: readonly number[];
  /** The key of queries in update and complete mode. */
  readonly key?: readonly string[];
  /** Queries that are not compared. */
  readonly unjudged?: readonly string[];
}

/** Runs all batches and the end of the input; every second one reads the next ahead. */
async function runAll(streaming: Streaming, stream: RandomStream): Promise<void> {
  const ends = batchEnds(stream);
  for (const [index, end] of ends.entries())
    await streaming.batch(end, false, index % 2 === 0 ? ends[index + 1] : undefined);
  await streaming.batch(undefined, true);
}

/** What differs between what was written and the batch's answers; undefined if nothing does. */
export async function differenceToBatch(
  job: JobSpec,
  streaming: Streaming,
  { withoutLines = [], key = [], unjudged = [] }: Knowledge = {},
): Promise<string | undefined> {
  for (const [name, answer] of await batchAnswer(job, streaming, withoutLines)) {
    if (unjudged.includes(name)) continue;
    const lines = linesOf(streaming.written(name));
    const mode = job.queries[name]?.mode ?? "append";
    const found = difference(mode === "append" ? lines : appliedRows(lines, key), answer);
    if (found !== undefined) return `${name}: ${job.queries[name]?.sql}\n  ${found}`;
  }
  return undefined;
}

/** Both executions from the start; what differs. */
export async function differences(
  job: JobSpec,
  stream: RandomStream,
  knowledge: Knowledge = {},
): Promise<string | undefined> {
  const streaming = await openStreaming(job, textOf(stream.lines), { isDurable: false });
  try {
    await runAll(streaming, stream);
    return await differenceToBatch(job, streaming, knowledge);
  } finally {
    await streaming.close();
  }
}

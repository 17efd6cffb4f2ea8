/**
 * Every plan has a twin: the general plan, which keeps all rows and runs the user's SQL over them. On the
 * same batches both give the same rows, of streams of all types and units, also where rows are late; and
 * where none is, both give what DuckDB says of the whole input.
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { StreamkitError } from "../../src/base/error.ts";
import { appliedRows, compareRows, linesOf } from "../../src/verify/rows.ts";
import { batchAnswer, difference } from "./answers.ts";
import { runs, TIMEOUT_MS } from "./equation.ts";
import { type JobSpec, openStreaming, type QuerySpec, type Streaming } from "./streaming.ts";
import { batchEnds, textOf } from "./streams.ts";
import { type Query, type Wide, wideAppend, wideChanging, wideJoin, wideStream } from "./wide.ts";

function rowsOf({ mode, key = [] }: QuerySpec, text: string): readonly string[] {
  return mode === undefined ? linesOf(text) : appliedRows(linesOf(text), key);
}

/** Undefined where the job is refused: then its twin need not know it. */
async function opened(job: JobSpec, { stream }: Wide, isGeneral: boolean): Promise<Streaming | undefined> {
  try {
    return await openStreaming(job, textOf(stream.lines), { isDurable: false, isGeneral });
  } catch (error) {
    if (error instanceof StreamkitError && error.code === "job") return undefined;
    throw error;
  }
}

async function runAll(streaming: Streaming, { stream }: Wide): Promise<void> {
  for (const end of batchEnds(stream)) await streaming.batch(end, false);
  await streaming.batch(undefined, true);
}

async function differenceOf(wide: Wide, query: QuerySpec, isLate: boolean): Promise<string | undefined> {
  const { schema, watermark } = wide;
  const job: JobSpec = { schema, tables: {}, watermark, queries: { q: query } };
  const streaming = await opened(job, wide, false);
  if (streaming === undefined) return undefined;
  try {
    const twin = await opened(job, wide, true);
    if (twin === undefined) return "The general plan refuses what the other takes";
    try {
      await runAll(streaming, wide);
      await runAll(twin, wide);
      const [found, general] = [streaming, twin].map((one) => rowsOf(query, one.written("q")));
      const between = compareRows(found ?? [], { rows: general ?? [], inexact: [] });
      if (between !== undefined) return `The general plan has other rows: ${JSON.stringify(between)}`;
      if (isLate) return undefined;
      const answer = (await batchAnswer(job, streaming)).get("q");
      return difference(found ?? [], answer ?? { rows: [], inexact: [] });
    } finally {
      await twin.close();
    }
  } finally {
    await streaming.close();
  }
}

function twins(name: string, count: number, queries: fc.Arbitrary<Query>, isLate = false): void {
  const property = fc.asyncProperty(queries, wideStream(40, isLate), async (query, wide) => {
    expect(await differenceOf(wide, query(wide.kinds), isLate)).toBeUndefined();
  });
  test(name, () => fc.assert(property, runs(count)), TIMEOUT_MS);
}

describe("a plan and the general one", () => {
  twins("windows and groups", 20, wideAppend);
  twins("joins and what is given out once", 20, wideJoin);
  twins("answers that change", 20, wideChanging);
  twins("windows and groups, with late rows", 20, wideAppend, true);
});

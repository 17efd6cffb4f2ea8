/** Queries in the manner of other streaming databases: cut in several ways, restarted, as the batch. */

import { describe, expect, test } from "bun:test";
import { appliedRows, linesOf } from "../../../src/verify/rows.ts";
import { batchAnswer, difference } from "../answers.ts";
import { TIMEOUT_MS } from "../equation.ts";
import { type JobSpec, openStreaming } from "../streaming.ts";
import { batchEnds, START_MS, textOf } from "../streams.ts";
import { KINDS, SCHEMA, TABLES } from "./queries.ts";

const ROWS = 60;
const WATERMARK = "30s";

/** The same each time; times go back by up to 12 seconds, which is never late. */
const LINES = Array.from({ length: ROWS }, (_none, id) =>
  JSON.stringify({
    id,
    ts: new Date(START_MS + id * 4000 - ((id * 7) % 4) * 4000).toISOString(),
    buyer: ["ann", "bob", null, "eve", "ann"][(id * 3) % 5],
    item: { kind: ["tea", "cup", "tin"][id % 3], tags: [[], ["new"], ["new", "red"]][(id * 5) % 3] },
    price: ((id * 37) % 23) + 0.25,
    amount: id % 11 === 0 ? null : (id * 13) % 6,
    paid: [true, false, true, null][(id * 5) % 4],
  }),
);

interface Way {
  /** How many lines each batch has. */
  readonly batches: readonly number[];
  /** Before these batches everything is closed and opened again. */
  readonly restarts: readonly number[];
}

const WAYS: Readonly<Record<string, Way>> = {
  "in one batch": { batches: [ROWS], restarts: [] },
  "in many small batches": { batches: Array.from({ length: 20 }, () => 3), restarts: [] },
  "with restarts": { batches: [1, 20, 0, 9, 30], restarts: [1, 3] },
};

function jobOf(kind: string): JobSpec {
  const queries = (KINDS[kind] ?? []).map((query, index) => [`q${index}`, query] as const);
  return { schema: SCHEMA, tables: TABLES, watermark: WATERMARK, queries: Object.fromEntries(queries) };
}

/** What differs from the batch answers, a query an entry. */
async function differencesOf(job: JobSpec, { batches, restarts }: Way): Promise<readonly string[]> {
  const streaming = await openStreaming(job, textOf(LINES), { isDurable: restarts.length > 0 });
  try {
    for (const [index, end] of batchEnds({ lines: LINES, batches }).entries()) {
      if (restarts.includes(index)) await streaming.restart();
      await streaming.batch(end, false);
    }
    await streaming.batch(undefined, true);
    return [...(await batchAnswer(job, streaming))].flatMap(([name, answer]) => {
      const { sql, mode, key = [] } = job.queries[name] ?? { sql: "" };
      expect(answer.rows).not.toBeEmpty();
      const lines = linesOf(streaming.written(name));
      const found = difference(mode === undefined ? lines : appliedRows(lines, key), answer);
      return found === undefined ? [] : [`${sql}\n${found}`];
    });
  } finally {
    await streaming.close();
  }
}

describe("as the batch answers", () => {
  for (const kind of Object.keys(KINDS))
    for (const [name, way] of Object.entries(WAYS))
      test(
        `${kind}, ${name}`,
        async () => {
          expect(await differencesOf(jobOf(kind), way)).toEqual([]);
        },
        TIMEOUT_MS,
      );
});

test(
  "rows that the stream leaves out are missed in each query",
  async () => {
    const job = jobOf("answers that change, by buyer");
    const found = await differencesOf(job, { batches: [ROWS / 2], restarts: [] });
    expect(found).toHaveLength(Object.keys(job.queries).length);
  },
  TIMEOUT_MS,
);

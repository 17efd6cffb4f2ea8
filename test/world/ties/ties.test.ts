/**
 * Of equal times the first row of the input opens and the last one closes: in whatever way the query is run,
 * however the input was cut, and in the batch.
 */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { appliedRows, linesOf } from "../../../src/verify/rows.ts";
import { differenceToBatch, NEVER_LATE, runs, TIMEOUT_MS } from "../../equation/equation.ts";
import { type JobSpec, openStreaming, type QuerySpec } from "../../equation/streaming.ts";
import { batchEnds, textOf } from "../../equation/streams.ts";

interface Tick {
  readonly id: number;
  /** Seconds; few, so that many rows tie. */
  readonly second: number | null;
  readonly k: string;
  readonly s: string | null;
}

const ENDS = `first(id ORDER BY ts) AS open, last(id ORDER BY ts) AS close, first(s ORDER BY ts) AS so,
  last(s ORDER BY ts) AS sc, last(id ORDER BY ts DESC) AS least,
  first(id ORDER BY ts DESC NULLS FIRST) AS most,
  last(id ORDER BY ts) FILTER (id % 3 = 0) AS third, last({'i': id} ORDER BY k, ts).i AS struct`;
const MINUTE = "tumble(ticks, ts, INTERVAL 1 MINUTE)";

/** By how each is run. All have the key `k` and the columns of `ENDS`. */
const QUERIES: Readonly<Record<string, QuerySpec>> = {
  merged: { sql: `SELECT k, window_start, ${ENDS} FROM ${MINUTE} GROUP BY ALL` },
  long: { sql: `SELECT k, window_start, ${ENDS} FROM tumble(ticks, ts, INTERVAL 1 YEAR) GROUP BY ALL` },
  hopping: {
    sql: `SELECT k, window_start, ${ENDS} FROM hop(ticks, ts, INTERVAL 1 HOUR, INTERVAL 1 HOUR) GROUP BY ALL`,
  },
  growing: { mode: "update", sql: `SELECT k, ${ENDS} FROM ticks GROUP BY k` },
  kept: { sql: `SELECT k, window_start, ${ENDS}, stddev(id) AS d FROM ${MINUTE} GROUP BY ALL` },
  rerun: { mode: "update", sql: `SELECT k, ${ENDS}, stddev(id) AS d FROM ticks GROUP BY k`, key: ["k"] },
  passed: { sql: "SELECT * FROM ticks WHERE id >= 0" },
  chained: { sql: `SELECT k, window_start, ${ENDS} FROM tumble(passed, ts, INTERVAL 1 MINUTE) GROUP BY ALL` },
  nested: {
    sql: `WITH w AS (SELECT *, id + 0 AS id2 FROM ${MINUTE} t)
      SELECT k, window_start, ${ENDS}, stddev(id2) AS d
      FROM (SELECT k, s, ts, id, id2, window_start FROM w) GROUP BY ALL`,
  },
  joined: {
    sql: `SELECT t.k, window_start, ${ENDS.replaceAll("BY k", "BY t.k")} FROM ${MINUTE} t
      JOIN names ON names.k = t.k GROUP BY ALL`,
  },
  timed: { sql: "SELECT * FROM ticks WHERE ts IS NOT NULL" },
  sessions: {
    sql: `SELECT k, window_start, ${ENDS} FROM session(timed, ts, INTERVAL 1 HOUR, k) GROUP BY ALL`,
  },
  atEnd: { sql: `SELECT k, ${ENDS} FROM ticks GROUP BY k` },
};

const tick = fc.record({
  second: fc.option(fc.integer({ min: 0, max: 5 }), { freq: 9 }),
  k: fc.constantFrom("a", "b"),
  s: fc.option(fc.constantFrom("x", "y", "z")),
});

const stream = fc
  .record({
    ticks: fc.array(tick, { minLength: 1, maxLength: 30 }),
    cuts: fc.array(fc.nat(), { maxLength: 5 }),
  })
  .map(({ ticks, cuts }) => {
    const rows = ticks.map((one, id): Tick => ({ id, ...one }));
    const lines = rows.map(({ id, second, k, s }) => JSON.stringify({ id, ts: timeOf(second), k, s }));
    const ends = [...cuts.map((cut) => cut % (lines.length + 1)), lines.length].toSorted((a, b) => a - b);
    return { rows, lines, batches: ends.map((end, index) => end - (ends[index - 1] ?? 0)) };
  });

function timeOf(second: number | null): string | null {
  return second === null ? null : `2026-01-05T10:00:0${second}.000Z`;
}

/** Sorting keeps rows that tie in their order. */
function inOrder(
  rows: readonly Tick[],
  sign: 1 | -1 = 1,
  ofNull = Number.POSITIVE_INFINITY,
): readonly Tick[] {
  const rank = ({ second }: Tick): number => (second === null ? ofNull : sign * second);
  return rows.toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}

function ends(rows: readonly Tick[]): Readonly<Record<string, unknown>> {
  const rising = inOrder(rows);
  const falling = inOrder(rows, -1);
  const [open, close] = [rising[0], rising.at(-1)];
  return {
    open: open?.id,
    close: close?.id,
    so: open?.s ?? null,
    sc: close?.s ?? null,
    least: falling.at(-1)?.id,
    most: inOrder(rows, -1, Number.NEGATIVE_INFINITY)[0]?.id,
    third: inOrder(rows.filter(({ id }) => id % 3 === 0)).at(-1)?.id ?? null,
    struct: close?.id,
  };
}

/** The rows that a query should give, by key and, of windows, whether it is that of rows without a time. */
function expected(rows: readonly Tick[], isWindowed: boolean): readonly string[] {
  return ["a", "b"].flatMap((k) =>
    (isWindowed ? [true, false] : [undefined]).flatMap((isTimed) => {
      const own = rows.filter(
        (row) => row.k === k && (isTimed === undefined || isTimed === (row.second !== null)),
      );
      return own.length === 0 ? [] : [JSON.stringify({ k, ...ends(own) })];
    }),
  );
}

const NAMES = ["k", "open", "close", "so", "sc", "least", "most", "third", "struct"];

test(
  "ties of first and last are in the input's order",
  async () => {
    const job: JobSpec = {
      schema: { id: "BIGINT", ts: "TIMESTAMP", k: "VARCHAR", s: "VARCHAR" },
      watermark: NEVER_LATE,
      tables: { names: "k\na\nb\n" },
      queries: QUERIES,
    };
    await fc.assert(
      fc.asyncProperty(stream, async (given) => {
        const streaming = await openStreaming(job, textOf(given.lines), { isDurable: false, threads: 2 });
        try {
          for (const end of batchEnds(given)) await streaming.batch(end, false);
          await streaming.batch(undefined, true);
          expect(await differenceToBatch(job, streaming, { key: ["k"] })).toBeUndefined();
          for (const [name, { mode, sql }] of Object.entries(QUERIES)) {
            if (name === "passed" || name === "timed") continue;
            const lines = linesOf(streaming.written(name));
            const found = (mode === "update" ? appliedRows(lines, ["k"]) : lines).map((line) => {
              const row = JSON.parse(line) as Record<string, unknown>;
              return JSON.stringify(Object.fromEntries(NAMES.map((column) => [column, row[column]])));
            });
            expect({ name, rows: found.toSorted() }).toEqual({
              name,
              rows: expected(
                name === "sessions" ? given.rows.filter(({ second }) => second !== null) : given.rows,
                sql.includes("window_start"),
              ).toSorted(),
            });
          }
        } finally {
          await streaming.close();
        }
      }),
      runs(6),
    );
  },
  TIMEOUT_MS,
);

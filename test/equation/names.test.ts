/**
 * Stream = batch where names mean several things. Most such queries are wrong or refused; whatever is taken
 * must be answered as DuckDB answers it.
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { StreamkitError } from "../../src/base/error.ts";
import { differences, runs, TIMEOUT_MS } from "./equation.ts";
import { type NamedQuery, namedQuery } from "./named-queries.ts";
import { CLASHING, type Clashing, namedStream, schemaWith } from "./named-streams.ts";
import type { QuerySpec } from "./streaming.ts";
import type { RandomStream } from "./streams.ts";

const DISORDER_SECONDS = 10;
const MAX_LINES = 30;

interface Case extends NamedQuery {
  readonly clashing: readonly Clashing[];
  readonly stream: RandomStream;
}

const anyCase: fc.Arbitrary<Case> = fc
  .subarray(Object.keys(CLASHING) as Clashing[], { maxLength: 4 })
  .chain((clashing) =>
    fc
      .record({
        query: namedQuery(clashing),
        stream: namedStream(MAX_LINES, DISORDER_SECONDS, clashing),
      })
      .map(({ query, stream }) => ({ ...query, clashing, stream })),
  );

/** What differs; "refused" where the planner does not take the query. */
async function judged({ spec, key, clashing, stream }: Case): Promise<string | undefined> {
  const job = {
    schema: schemaWith(clashing),
    tables: {},
    watermark: `${DISORDER_SECONDS}s`,
    queries: { q: spec },
  };
  try {
    return await differences(job, stream, { key });
  } catch (error) {
    if (error instanceof StreamkitError && error.code === "job") return "refused";
    throw error;
  }
}

test(
  "stream = batch, whatever names mean",
  async () => {
    let taken = 0;
    const property = fc.asyncProperty(anyCase, async (one) => {
      const found = await judged(one);
      if (found === "refused") return;
      taken += 1;
      expect(found).toBeUndefined();
    });
    await fc.assert(property, runs(60));
    expect(taken).toBeGreaterThan(10);
  },
  TIMEOUT_MS,
);

/** One stream for the queries below: keys repeat over batches, and no two columns agree. */
const WHOLE = fc.sample(namedStream(60, DISORDER_SECONDS, Object.keys(CLASHING) as Clashing[]), {
  numRuns: 40,
  seed: 5,
});
const [STREAM] = WHOLE.toSorted(
  (a, b) => b.lines.length * b.batches.length - a.lines.length * a.batches.length,
);

const T = "tumble(ticks, ts, INTERVAL 30 SECOND)";
const FIRST = "QUALIFY row_number() OVER (PARTITION BY";

/** Each is taken, with the key of its rows where they change. */
const TAKEN: readonly (readonly [sql: string, key?: readonly string[]])[] = [
  // The first row of each key: keys in any order, of other types, named twice; fields; other times; stars.
  [`SELECT id, k, n FROM ticks ${FIRST} n, k ORDER BY ts, id) = 1`],
  [`SELECT n AS z, f, k AS n, id FROM ticks ${FIRST} f, k, n ORDER BY ts, id) = 1`],
  [`SELECT k, id FROM ticks ${FIRST} k, K, ticks.k ORDER BY ts, id) = 1`],
  [`SELECT id, k, s.k AS sk FROM ticks ${FIRST} s.k ORDER BY ts, id) = 1`],
  [`SELECT id, s.k, k AS other FROM ticks s ${FIRST} s.s.k, s.k ORDER BY s.ts, id) = 1`],
  [`SELECT t.k, t.s.k AS sk, id FROM ticks ${FIRST} t.s.k, t.k ORDER BY ts, id) = 1`],
  [`SELECT k, id FROM ticks ${FIRST} k ORDER BY s.ts, id) = 1`],
  [`SELECT k, id FROM ticks ${FIRST} k ORDER BY due, id) = 1`],
  [`SELECT s AS k, k AS s, id FROM ticks ${FIRST} k ORDER BY ts, id) = 1`],
  [`SELECT upper(k) AS k, id FROM ticks ${FIRST} k ORDER BY ts, id) = 1`],
  [`SELECT * REPLACE (upper(k) AS k) FROM ticks ${FIRST} k ORDER BY ts, id) = 1`],
  [`SELECT * EXCLUDE (k), n AS k FROM ticks ${FIRST} k ORDER BY ts, id) = 1`],
  [`SELECT * RENAME (k AS n, n AS k) FROM ticks ${FIRST} k ORDER BY ts, id) = 1`],
  [`SELECT x.* FROM ticks AS x ${FIRST} k, x.n ORDER BY x.ts, id) = 1`],
  // Keys of groups.
  ["SELECT id % 3 AS k, k AS z, median(n) AS m FROM ticks GROUP BY k, id % 3", ["k", "z"]],
  ["SELECT k, s.k AS sk, median(id) AS m FROM ticks GROUP BY k, s.k", ["k", "sk"]],
  ["SELECT s.k, k AS z, list(id ORDER BY id) AS m FROM ticks GROUP BY ticks.k, s.k", ["k", "z"]],
  ["SELECT t.k AS n, n AS k, count(*) AS c FROM ticks GROUP BY n, t.k HAVING max(k) > ''", ["n", "k"]],
  ["SELECT s.s.k AS a, s.k AS b, count(*) AS c FROM ticks s GROUP BY s.k, s.s.k", ["a", "b"]],
  ["SELECT n AS f, f AS n, max(id) AS k FROM ticks GROUP BY n, f HAVING n > 0 ORDER BY f, n", ["f", "n"]],
  ["SELECT DISTINCT ON (n) n AS k, k AS n, id FROM ticks ORDER BY n, k, id", ["n"]],
  // Windows over a query of WITH.
  [
    `WITH ticks AS (SELECT * FROM ticks WHERE id > 1)
    SELECT window_start, count(*) AS c FROM ${T} GROUP BY ALL`,
  ],
  [
    `WITH ticks AS (SELECT id, s.k AS k, ts FROM ticks)
    SELECT window_start, k, count(*) AS c FROM ${T} GROUP BY ALL`,
  ],
  [
    `WITH a AS (SELECT *, id % 2 AS odd FROM ticks AS u),
    Chosen AS (SELECT a.ts AS moment, odd, s FROM a WHERE f)
    SELECT w.window_end, w.s.k AS k, sum(odd) AS o
    FROM hop(chosen, moment, INTERVAL 10 SECOND, INTERVAL 30 SECOND) w
    GROUP BY ALL`,
  ],
  [
    `WITH c AS (SELECT * FROM ticks WHERE n > 0) SELECT * FROM (WITH ticks AS (FROM c) SELECT window_start,
    max(id) AS m FROM ${T} GROUP BY ALL)`,
  ],
  [`SELECT window_start, s.k, k AS z, count(*) AS c FROM ${T} GROUP BY window_start, k, s.k`],
  [`SELECT s.k, s.s.k AS sk, s.window_start, median(id) AS m FROM ${T} s GROUP BY ALL`],
  // Joins by time.
  ["SELECT a.id, b.ts AS other FROM ticks a ASOF JOIN ticks b ON a.s.k = b.s.k AND a.ts >= b.ts"],
  [
    `SELECT a.id, b.id AS bid FROM ticks a JOIN (SELECT ts AS due, due AS ts, k, id FROM ticks) b ON a.k = b.k
    AND b.due BETWEEN a.ts AND a.ts + INTERVAL 10 SECOND`,
  ],
  // The engine's own names, in what it reads and in what it answers.
  ["SELECT first(id) AS f, last(id) AS l, sum(_o) AS _o, max(_b) AS _b FROM ticks WHERE _o > 0"],
  ["SELECT k, first(_end) AS _end, last(_place ORDER BY _o, id) AS _place FROM ticks GROUP BY k", ["k"]],
  [`SELECT window_start, list(id ORDER BY _o, _place) AS _place, count(_end) AS _end FROM ${T} GROUP BY ALL`],
  [`SELECT window_start, _b, _o AS _k0, list(_end ORDER BY _b) AS _end FROM ${T} GROUP BY ALL`],
  [
    "SELECT _o AS _k1, _k0 AS _k0, count(*) AS _r0 FROM ticks GROUP BY ALL HAVING count(*) > 0",
    ["_k1", "_k0"],
  ],
  ["SELECT _b AS _k1, k AS _k0, sum(_r0) AS _having FROM ticks GROUP BY ALL ORDER BY _k1, _k0"],
  [
    "SELECT _b AS _having, k AS _is_there, median(_o) AS _r0 FROM ticks GROUP BY ALL",
    ["_having", "_is_there"],
  ],
  [`SELECT _o, _b, _end, id FROM ticks ${FIRST} _b ORDER BY _end, id) = 1`],
  [`SELECT _o, _b, id FROM ticks ${FIRST} _o, _b ORDER BY ts, id) = 1`],
  ["SELECT DISTINCT _o, _b, _end, ts FROM ticks"],
  ["SELECT a._o, b._b, b._end FROM ticks a JOIN ticks b ON a._o = b._o AND b.ts BETWEEN a.ts AND a.ts"],
  [
    `SELECT hop_no, _start, window_end, count(*) AS c
    FROM hop(ticks, ts, INTERVAL 9 SECOND, INTERVAL 20 SECOND) GROUP BY ALL`,
  ],
  [
    `SELECT size, key, window_start, max(_start) AS m
    FROM session(ticks, ts, INTERVAL 4 SECOND, key) GROUP BY ALL`,
  ],
  ["SELECT ticks.ticks, tumble, _op, _place FROM ticks"],
];

describe("taken, and answered as the batch does", () => {
  for (const [sql, key] of TAKEN)
    test(
      sql,
      async () => {
        const clashing = Object.keys(CLASHING) as Clashing[];
        const stream = STREAM ?? { lines: [], batches: [] };
        expect(stream.batches.filter((lines) => lines > 0).length).toBeGreaterThan(3);
        const spec: QuerySpec = { sql, mode: key === undefined ? "append" : "update" };
        expect(await judged({ spec, key: key ?? [], clashing, stream })).toBeUndefined();
      },
      TIMEOUT_MS,
    );
});

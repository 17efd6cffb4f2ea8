/** Queries that look harder than they are, or easier: taken, and answered as the batch answers them. */

import { expect, test } from "bun:test";
import { linesOf } from "../../src/verify/rows.ts";
import { batchAnswer, difference } from "./answers.ts";
import { TIMEOUT_MS } from "./equation.ts";
import { openStreaming } from "./streaming.ts";
import { batchEnds, SCHEMA, START_MS, TABLES, textOf } from "./streams.ts";

const T = "tumble(ticks, ts, INTERVAL 1 MINUTE)";

const TAKEN: readonly string[] = [
  // Upper and lower case, qualified names, aliases that stand for expressions or hide columns.
  "SELECT K, Count(*) FROM Ticks GROUP BY k",
  `SELECT t.k, t.window_start, max(T.price) FROM ${T} t GROUP BY ALL`,
  "SELECT k.k AS q, count(*) FROM ticks k GROUP BY k.k",
  "SELECT upper(k) AS u, count(*) FROM ticks WHERE u = 'A' GROUP BY ALL",
  "SELECT upper(k) AS u, u || 'x' AS d, count(*) FROM ticks GROUP BY ALL",
  "SELECT k, sum(n % 1000) AS sp, sp * 2 AS d FROM ticks GROUP BY ALL",
  "SELECT lower(k) AS k, count(*) FROM ticks GROUP BY ticks.k HAVING k = 'a'",
  "SELECT -id AS id, count(*) FROM ticks GROUP BY ticks.id ORDER BY id LIMIT 2",
  "SELECT id % 7 AS m, count(*) FROM ticks GROUP BY m ORDER BY 2 DESC, 1 LIMIT 3 OFFSET 1",
  "SELECT k AS a, k AS b, count(*) FROM ticks GROUP BY k",
  "SELECT k, sum(price) AS price FROM ticks GROUP BY k ORDER BY sum(price) DESC, k LIMIT 2",
  "SELECT k, list_transform([sum(id), 1], lambda k: k + 1) AS l FROM ticks GROUP BY ticks.k",
  "SELECT k AS window_start, row_number() OVER (PARTITION BY window_start ORDER BY id) AS r FROM $T",
  "SELECT window_start, count(*) FROM (SELECT *, k AS window_start FROM $T) GROUP BY ALL",
  // Constants, groups without rows, groups without keys.
  "SELECT 1 AS one, count(*) AS c, sum(id) + 1 AS x FROM ticks GROUP BY ALL LIMIT 1",
  "SELECT 'x' AS one, count(*) AS c FROM ticks WHERE false GROUP BY ALL",
  "SELECT 'x' AS one, count(*) AS c FROM ticks WHERE false GROUP BY 1",
  "SELECT first(k), last(id), count_if(f), sum(n), count(*) FROM ticks WHERE id < 9",
  "SELECT first(k), last(id), count_if(f), sum(n), count(*) FROM ticks WHERE false",
  `SELECT count(DISTINCT k) AS a, count(DISTINCT price) AS b, count(DISTINCT id) FILTER (id > 3) AS c
    FROM ticks WHERE false`,
  `SELECT k, count(DISTINCT price) FILTER (id < 0) AS a, max(id) FILTER (id < 0) AS b,
    avg(id) FILTER (id < 0) AS c FROM ticks GROUP BY k`,
  `SELECT window_start, count(DISTINCT price) FILTER (id < 0) AS a, median(price) FILTER (id < 0) AS b,
    approx_count_distinct(price) FILTER (id < 0) AS c, quantile_cont(n, 0.5) FILTER (id < 0) AS d
    FROM $T GROUP BY ALL`,
  "SELECT count(*) AS c FROM ticks GROUP BY ()",
  "SELECT 1 AS one FROM ticks GROUP BY ()",
  "SELECT 1 AS one FROM ticks WHERE false GROUP BY ()",
  "SELECT k, count(*) AS c FROM ticks GROUP BY GROUPING SETS ((k))",
  // Macros of aggregates, methods, functions that make rows, fields that are called as columns.
  "SELECT geomean(id + 1) AS g, weighted_avg(price, id) AS w, wavg(id, weight := 2) FROM ticks",
  "SELECT k, geometric_mean(id + 1) AS g FROM ticks GROUP BY k HAVING wavg(id, 1) > 2",
  'SELECT "geomean((id + 1))" AS g FROM (SELECT geomean(id + 1) FROM ticks)',
  "SELECT window_start, json_group_array(id) AS a, json_group_object(id, k) AS o FROM $T GROUP BY ALL",
  "SELECT k, price.sum() AS s, ticks.n.max() AS m, k.upper() AS u FROM ticks GROUP BY ALL",
  "SELECT id, regexp_split_to_table(k || 'x' || k, 'x') AS part FROM ticks",
  "SELECT id, generate_subscripts([k, k], 1) AS place FROM ticks",
  "SELECT k, unnest([min(id), max(id)]) AS v FROM ticks GROUP BY k",
  "SELECT struct_pack(k) AS s, struct_insert({'a': 1}, ticks.k, c := count(*)) AS i FROM ticks GROUP BY k",
  // Subqueries over static tables: arrays, and aggregates of rows that the outer row chooses.
  "SELECT id, ARRAY(SELECT rank FROM companies WHERE sym = k ORDER BY rank) AS r FROM ticks",
  "SELECT id, ARRAY(SELECT name || k FROM companies) AS r FROM ticks",
  "SELECT id, (SELECT max(x) FROM (SELECT rank AS x FROM companies WHERE sym = k)) AS r FROM ticks",
  "SELECT id, (SELECT max(rank + t.n % 10) FROM companies) AS r FROM ticks t",
  "SELECT 1 AS one FROM ticks ORDER BY count(*)",
  "SELECT count(*) AS c FROM ticks WHERE false HAVING count(*) = 0",
  "SELECT 0.3333333333333333 AS c, 9223372036854775807 AS big, count(*) FROM ticks",
  "SELECT CASE WHEN count(*) > 11 THEN k END AS z FROM ticks GROUP BY k",
  "SELECT DISTINCT count(*) AS c FROM ticks GROUP BY k",
  // Windows: expressions over them, several levels, names that move.
  `SELECT date_trunc('hour', window_start) AS h, count(*) FROM ${T} GROUP BY h`,
  `SELECT window_start::DATE AS dd, window_start, count(*) FROM ${T} GROUP BY ALL`,
  `SELECT window_start AS k, k AS window_start, count(*) AS c FROM ${T} GROUP BY ALL`,
  "SELECT w, max(c) FROM (SELECT window_start AS w, k, count(*) AS c FROM $T GROUP BY ALL) GROUP BY w",
  `WITH w AS (SELECT window_start, k, sum(id) AS v FROM $T GROUP BY ALL)
    SELECT window_start, max(v) FROM w GROUP BY ALL`,
  `SELECT id
    FROM (SELECT *, row_number() OVER (PARTITION BY window_end ORDER BY price, id) AS r FROM $T)
    WHERE r <= 2`,
  `SELECT window_start, count(*), (SELECT max(rank) FROM companies) AS m FROM ${T} GROUP BY ALL`,
  `SELECT window_start, avg(INTERVAL 1 SECOND * id), k FROM ${T} GROUP BY ALL`,
  `SELECT window_start, max(COLUMNS(['price', 'n'])) FROM ${T} GROUP BY ALL`,
  "SELECT window_start, count(*) FROM tumble('ticks', TS, INTERVAL '1' MINUTE) GROUP BY ALL",
  "SELECT window_start, count(*) FROM tumble(ticks, ts, INTERVAL 1 MONTH) GROUP BY ALL",
  "SELECT window_start, count(*) FROM hop(ticks, ts, INTERVAL 7 SECOND, INTERVAL 30 SECOND) GROUP BY ALL",
  "SELECT window_start, count(*) FROM hop(ticks, ts, INTERVAL 1 MINUTE, INTERVAL 30 SECOND) GROUP BY ALL",
  // Window functions over groups, and names that stand for several things there.
  `SELECT k AS id, sum(id) AS s, rank() OVER (PARTITION BY window_start ORDER BY s, k) AS r, window_start
    FROM $T GROUP BY window_start, k`,
  `SELECT window_start AS w, k, rank() OVER (PARTITION BY w ORDER BY count(*), k) AS r FROM $T
    GROUP BY w, k QUALIFY r = 1 OR count(*) > 2`,
  `SELECT t.window_start, count(*) AS c, max(count(*)) OVER (PARTITION BY t.window_start) AS m, t.k, t.f
    FROM $T t WHERE id > 3 GROUP BY 1, 4, t.f`,
  `SELECT window_start, sum(id) OVER (PARTITION BY window_start ORDER BY id) AS s, id FROM $T
    GROUP BY window_start, id`,
  "SELECT window_start, quantile_cont(price, 0.5) AS m, count(DISTINCT k) AS ks FROM $T GROUP BY ALL",
  "SELECT window_start, count(DISTINCT k) AS a, approx_count_distinct(k) AS b, list(id) FROM $T GROUP BY 1",
  // Row by row, although it does not look so.
  "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 3) SELECT id, x FROM ticks, r",
  "WITH c AS MATERIALIZED (SELECT id FROM ticks) SELECT id FROM c",
  "WITH c(number) AS (SELECT id FROM ticks) SELECT number FROM c AS d",
  "SELECT kk, id FROM ticks AS w(id, ts, kk)",
  "SELECT id, (SELECT max(rank) FROM companies WHERE sym = k) AS r FROM ticks",
  "SELECT c.sym, x.id FROM companies c, LATERAL (SELECT id FROM ticks t WHERE t.k = c.sym) x",
  "SELECT id FROM ticks WHERE n > ALL (SELECT rank FROM companies)",
];

test(
  "queries that look harder than they are",
  async () => {
    const lines = Array.from({ length: 60 }, (_, id) => {
      const ts = id % 11 === 5 ? null : new Date(START_MS + id * 7000).toISOString();
      const [k, f] = [["a", "b", null, "A"][(id * 5) % 4] ?? null, [true, null, false][(id * 7) % 3] ?? null];
      const price = id % 9 === 4 ? null : ((id * 13) % 40) / 4;
      return JSON.stringify({ id, ts, k, price, n: (id * 17) % 10, f, d: id / 100 });
    });
    const queries = Object.fromEntries(
      TAKEN.map((sql, index) => [`q${index}`, { sql: sql.replaceAll("$T", T) }] as const),
    );
    const job = { schema: SCHEMA, tables: TABLES, watermark: "10s", queries };
    const streaming = await openStreaming(job, textOf(lines), { isDurable: false });
    try {
      for (const end of batchEnds({ lines, batches: [13, 13, 0, 1, 33] })) await streaming.batch(end, false);
      await streaming.batch(undefined, true);
      const answers = await batchAnswer(job, streaming);
      const different = [...answers].flatMap(([name, answer]) => {
        const found = difference(linesOf(streaming.written(name)), answer);
        return found === undefined ? [] : [`${queries[name]?.sql}\n  ${found}`];
      });
      expect(different).toEqual([]);
    } finally {
      await streaming.close();
    }
  },
  TIMEOUT_MS,
);

test(
  "a column called rowid says nothing of the rows' order",
  async () => {
    const lines = [5, 3, 9, 1, 7, 2].map((rowid, id) =>
      JSON.stringify({ id, ts: new Date(START_MS + id * 1000).toISOString(), rowid }),
    );
    const T = (of: string) => `tumble(${of}, ts, INTERVAL 1 HOUR)`;
    const queries = {
      whole: { sql: "SELECT first(id) AS f, last(rowid) AS l FROM ticks" },
      passed: { sql: "SELECT * FROM ticks WHERE id > 0" },
      made: { sql: "SELECT id, ts, -id AS RowId FROM ticks" },
      of_passed: {
        sql: `SELECT window_start, first(id) AS f, last(id) AS l FROM ${T("passed")} GROUP BY ALL`,
      },
      of_made: { sql: `SELECT window_start, first(id) AS f, list(id) AS l FROM ${T("made")} GROUP BY ALL` },
    };
    const schema = { id: "BIGINT", ts: "TIMESTAMP", rowid: "BIGINT" };
    const job = { schema, tables: {}, watermark: "10s", queries };
    const streaming = await openStreaming(job, textOf(lines), { isDurable: false });
    try {
      for (const end of batchEnds({ lines, batches: [3, 3] })) await streaming.batch(end, false);
      await streaming.batch(undefined, true);
      for (const [name, answer] of await batchAnswer(job, streaming))
        expect(difference(linesOf(streaming.written(name)), answer)).toBeUndefined();
    } finally {
      await streaming.close();
    }
  },
  TIMEOUT_MS,
);

test(
  "a first row that unnest gives no row for is first all the same",
  async () => {
    const lines = [
      { k: "a", l: [] },
      { k: "b", l: [1, 1] },
      { k: "a", l: [7] },
      { k: "b", l: [2] },
      { k: "c", l: null },
      { k: "c", l: [3] },
    ].map((row, id) => JSON.stringify({ id, ts: new Date(START_MS + id * 1000).toISOString(), ...row }));
    const first = "QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts) = 1";
    const queries = {
      alone: { sql: `SELECT k, id, unnest(l) AS x FROM ticks ${first}` },
      chosen: { sql: `SELECT k, unnest(l) + id AS x FROM ticks WHERE id <> 4 ${first}` },
    };
    const schema = { id: "BIGINT", ts: "TIMESTAMP", k: "VARCHAR", l: "INTEGER[]" };
    const job = { schema, tables: {}, watermark: "0s", queries };
    const streaming = await openStreaming(job, textOf(lines), { isDurable: false });
    try {
      for (const end of batchEnds({ lines, batches: [1, 1, 1, 1, 1, 1] })) await streaming.batch(end, false);
      await streaming.batch(undefined, true);
      for (const [name, answer] of await batchAnswer(job, streaming))
        expect(difference(linesOf(streaming.written(name)), answer)).toBeUndefined();
    } finally {
      await streaming.close();
    }
  },
  TIMEOUT_MS,
);

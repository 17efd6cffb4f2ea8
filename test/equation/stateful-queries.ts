/** Random queries that keep rows: sessions, joins of streams, what is seen first, answers that change. */

import fc from "fast-check";
import type { QuerySpec } from "./streaming.ts";

const { constantFrom, record, oneof } = fc;

type Queries = Readonly<Record<string, QuerySpec>>;

const [ORDERS, PAID] = ["a_orders", "b_paid"];
/** They pass late rows on: only what is joined drops them. */
export const SIDE_NAMES: readonly string[] = [ORDERS, PAID];

/** Two streams of one source, with names and times of their own, to be joined. */
const SIDES: Queries = {
  [ORDERS]: { sql: "SELECT id, ts, k, price, n FROM ticks WHERE n IS NULL OR n % 3 <> 0" },
  [PAID]: { sql: "SELECT id AS pid, ts AS paid, k AS pk, price AS amount, f FROM ticks WHERE n % 2 = 0" },
};

const gap = constantFrom("5 SECOND", "20 SECOND", "1 MINUTE");

export const sessions: fc.Arbitrary<string> = record({
  gap,
  shape: constantFrom(
    `SELECT k, window_start, window_end, count(*) AS c, sum(n) AS s, list(id ORDER BY id) AS ids FROM $
      GROUP BY ALL`,
    "SELECT k, window_start, count(*) AS c, sum(n) AS s, count(DISTINCT f) AS d FROM $ GROUP BY ALL",
    "SELECT k AS who, window_end AS till, avg(price) AS a, arg_max(price, id) AS p FROM $ GROUP BY ALL",
    "SELECT window_start, count(*) AS c FROM $ WHERE price > 1 GROUP BY k, window_start HAVING count(*) > 1",
    `SELECT k, max(c) AS m FROM (SELECT k, window_start, window_end, count(*) AS c FROM $ GROUP BY ALL)
      GROUP BY k, window_end`,
    "SELECT k, window_end, max(price) AS m FROM $ GROUP BY k, window_end",
    "SELECT k, window_start, window_end, count(*) AS c FROM $ WHERE n > 0 GROUP BY ALL",
    "SELECT k, window_start, sum(n) AS s FROM $ WHERE f AND price IS NOT NULL GROUP BY ALL",
    `SELECT k, window_start, c FROM (SELECT k, window_start, count(*) AS c FROM $ WHERE n % 2 = 0
      GROUP BY ALL) WHERE c > 1`,
    "SELECT window_end, count(DISTINCT k) AS ks FROM $ GROUP BY ALL",
    `SELECT k, window_start, id FROM $ QUALIFY row_number() OVER (PARTITION BY k, window_start ORDER BY
      price, id) <= 2`,
    "SELECT s.k, s.window_start, c.name, count(*) AS c FROM $ s JOIN companies c ON c.sym = s.k GROUP BY ALL",
    "SELECT DISTINCT k, window_start, window_end FROM $",
    "SELECT id, window_start, window_end FROM $ WHERE price > 2",
  ),
}).map(({ gap, shape }) => shape.replace("$", `session(ticks, ts, INTERVAL ${gap}, k)`));

const window = constantFrom("tumble($, INTERVAL 1 MINUTE)", "hop($, INTERVAL 20 SECOND, INTERVAL 1 MINUTE)");
const joinType = constantFrom("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN");

/** Joins of equal windows, and of aggregates of windows. */
export const windowJoins: fc.Arbitrary<Queries> = record({
  window,
  join: joinType,
  column: constantFrom("window_start", "window_end"),
  shape: constantFrom(
    "SELECT a.id, b.pid, a.window_start AS ws FROM A a J B b ON a.k = b.pk AND a.C = b.C",
    "SELECT a.id, b.pid, b.amount FROM A a J B b ON a.C = b.C AND a.price < b.amount",
    `SELECT x.k, y.pk, x.c, y.m FROM (SELECT k, C, count(*) AS c FROM A GROUP BY ALL) x
      J (SELECT pk, C, max(amount) AS m FROM B GROUP BY ALL) y ON x.k = y.pk AND x.C = y.C`,
    `SELECT x.k, x.c, x.C AS w FROM (SELECT k, C, count(*) AS c FROM A GROUP BY ALL) x
      JOIN (SELECT C, max(c) AS m FROM (SELECT k, C, count(*) AS c FROM A GROUP BY ALL) GROUP BY C) y
      ON x.C = y.C AND x.c = y.m`,
    `SELECT a.id, y.m FROM A a J (SELECT C, max(amount) AS m FROM B GROUP BY ALL) y
      ON a.C = y.C AND a.price = y.m`,
    `SELECT C, count(*) AS c, count(DISTINCT pk) AS ks FROM A a JOIN B b USING (C)
      GROUP BY C HAVING count(*) > 1`,
    `SELECT k, C FROM A UNION ALL SELECT pk, C FROM B`,
    "SELECT a.id, a.C FROM A a SEMI JOIN B b ON a.k = b.pk AND a.C = b.C",
    "SELECT a.id, a.C FROM A a ANTI JOIN B b ON a.k = b.pk AND a.C = b.C",
    "SELECT a.id, b.pid FROM A a, B b WHERE a.C = b.C AND a.k = b.pk AND a.id <> b.pid",
  ),
}).map(({ window, join, column, shape }) => ({
  ...SIDES,
  c_joined: {
    sql: shape
      .replaceAll(/\bA\b/g, window.replace("$", "a_orders, ts"))
      .replaceAll(/\bB\b/g, window.replace("$", "b_paid, paid"))
      .replaceAll(/\bJ\b/g, join)
      .replaceAll(/\bC\b/g, column),
  },
}));

/** Two streams as one, whose columns have several names, and what is made of its windows. */
export const unions: fc.Arbitrary<Queries> = record({
  all: constantFrom(
    "SELECT id, ts, k, price FROM a_orders UNION ALL SELECT pid, paid, pk, amount FROM b_paid",
    `SELECT id, ts, k, price FROM a_orders
      UNION ALL BY NAME SELECT pk AS k, paid AS ts, pid AS id FROM b_paid`,
    `SELECT * FROM a_orders
      UNION ALL BY NAME SELECT amount AS price, paid AS ts, pid AS id, pk AS k, f FROM b_paid WHERE f`,
    `SELECT ts, id, upper(k) AS k, price FROM a_orders WHERE id > 2
      UNION ALL SELECT paid, pid, pk, 1 FROM b_paid
      UNION ALL SELECT ts, id, name, rank FROM a_orders JOIN companies ON sym = k`,
    `WITH x AS (FROM b_paid)
      SELECT k, id, ts, price FROM a_orders UNION ALL SELECT pk, pid, paid, amount FROM x`,
  ),
  window,
  session: fc.boolean(),
  made: constantFrom(
    "SELECT window_start, k, count(*) AS c, sum(price) AS s FROM $ GROUP BY ALL",
    "SELECT window_end, list(id ORDER BY id) AS ids FROM $ GROUP BY window_end",
    "SELECT id, k FROM $ QUALIFY row_number() OVER (PARTITION BY window_start, k ORDER BY ts, id) = 1",
    "SELECT window_start, k, count(*) AS c FROM $ GROUP BY window_start, ROLLUP (k)",
  ),
}).map(({ all, window, session, made }) => ({
  ...SIDES,
  c_all: { sql: all },
  d_made: {
    sql: session
      ? "SELECT k, window_start, count(*) AS c FROM session(c_all, ts, INTERVAL 15 SECOND, k) GROUP BY ALL"
      : made.replace("$", window.replace("$", "c_all, ts")),
  },
  e_first: {
    sql: "SELECT k, id, ts FROM c_all QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts, id, price) = 1",
    state: "unbounded",
  },
}));

const apart = constantFrom(
  "b.paid BETWEEN a.ts AND a.ts + INTERVAL 20 SECOND",
  "b.paid BETWEEN a.ts - INTERVAL 5 SECOND AND a.ts + INTERVAL 30 SECOND",
  "a.ts >= b.paid - INTERVAL 10 SECOND AND a.ts < b.paid + INTERVAL 10 SECOND",
  "a.ts = b.paid",
  "b.paid >= a.ts + INTERVAL 5 SECOND AND b.paid <= a.ts + INTERVAL 15 SECOND",
  "INTERVAL 3 SECOND + a.ts >= b.paid AND b.paid > a.ts - INTERVAL 1 MINUTE",
);

/** Joins bounded by time, of every kind; and what goes on from their rows. */
export const intervalJoins: fc.Arbitrary<Queries> = record({
  apart,
  join: joinType,
  shape: constantFrom(
    "SELECT a.id, b.pid, a.ts, b.amount FROM a_orders a J b_paid b ON a.k = b.pk AND $",
    `SELECT a.id, b.pid, c.name FROM a_orders a J b_paid b ON a.k = b.pk AND $ LEFT JOIN companies c ON
      c.sym = a.k`,
    "SELECT a.id, b.pid FROM (SELECT * FROM a_orders WHERE price > 1) a J b_paid b ON $",
    `SELECT a.id, b.twice FROM a_orders a J (SELECT *, amount * 2 AS twice FROM b_paid) b ON a.k = b.pk
      AND $`,
    "SELECT a.id, a.k FROM a_orders a SEMI JOIN b_paid b ON a.k = b.pk AND $",
    "SELECT a.id, a.k FROM a_orders a ANTI JOIN b_paid b ON a.k = b.pk AND $",
    "SELECT a.id, b.pid FROM a_orders a, b_paid b WHERE a.k = b.pk AND $ AND a.price <= b.amount",
    `SELECT a.id, b.pid, c.id AS cid FROM a_orders a JOIN b_paid b ON a.k = b.pk AND $
      JOIN a_orders c ON c.k = b.pk AND c.ts BETWEEN b.paid AND b.paid + INTERVAL 10 SECOND`,
    `SELECT a.id, b.pid, b.paid FROM a_orders a ASOF JOIN b_paid b ON a.k = b.pk AND a.ts >= b.paid`,
    `SELECT a.id, b.pid FROM a_orders a ASOF LEFT JOIN b_paid b ON a.k = b.pk AND a.ts > b.paid`,
    `SELECT a.id, b.id AS other FROM a_orders a JOIN a_orders b ON a.k = b.k AND a.id < b.id
      AND b.ts BETWEEN a.ts AND a.ts + INTERVAL 10 SECOND`,
  ),
}).map(({ apart, join, shape }) => ({
  ...SIDES,
  c_joined: { sql: shape.replace("$", apart).replace(/\bJ\b/, join) },
  ...(shape.startsWith("SELECT a.id, b.pid, a.ts")
    ? {
        d_counted: {
          sql: `SELECT window_start, count(*) AS c, count(pid) AS p
            FROM tumble(c_joined, ts, INTERVAL 1 MINUTE) GROUP BY ALL`,
        },
      }
    : {}),
}));

/** Joins that nothing bounds, where the query says so. */
export const unboundedJoins: fc.Arbitrary<Queries> = oneof(
  joinType,
  constantFrom("SEMI JOIN", "ANTI JOIN"),
).map((join) => ({
  ...SIDES,
  c_joined: {
    sql: `SELECT a.id, a.k${/SEMI|ANTI/.test(join) ? "" : ", b.pid"} FROM a_orders a ${join} b_paid b
      ON a.k = b.pk`,
    state: "unbounded",
  },
}));

/** What is given out once: distinct rows, the first of each key, and what must wait for the end. */
export const seenOnce: fc.Arbitrary<string> = constantFrom(
  "SELECT DISTINCT k FROM ticks",
  "SELECT DISTINCT k, f, n % 2 AS odd FROM ticks WHERE price > 1",
  "SELECT DISTINCT t.k, c.name FROM ticks t JOIN companies c ON c.sym = t.k",
  "SELECT DISTINCT upper(k) AS u, d FROM ticks",
  "SELECT k, id, ts FROM ticks QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts, id) = 1",
  "SELECT * FROM ticks QUALIFY row_number() OVER (PARTITION BY k, f ORDER BY ts, id) <= 1",
  "SELECT k, price FROM ticks WHERE price > 1 QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts, id) = 1",
  `SELECT k, id, unnest(CASE WHEN n > 1 THEN [n, id] ELSE [] END) AS x FROM ticks
    QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts, id) = 1`,
  `SELECT k, f, unnest([price, 1]) AS x FROM ticks WHERE n <> 2
    QUALIFY row_number() OVER (PARTITION BY k, f ORDER BY ts, id) = 1`,
  "SELECT f, avg(m) AS a FROM (SELECT k, f, max(price) AS m FROM ticks GROUP BY ALL) GROUP BY f",
  `SELECT x.k, x.c, y.t FROM (SELECT k, count(*) AS c FROM ticks GROUP BY k) x,
    (SELECT count(*) AS t FROM ticks) y`,
);

/** Answers that change, with what names their rows in the columns `key` and `more`. */
export const changing: fc.Arbitrary<QuerySpec> = oneof(
  constantFrom(
    "SELECT k AS key, 0 AS more, count(DISTINCT n) AS c, median(price) AS m FROM ticks GROUP BY k",
    `SELECT k AS key, window_start AS more, median(price) AS m FROM tumble(ticks, ts, INTERVAL 1 MINUTE)
      GROUP BY ALL`,
    `SELECT k AS key, window_start AS more, list(id ORDER BY id) AS l
      FROM hop(ticks, ts, INTERVAL 20 SECOND, INTERVAL 1 MINUTE) GROUP BY ALL`,
    `SELECT k AS key, window_start AS more, count(*) AS c, max(window_end) AS e FROM session(ticks, ts,
      INTERVAL 15 SECOND, k) GROUP BY ALL`,
    "SELECT k AS key, 0 AS more, count(*) AS c FROM ticks GROUP BY k ORDER BY c DESC, k LIMIT 2",
    "SELECT id AS key, 0 AS more, price FROM ticks ORDER BY price DESC, id LIMIT 5",
    `SELECT k AS key, row_number() OVER (PARTITION BY k ORDER BY price DESC, id) AS more, id FROM ticks
      QUALIFY more <= 2`,
    `SELECT k AS key, 0 AS more, id, price FROM ticks QUALIFY row_number() OVER (PARTITION BY k ORDER BY
      ts DESC, id DESC) = 1`,
    "SELECT DISTINCT k AS key, f AS more FROM ticks",
    "SELECT a.id AS key, b.id AS more FROM ticks a JOIN ticks b ON a.k = b.k AND a.n = b.n AND a.id < b.id",
    `SELECT a.id AS key, count(b.id) AS more FROM ticks a LEFT JOIN ticks b ON a.k = b.k AND b.price >
      a.price GROUP BY a.id`,
    "SELECT id AS key, 0 AS more FROM ticks WHERE price = (SELECT max(price) FROM ticks)",
    `SELECT key, 0 AS more, avg(m) AS a FROM (SELECT f AS key, k, max(price) AS m FROM ticks GROUP BY
      ALL) GROUP BY key`,
    "SELECT k AS key, 0 AS more FROM ticks WHERE f EXCEPT SELECT k, 0 FROM ticks WHERE NOT f",
    `SELECT window_start AS key, k AS more, c FROM (SELECT window_start, k, count(*) AS c
      FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL)
      QUALIFY rank() OVER (PARTITION BY window_start ORDER BY c DESC, k) = 1`,
    `SELECT coalesce(x.k, y.k) AS key, 0 AS more, x.c AS xc, y.c AS yc
      FROM (SELECT k, count(*) AS c FROM ticks WHERE f AND k <> '' GROUP BY k) x
      FULL JOIN (SELECT k, count(*) AS c FROM ticks WHERE n > 2 AND k <> '' GROUP BY k) y USING (k)`,
    `SELECT window_start AS key, k AS more, count(*) AS c FROM tumble(ticks, ts, INTERVAL 1 MINUTE)
      GROUP BY window_start, k QUALIFY rank() OVER (PARTITION BY window_start ORDER BY c DESC, k) = 1`,
    `SELECT k AS key, f AS more, sum(n) AS s, rank() OVER (PARTITION BY k ORDER BY sum(n)) AS r
      FROM ticks GROUP BY 1, 2`,
    "SELECT DISTINCT ON (k) k AS key, 0 AS more, id FROM ticks ORDER BY k, price DESC, id",
    "SELECT count(*) AS c, 0 AS key, 0 AS more FROM (SELECT k FROM ticks GROUP BY k)",
    "SELECT list(DISTINCT k ORDER BY k) AS c, 0 AS key, 0 AS more FROM ticks",
    `SELECT k AS key, f AS more, count(DISTINCT id) AS c FROM ticks GROUP BY CUBE (k, f) HAVING
      grouping(k, f) = 0`,
    "SELECT k AS key, unnest([min(id), max(id) + 1]) AS more FROM ticks GROUP BY k",
    "SELECT k AS key, unnest(list_distinct(list(n % 3))) AS more, count(*) AS c FROM ticks GROUP BY k",
    "SELECT k AS key, grouping(k) AS more, median(id) AS m, wavg(id, 2) AS w FROM ticks GROUP BY ROLLUP (k)",
    `SELECT k AS key, grouping(k) AS more, json_group_array(id) AS j FROM ticks WHERE k <> 'b'
      GROUP BY GROUPING SETS ((k), ())`,
    "SELECT k AS key, f AS more, geomean(id + 1) AS g, wavg(price, 2) AS w FROM ticks GROUP BY k, f",
  ).map((sql): QuerySpec => ({ sql, mode: "update", key: ["key", "more"] })),
  constantFrom(
    "SELECT k AS key, 0 AS more, count(*) AS c FROM ticks GROUP BY k ORDER BY c DESC, k LIMIT 2",
    "SELECT k AS key, 0 AS more, median(price) AS c FROM ticks GROUP BY k HAVING count(*) % 2 = 1",
  ).map((sql): QuerySpec => ({ sql, mode: "complete", key: ["key", "more"] })),
);

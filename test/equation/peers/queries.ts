/**
 * What the public suites of streaming databases ask, by kind, in words of our own over one stream of
 * orders, `ticks`. The answers are DuckDB's, at the time of the test.
 */

import type { QuerySpec } from "../streaming.ts";

export const SCHEMA = {
  id: "BIGINT",
  ts: "TIMESTAMP",
  buyer: "VARCHAR",
  item: "STRUCT(kind VARCHAR, tags VARCHAR[])",
  price: "DECIMAL(9,2)",
  amount: "INTEGER",
  paid: "BOOLEAN",
};

export const TABLES = { regions: "name,region,rank\nann,north,1\nbob,south,2\nbob,west,3\nzoe,east,4\n" };

const MINUTE = "tumble(ticks, ts, INTERVAL 1 MINUTE)";

const append = (...texts: readonly string[]): QuerySpec[] => texts.map((sql) => ({ sql }));

/** The rows of these change; `key` tells them apart. */
const update = (key: readonly string[], ...texts: readonly string[]): QuerySpec[] =>
  texts.map((sql) => ({ sql, mode: "update", key, state: "unbounded" }));

export const KINDS: Readonly<Record<string, readonly QuerySpec[]>> = {
  "rows on their own": append(
    "SELECT id, price * amount AS total, price::DOUBLE / nullif(amount, 0) AS each FROM ticks",
    "SELECT id, coalesce(buyer, 'nobody') AS who, amount IS DISTINCT FROM 2 AS other FROM ticks",
    "SELECT id, item.kind AS kind, len(item.tags) AS tags FROM ticks WHERE item.kind LIKE 't%'",
    "SELECT id, unnest(item.tags) AS tag FROM ticks WHERE paid",
    "SELECT id, CASE WHEN amount > 3 THEN 'many' WHEN amount > 1 THEN 'some' ELSE 'few' END AS c FROM ticks",
    "SELECT id, date_trunc('minute', ts) AS minute, extract(second FROM ts) AS s FROM ticks",
    "SELECT id FROM ticks WHERE buyer IN ('ann', 'eve') AND amount BETWEEN 1 AND 3 OR paid IS NULL",
    "SELECT id, amount FROM ticks WHERE paid UNION ALL SELECT -id, price FROM ticks WHERE NOT paid",
    "WITH large AS (SELECT * FROM ticks WHERE amount > 2) SELECT id, upper(buyer) AS b FROM large",
  ),
  "static tables": append(
    "SELECT o.id, r.region FROM ticks o JOIN regions r ON o.buyer = r.name",
    "SELECT o.id, r.region FROM ticks o LEFT JOIN regions r ON o.buyer = r.name AND r.rank > 1",
    "SELECT id FROM ticks WHERE buyer NOT IN (SELECT name FROM regions)",
    "SELECT id FROM ticks o WHERE EXISTS (FROM regions r WHERE r.name = o.buyer AND r.rank < o.amount)",
    "SELECT id, (SELECT max(rank) FROM regions WHERE name = buyer) AS best FROM ticks",
    "SELECT o.id, r.name FROM ticks o CROSS JOIN regions r WHERE o.amount = r.rank",
  ),
  "windows that close": append(
    `SELECT window_start, count(*) AS c, count(buyer) AS b, sum(amount) AS s FROM ${MINUTE} GROUP BY ALL`,
    `SELECT window_start, buyer, max(price) AS m FROM ${MINUTE} GROUP BY ALL HAVING count(*) > 1`,
    `SELECT window_end, item.kind AS kind, avg(amount) AS a FROM ${MINUTE} WHERE paid GROUP BY ALL`,
    `SELECT window_start, count(DISTINCT buyer) AS b, sum(DISTINCT amount) AS s FROM ${MINUTE} GROUP BY ALL`,
    `SELECT window_start, arg_max(id, price) FILTER (amount > 1) AS dearest FROM ${MINUTE} GROUP BY ALL`,
    `SELECT window_start, string_agg(buyer, '+' ORDER BY id) AS b FROM ${MINUTE} GROUP BY ALL`,
    `SELECT window_start, buyer, id FROM ${MINUTE}
      QUALIFY row_number() OVER (PARTITION BY window_start, buyer ORDER BY price DESC, id) <= 2`,
    `SELECT window_start, id, rank() OVER (PARTITION BY window_start ORDER BY amount) AS r FROM ${MINUTE}`,
    `SELECT window_start, tag, count(*) AS c
      FROM (SELECT window_start, unnest(item.tags) AS tag FROM ${MINUTE}) GROUP BY ALL`,
    `SELECT window_start, max(c) AS most
      FROM (SELECT window_start, buyer, count(*) AS c FROM ${MINUTE} GROUP BY ALL) GROUP BY ALL`,
  ),
  "sliding windows and sessions": append(
    `SELECT window_start, window_end, count(*) AS c, min(price) AS m
      FROM hop(ticks, ts, INTERVAL 20 SECOND, INTERVAL 1 MINUTE) GROUP BY ALL`,
    `SELECT window_end, buyer, sum(amount) AS s
      FROM hop(ticks, ts, INTERVAL 30 SECOND, INTERVAL 90 SECOND) GROUP BY ALL`,
    `SELECT buyer, window_start, window_end, count(*) AS c, max(id) AS last
      FROM session(ticks, ts, INTERVAL 15 SECOND, buyer) GROUP BY ALL`,
  ),
  "joins within a time": append(
    `SELECT a.id AS a, b.id AS b FROM ticks a JOIN ticks b
      ON a.buyer = b.buyer AND b.ts BETWEEN a.ts AND a.ts + INTERVAL 20 SECOND AND a.id < b.id`,
    `SELECT a.id AS a, b.id AS b FROM ticks a LEFT JOIN ticks b
      ON a.buyer = b.buyer AND b.ts > a.ts AND b.ts <= a.ts + INTERVAL 10 SECOND AND b.paid`,
    `SELECT a.window_start, a.id AS a, b.id AS b FROM ${MINUTE} a JOIN ${MINUTE} b
      ON a.window_start = b.window_start AND a.item.kind = b.item.kind AND a.id < b.id`,
  ),
  "answers that change, by buyer": update(
    ["buyer"],
    "SELECT buyer, count(*) AS c, sum(price) AS s, avg(amount) AS a FROM ticks GROUP BY buyer",
    "SELECT buyer, min(price) AS low, max(price) AS high FROM ticks WHERE paid GROUP BY buyer",
    "SELECT buyer, count(DISTINCT price) AS prices FROM ticks GROUP BY buyer HAVING sum(amount) > 5",
    "SELECT buyer, bool_and(paid) AS p, bit_or(amount) AS b, list(id ORDER BY id) FROM ticks GROUP BY ALL",
    "SELECT buyer, median(amount) AS m, mode(item.kind ORDER BY item.kind) AS k FROM ticks GROUP BY ALL",
    "SELECT buyer, sum(CASE WHEN paid THEN amount ELSE 0 END) AS s, max(ts) AS at FROM ticks GROUP BY ALL",
    "SELECT o.buyer, count(r.region) AS c FROM ticks o LEFT JOIN regions r ON o.buyer = r.name GROUP BY ALL",
  ),
  "answers that change, by row": update(
    ["id"],
    "SELECT id, buyer FROM ticks QUALIFY row_number() OVER (PARTITION BY buyer ORDER BY price DESC, id) <= 2",
    "SELECT id, price FROM ticks ORDER BY price DESC, id LIMIT 4",
    "SELECT id FROM ticks WHERE amount = (SELECT max(amount) FROM ticks)",
    "SELECT a.id, count(b.id) FROM ticks a LEFT JOIN ticks b ON a.buyer = b.buyer AND b.paid GROUP BY a.id",
    "SELECT id, sum(amount) OVER (PARTITION BY buyer ORDER BY id) AS s FROM ticks",
    "SELECT id, lag(amount) OVER (PARTITION BY buyer ORDER BY ts, id) AS l FROM ticks",
    "SELECT id FROM ticks o WHERE NOT EXISTS (FROM ticks p WHERE p.buyer = o.buyer AND p.price > o.price)",
  ),
};

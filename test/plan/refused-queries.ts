/** Queries that no execution takes: what the refusal says of each, and the way out that it names. */

export const T = "tumble(ticks, ts, INTERVAL 1 MINUTE)";

/** SQL, what the reason must say, what the way out must say. */
export const REFUSED: readonly (readonly [sql: string, reason: RegExp, remedy: RegExp])[] = [
  // Tables that may change before a row meets another.
  [
    `SELECT a.k FROM ticks a LEFT JOIN (SELECT t.* FROM ticks t JOIN companies ON sym = k) b
      ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL 1 MINUTE`,
    /LEFT join of streams reads the table "companies"/,
    /outside of this join/,
  ],
  // Values that no table can hold.
  [
    "SELECT k, max((price, k)) AS m FROM ticks GROUP BY k",
    /column "m" .*STRUCT\(DOUBLE, VARCHAR\)/,
    /name them/,
  ],
  ["SELECT [(price, k)] AS m FROM ticks", /column "m" holds values without names/, /name them/],
  // What is no input of the job.
  ["SELECT t.* FROM ticks AS t, read_text('/etc/hostname')", /found read_text/, /tables:/],
  ["SELECT *, (SELECT count(*) FROM glob('/etc/*')) AS n FROM ticks", /found glob/, /tables:/],
  ["WITH f AS (FROM READ_CSV('/etc/passwd')) SELECT ticks.* FROM ticks, f", /found read_csv/, /tables:/],
  ["SELECT ticks.* FROM ticks, '/etc/passwd.csv'", /passwd.csv/, /tables:/],
  ["SELECT ticks.* FROM ticks, 'http://127.0.0.1:1/x.parquet'", /x.parquet/, /tables:/],
  ["FROM ticks, query('SELECT content FROM read_text(''/etc/hostname'')')", /query\(\)/, /write/],
  // Sizes of windows.
  ["SELECT * FROM tumble(ticks, ts, 60)", /number without a unit: 60/, /INTERVAL 60 SECOND/],
  [
    "SELECT window_start, count(*) FROM tumble(ticks, ts, '60') GROUP BY ALL",
    /without a unit: 60/,
    /1 minute/,
  ],
  ["SELECT * FROM hop(ticks, ts, INTERVAL 1 MINUTE, 1.5)", /without a unit/, /INTERVAL/],
  ["SELECT * FROM cumulate(ticks, ts, INTERVAL '60', '1 hour')", /without a unit: 60/, /INTERVAL/],
  [
    "SELECT k, count(*) FROM session(ticks, ts, 60, k) GROUP BY k, window_start",
    /without a unit/,
    /INTERVAL/,
  ],
  ["WITH w AS (FROM tumble(ticks, ts, 60)) SELECT * FROM w", /without a unit: 60/, /INTERVAL/],
  ["SELECT * FROM tumble(ticks, ts, INTERVAL 0 MINUTE)", /not longer than nothing/, /positive/],
  // Windows and bounds.
  [
    "SELECT window_start, count(*) FROM session(ticks, ts, INTERVAL 1 MINUTE, k) GROUP BY ALL",
    /no window column splits/,
    /window_start/,
  ],
  [`SELECT window_start, count(*) FROM ${T} GROUP BY ALL LIMIT 1`, /LIMIT/, /mode: update/],
  [
    `SELECT window_start, k, count(*) FROM ${T} GROUP BY CUBE (window_start, k)`,
    /no window column/,
    /window_start/,
  ],
  [
    `SELECT window_start, k, count(*) FROM ${T} GROUP BY ROLLUP (window_start, k)`,
    /no window column/,
    /tumble/,
  ],
  [`SELECT DISTINCT count(*) FROM ${T} GROUP BY window_start`, /DISTINCT/, /window_start/],
  [
    "SELECT window_start, count(*) FROM tumble(ticks, ts, price * INTERVAL 1 MINUTE) GROUP BY ALL",
    /size differs/,
    /constant INTERVAL/,
  ],
  [
    "SELECT window_start, count(*) FROM tumble(ticks, ts + INTERVAL 1 HOUR, INTERVAL 1 MINUTE) GROUP BY ALL",
    /no event-time column/,
    /time:/,
  ],
  [`SELECT s.window_start AS w, list(k) FROM ${T} GROUP BY ALL`, /no window column/, /window_start/],
  // Everything that looks at all rows.
  ["SELECT DISTINCT ON (k) k, price FROM ticks", /DISTINCT/, /tumble/],
  ["SELECT k FROM ticks LIMIT 3", /LIMIT/, /tumble/],
  ["SELECT k FROM (SELECT * FROM ticks) LIMIT 3", /LIMIT/, /tumble/],
  ["SELECT k, row_number() OVER () AS r FROM ticks", /window functions/, /tumble/],
  ["SELECT k, sum(DISTINCT price) FROM ticks GROUP BY k", /without bound/, /window_start/],
  ["SELECT k, stddev(price) FROM ticks GROUP BY k", /without bound/, /window_start/],
  ["SELECT k, count(*) FROM ticks GROUP BY CUBE (k)", /without bound/, /window_start/],
  ["SELECT k, grouping(k), count(*) FROM ticks GROUP BY k", /without bound/, /window_start/],
  ["SELECT k, sum(COLUMNS('price')) FROM ticks GROUP BY ALL", /without bound/, /window_start/],
  [
    "SELECT k IN (SELECT sym FROM companies) AS b, count(*) FROM ticks GROUP BY ALL",
    /without bound/,
    /window_start/,
  ],
  ["SELECT k FROM ticks EXCEPT SELECT k FROM ticks", /set operations/, /state: unbounded/],
  ["SELECT k FROM ticks UNION ALL SELECT sym FROM companies", /UNION ALL/, /./],
  ["SELECT k FROM ticks USING SAMPLE 3", /sample/, /leave out/],
  ["SELECT k FROM (SELECT * FROM ticks TABLESAMPLE 50%)", /sample/, /leave out/],
  // Hidden ways to look at all rows.
  [
    "WITH m AS (SELECT max(price) AS p FROM ticks) SELECT k FROM ticks WHERE price = (SELECT p FROM m)",
    /subquery reads a stream/,
    /state: unbounded/,
  ],
  [
    "WITH c AS (SELECT k FROM ticks), e AS (SELECT count(*) AS m FROM c) SELECT k, (SELECT m FROM e) FROM c",
    /subquery/,
    /state: unbounded/,
  ],
  ["SELECT k FROM ticks WHERE price = (SELECT max(price) FROM TICKS)", /subquery/, /state: unbounded/],
  ["SELECT (SELECT sum(t.price)) AS x FROM ticks t", /sum\(t\.price\) in a subquery/, /outside/],
  [
    "SELECT x FROM (SELECT (SELECT sum(t.price)) AS x FROM ticks t) WHERE x IS NOT NULL",
    /in a subquery/,
    /outside/,
  ],
  ["SELECT (SELECT sum(price) FROM companies) AS x FROM ticks", /sum\(price\) in a subquery/, /outside/],
  [
    "SELECT k FROM ticks t JOIN companies c ON t.k = c.sym AND t.price > (SELECT avg(price) FROM ticks)",
    /condition of its join/,
    /state: unbounded/,
  ],
  [
    `SELECT t.k FROM ticks t JOIN (SELECT * FROM query('SELECT max(price) AS p FROM ticks')) q
      ON t.price = q.p`,
    /query\(\)/,
    /write/,
  ],
  // Joins.
  ["SELECT a.k FROM ticks a JOIN others b ON a.k = b.k", /joins streams/, /ts BETWEEN/],
  ["SELECT a.k FROM ticks a JOIN TICKS b ON a.k = b.k", /joins streams/, /ts BETWEEN/],
  ["SELECT c.sym FROM companies c LEFT JOIN ticks t ON t.k = c.sym", /LEFT join/, /./],
  ["SELECT c.sym FROM companies c FULL JOIN ticks t ON t.k = c.sym", /(?:FULL|OUTER) join/, /./],
  ["SELECT c.sym FROM companies c SEMI JOIN ticks t ON t.k = c.sym", /SEMI join/, /./],
  ["SELECT c.sym, t.k FROM companies c ASOF JOIN ticks t ON c.rank >= t.price", /ASOF/, /./],
  ["SELECT k FROM ticks POSITIONAL JOIN companies", /positional/, /./],
  ["SELECT a.k FROM ticks a JOIN others b ON a.k = b.k AND b.ts > a.ts", /joins streams/, /ts BETWEEN/],
  [
    "SELECT a.k FROM ticks a JOIN others b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL 1 MONTH",
    /joins streams/,
    /ts BETWEEN/,
  ],
  ["SELECT a.k FROM ticks a ASOF JOIN others b ON a.k = b.k AND a.ts <= b.ts", /look back/, /a\.ts >= b\.ts/],
  [
    "SELECT a.k FROM ticks a ASOF JOIN others b ON a.k = b.k AND a.price >= b.price",
    /look back/,
    /event-time/,
  ],
  [
    `SELECT a.k FROM ticks a LEFT JOIN others b ON a.k = b.k AND a.ts = b.ts
      JOIN ticks c ON c.k = a.k AND c.ts = a.ts`,
    /other than INNER/,
    /query of its own/,
  ],
  // Windows that do not meet.
  [
    `SELECT a.k FROM ${T} a JOIN hop(others, ts, INTERVAL 1 MINUTE, INTERVAL 2 MINUTE) b
      ON a.window_start = b.window_start`,
    /joins streams/,
    /equal windows/,
  ],
  [
    `SELECT a.k FROM ${T} a JOIN tumble(others, ts, INTERVAL 1 MINUTE) b ON a.k = b.k`,
    /joins streams/,
    /equal/,
  ],
  [
    `SELECT b.window_start, count(*) FROM ${T} a LEFT JOIN tumble(others, ts, INTERVAL 1 MINUTE) b
      ON a.window_start = b.window_start GROUP BY ALL`,
    /no window column/,
    /./,
  ],
  // What is not the same twice.
  ["SELECT k, random() AS r FROM ticks", /random\(\) gives another value/, /record's own/],
  ["SELECT k, uuid() AS r FROM ticks", /uuid\(\)/, /record's own/],
  ["SELECT k, now() AS r FROM ticks", /now\(\)/, /received: NAME/],
  [
    "SELECT k, current_localtimestamp() AS r FROM ticks",
    /current_localtimestamp\(\) tells the time/,
    /received/,
  ],
  ["SELECT k, age(ts) AS r FROM ticks", /age\(\) tells the time/, /event time/],
  ["SELECT k, ts.age() AS r FROM ticks", /age\(\) tells the time/, /event time/],
  ["SELECT k, ago(INTERVAL 1 DAY) AS r FROM ticks", /ago\(\) tells the time/, /event time/],
  ["SELECT k, current_setting('TimeZone') AS r FROM ticks", /tells of the process/, /record's own/],
  ["SELECT k, getvariable('x') AS r FROM ticks", /tells of the process/, /record's own/],
  ["SELECT k, version() AS r FROM ticks", /tells of the process/, /record's own/],
  ["SELECT k, txid_current() AS r FROM ticks", /another value each time/, /record's own/],
  [
    `SELECT window_start, reservoir_quantile(price, 0.5) FROM ${T} GROUP BY ALL`,
    /reservoir_quantile/,
    /record/,
  ],
  ["SELECT list_aggr([price, 1], 'reservoir_quantile', 0.5) AS r FROM ticks", /reservoir_quantile/, /record/],
  ["SELECT k, alias(price) AS r FROM ticks", /alias\(\)/, /as a text/],
  ["SELECT k FROM ticks QUALIFY row_number() OVER (ORDER BY random()) = 1", /random\(\)/, /record's own/],
  // What an aggregate or a reader hides behind.
  ["SELECT json_group_array(k) AS r FROM ticks", /without bound/, /window_start/],
  ["SELECT k, json_group_object(k, price) AS r FROM ticks GROUP BY k", /without bound/, /window_start/],
  ["SELECT t.k, h.count FROM ticks t, histogram_values(ticks, price) h", /joins streams/, /state: unbounded/],
  ["SELECT t.k, h.bar FROM ticks t, histogram('ticks', price) h", /joins streams/, /state: unbounded/],
  ["SELECT ticks.* FROM ticks, query_table('ticks') q", /query_table\(\)/, /write/],
  ["SELECT k, name FROM ticks, duckdb_settings()", /found duckdb_settings/, /tables:/],
  ["SELECT k, table_name FROM ticks, duckdb_tables", /found "duckdb_tables"/, /tables:/],
  ["SELECT k, table_name FROM ticks, information_schema.tables", /information_schema.tables/, /tables:/],
  ["SELECT k, c FROM ticks, (SELECT count(*) AS c FROM (DESCRIBE ticks))", /DESCRIBE/, /select/],
  ["SELECT k, c FROM ticks, (SELECT max(max) AS c FROM (SUMMARIZE ticks))", /SUMMARIZE/, /select/],
  ["SELECT k FROM ticks GROUP BY ROLLUP (k)", /without bound/, /window_start/],
  ["SELECT x FROM ticks PIVOT (sum(price) FOR k IN ('x'))", /FROM/, /state: unbounded/],
  ["SELECT k, current_timestamp AS r FROM ticks", /current_timestamp/, /event time/],
  ["SELECT k, rowid AS r FROM ticks", /rowid/, /column of the record/],
  ["SELECT #1 AS first FROM ticks", /#1/, /name the column/],
  // Names that hide what they are.
  [`SELECT ws, count(*) FROM ${T} AS w(ts, k, price, s, ws, we) GROUP BY ws`, /no window column/, /./],
  [
    `SELECT window_start, count(*) FROM (SELECT * REPLACE (k AS window_start) FROM ${T}) GROUP BY ALL`,
    /no window column/,
    /window_start/,
  ],
  [
    `SELECT window_start, count(*) FROM (SELECT * EXCLUDE (window_start), k AS window_start
      FROM ${T}) GROUP BY ALL`,
    /no window column/,
    /window_start/,
  ],
  [`SELECT DISTINCT ON (k) k, window_start FROM ${T}`, /DISTINCT/, /window_start/],
  [`SELECT k, sum(price) OVER (PARTITION BY k) FROM ${T}`, /no window column/, /window_start/],
  ["SELECT k, k FROM ticks", /two columns/, /AS/],
  ["SELECT 1 AS one", /reads no stream/, /FROM/],
];

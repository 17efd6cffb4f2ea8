/** Random queries over the stream `ticks`, from a grammar of everything that the planner is meant to take. */

import fc from "fast-check";
import type { QuerySpec } from "./streaming.ts";

const { constantFrom, record, array, oneof, option, subarray } = fc;

const filter = constantFrom("price > 2", "n >= 0", "f", "k <> 'b'", "price IS NOT NULL AND n < 4", "false");

const aggregateCall = constantFrom(
  "count(*)",
  "count(price)",
  "count(DISTINCT price)",
  "count(DISTINCT n % 3)",
  "count(DISTINCT k)",
  "sum(n)",
  "sum(price)",
  "sum(d)",
  "avg(price)",
  "avg(n % 1000)",
  "avg(d)",
  "min(price)",
  "max(price)",
  "min(k)",
  "max(ts)",
  "max(d)",
  "min(n)",
  "max({'a': price, 'b': id})",
  "arg_min(price, {'t': ts, 'i': id})",
  "max_by(k, [price, id])",
  "bool_and(f)",
  "bool_or(f)",
  "bit_or(n % 1000)",
  "bit_and(n % 1000)",
  "bit_xor(n % 1000)",
  "count_if(f)",
  "sum(n) / count(*)",
  // Macros of aggregates, which take no FILTER, and methods.
  "geomean(n % 5 + 10) + 0",
  "wavg(price, weight := 2) * 1",
  "coalesce(weighted_avg(n % 100, id), 0) + 0",
  "price.max()",
);

/**
 * An aggregate, perhaps filtered, perhaps inside an expression. `k` may be used beside it only where it is a
 * key.
 */
const aggregate = record({
  call: aggregateCall,
  filter: option(filter),
  wrap: constantFrom("$", "$", "$", "coalesce($, NULL)", "CASE WHEN count(*) > 2 THEN $ END", "[$]"),
}).map(({ call, filter, wrap }) => {
  const filtered = filter === null || !call.endsWith(")") ? call : `${call} FILTER (WHERE ${filter})`;
  return wrap.replace("$", filtered);
});

/**
 * Values that depend on the order of rows where they tie: the source's order, as DuckDB has it in one thread.
 * Not over `hop` and `cumulate`, whose cross join gives rows in an order of its own.
 */
const IN_ORDER: readonly string[] = [
  "first(price)",
  "last(price)",
  "first(k)",
  "last(id)",
  "arg_min(price, ts)",
  "arg_max(price, ts)",
  "arg_max(k, price) FILTER (WHERE f)",
  "min_by(id, n)",
  "max_by(id, k)",
  "any_value(k)",
  "any_value(price) FILTER (WHERE n > 0)",
];

/** Of windows, what their values tell is kept with them. */
const OF_VALUES: readonly string[] = [
  "median(price)",
  "quantile_cont(n % 100, 0.3)",
  "quantile_cont(price, [0.25, 0.95])",
  "quantile_disc(k, 0.5)",
  "quantile_disc(ts, -0.5) FILTER (WHERE f)",
  "mad(price)",
  "approx_count_distinct(k)",
  "approx_count_distinct(price) FILTER (WHERE n > 0)",
  "median(price) - avg(price)",
];

const key = constantFrom(
  "k",
  "upper(k)",
  "n % 3",
  "price > 5",
  "coalesce(k, '?')",
  "f",
  "CASE WHEN f THEN k END",
  "date_trunc('minute', ts)",
);

const having = constantFrom("count(*) > 1", "max(price) > 3", "sum(n) IS NOT NULL", "bool_or(f)");
const where = constantFrom(
  "price > 1",
  "k IN ('a', 'b', 'A')",
  "NOT f",
  "ts IS NOT NULL",
  "n % 2 = 0",
  "false",
);

const windowCall = oneof(
  constantFrom("10 SECOND", "1 MINUTE", "90 SECOND", "1 HOUR").map(
    (size) => `tumble(ticks, ts, INTERVAL ${size})`,
  ),
  constantFrom(["30 SECOND", "1 MINUTE"], ["20 SECOND", "70 SECOND"], ["1 MINUTE", "5 MINUTE"]).map(
    ([slide, size]) => `hop(ticks, ts, INTERVAL ${slide}, INTERVAL ${size})`,
  ),
);

/** Of these, only `window_end` tells the windows apart. */
const cumulateCall = constantFrom(["20 SECOND", "1 MINUTE"], ["1 MINUTE", "3 MINUTE"]).map(
  ([step, size]) => `cumulate(ticks, ts, INTERVAL ${step}, INTERVAL ${size})`,
);

interface Parts {
  readonly keys: readonly string[];
  readonly windowKeys: readonly string[];
  readonly aggregates: readonly string[];
  readonly groupBy: "all" | "positions" | "aliases" | "expressions" | "set";
  readonly having: string | null;
  readonly where: string | null;
  readonly isOrdered: boolean;
  readonly from: string;
}

const parts = {
  keys: subarray(["k", "upper(k)", "n % 3", "price > 5", "coalesce(k, '?')", "f"], { maxLength: 2 }),
  aggregates: array(
    oneof({ weight: 3, arbitrary: aggregate }, { weight: 2, arbitrary: constantFrom(...IN_ORDER) }),
    {
      minLength: 1,
      maxLength: 4,
    },
  ),
  groupBy: constantFrom<Parts["groupBy"]>("all", "positions", "aliases", "expressions", "set"),
  having: option(having, { freq: 3 }),
  where: option(where, { freq: 3 }),
  isOrdered: fc.boolean(),
};

function aggregation(given: Parts): string {
  const keys = [...given.windowKeys, ...given.keys];
  const calls = /^(?:hop|cumulate)\(/.test(given.from)
    ? ["count(*)", ...given.aggregates.filter((call) => !IN_ORDER.includes(call))]
    : given.aggregates;
  const items = [
    ...keys.map((key, index) => (given.windowKeys.includes(key) ? key : `${key} AS key${index}`)),
    ...calls.map((call, index) => `${call} AS v${index}`),
  ];
  const names = keys.map((key, index) => (given.windowKeys.includes(key) ? key : `key${index}`));
  const groups = {
    all: "ALL",
    positions: keys.map((_key, index) => index + 1).join(", "),
    aliases: names.join(", "),
    expressions: keys.join(", "),
    set: `GROUPING SETS ((${keys.join(", ")}))`,
  }[given.groupBy];
  return [
    `SELECT ${items.join(", ")} FROM ${given.from}`,
    given.where === null ? "" : `WHERE ${given.where}`,
    keys.length > 0 ? `GROUP BY ${groups}` : given.groupBy === "set" ? "GROUP BY ()" : "",
    given.having === null ? "" : `HAVING ${given.having}`,
    given.isOrdered ? "ORDER BY ALL" : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}

const windowAggregates = array(
  oneof(
    { weight: 3, arbitrary: aggregate },
    { weight: 2, arbitrary: constantFrom(...IN_ORDER) },
    { weight: 2, arbitrary: constantFrom(...OF_VALUES) },
  ),
  { minLength: 1, maxLength: 4 },
);

/** Merged aggregates of windows. */
export const windowedAggregation: fc.Arbitrary<string> = oneof(
  {
    weight: 4,
    arbitrary: record({
      ...parts,
      aggregates: windowAggregates,
      from: windowCall,
      windowKeys: constantFrom(["window_start"], ["window_end"], ["window_start", "window_end"]),
    }),
  },
  {
    weight: 1,
    arbitrary: record({
      ...parts,
      from: cumulateCall,
      windowKeys: constantFrom(["window_end"], ["window_start", "window_end"]),
    }),
  },
).map(aggregation);

/** Merged aggregates of the whole stream, which come when it ends. */
export const wholeAggregation: fc.Arbitrary<string> = record({
  ...parts,
  keys: array(key, { maxLength: 2 }).map((keys) => [...new Set(keys)]),
  from: constantFrom("ticks", "ticks AS t"),
  windowKeys: fc.constant([] as readonly string[]),
}).map(aggregation);

/** Rows named by the columns `key` and `more`, for update and complete mode. */
export const keyedAggregation = (more: readonly string[]): fc.Arbitrary<string> =>
  record({
    key,
    more: constantFrom(...more),
    values: array(
      oneof({ weight: 3, arbitrary: aggregate }, { weight: 2, arbitrary: constantFrom(...IN_ORDER) }),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    having: option(constantFrom("count(*) % 2 = 1", "last(price) > 3", "max(price) < 9"), { freq: 2 }),
    where: option(where, { freq: 3 }),
  }).map(({ key, more, values, having, where }) =>
    [
      `SELECT ${key} AS key, ${more} AS more,
        ${values.map((call, index) => `${call} AS v${index}`).join(", ")}`,
      `FROM ${more.startsWith("window") ? "tumble(ticks, ts, INTERVAL 1 MINUTE)" : "ticks"}`,
      where === null ? "" : `WHERE ${where}`,
      `GROUP BY ${key}, ${more}`,
      having === null ? "" : `HAVING ${having}`,
    ].join(" "),
  );

const item = constantFrom(
  "id",
  "k",
  "price * 2 AS twice",
  "n + 1 AS next",
  "ts",
  "upper(k) AS u",
  "d",
  "[n, 1] AS l",
  "regexp_split_to_table(k || 'x' || k, 'x') AS part",
  "unnest(CASE WHEN f THEN [n, 1] ELSE [] END) AS m",
  "k.upper().lower() AS kk",
  "list_sum([n % 5, 1]) + [price].list_max() AS ls",
  "ARRAY(SELECT rank FROM companies WHERE sym = k ORDER BY rank) AS ranks",
  "json_object('k', k) AS j",
);
const items = array(item, { minLength: 1, maxLength: 5 }).map((list) => [...new Set(list)].join(", "));

export const stateless: fc.Arbitrary<string> = oneof(
  record({ items, where: option(where) }).map(
    ({ items, where }) => `SELECT ${items} FROM ticks${where === null ? "" : ` WHERE ${where}`}`,
  ),
  record({ join: constantFrom("JOIN", "LEFT JOIN", "SEMI JOIN", "ANTI JOIN"), items }).map(
    ({ join, items }) => `SELECT ${items} FROM ticks t ${join} companies c ON c.sym = t.k`,
  ),
  items.map(
    (items) => `SELECT ${items}, name FROM companies c RIGHT JOIN ticks t ON c.sym = t.k AND t.n > c.rank`,
  ),
  record({ items, where }).map(
    ({ items, where }) => `WITH x AS (SELECT * FROM ticks WHERE ${where}) SELECT ${items} FROM x`,
  ),
  record({ a: where, b: where }).map(
    ({ a, b }) => `SELECT id, k FROM ticks WHERE ${a} UNION ALL SELECT id, upper(k) FROM ticks WHERE ${b}`,
  ),
  constantFrom(
    "SELECT id, (SELECT max(rank) FROM companies WHERE sym = k) AS best FROM ticks",
    "SELECT id, unnest([k, 'x']) AS u FROM ticks",
    "SELECT id FROM ticks WHERE EXISTS (SELECT 1 FROM companies WHERE sym = k)",
    `SELECT t.id, x.ranks FROM ticks t, LATERAL (SELECT list(rank ORDER BY rank) AS ranks
      FROM companies WHERE sym = t.k) x`,
    "SELECT t.id, c.name FROM ticks t ASOF JOIN companies c ON t.n >= c.rank",
    "SELECT COLUMNS('id|k') FROM ticks",
  ),
  windowCall.map((call) => `SELECT id, window_start, window_end FROM ${call}`),
);

/** SQL over windows that needs all rows of a window at once. */
export const windowRows: fc.Arbitrary<string> = record({
  from: windowCall,
  where: option(where, { freq: 3 }),
  shape: constantFrom(
    "SELECT window_start, k, count(DISTINCT price) AS c FROM $ GROUP BY ALL",
    "SELECT window_start, k, unnest([min(id), max(id)]) AS i, wavg(id, 2) AS w FROM $ GROUP BY ALL",
    "SELECT window_start, json_group_object(id, k) AS o, geomean(id + 1) AS g FROM $ GROUP BY ALL",
    "SELECT window_end, k, unnest(list(id ORDER BY id)) AS i FROM $ GROUP BY GROUPING SETS ((k, window_end))",
    "SELECT window_start, median(price) AS m, list(id ORDER BY id) AS ids FROM $ GROUP BY window_start",
    `SELECT window_end, string_agg(k, ',' ORDER BY id) AS ks, stddev(price) AS s FROM $
      GROUP BY ALL HAVING count(*) > 1`,
    `SELECT window_start, k, id FROM $
      QUALIFY row_number() OVER (PARTITION BY window_start, k ORDER BY price, id) <= 2`,
    `SELECT id, window_start, sum(price) OVER w AS s FROM $
      WINDOW w AS (PARTITION BY window_start ORDER BY id)`,
    `SELECT ws, max(c) AS m, count(*) AS g FROM (SELECT window_start AS ws, k, count(*) AS c
      FROM $ GROUP BY ALL) GROUP BY ws`,
    `WITH w AS (SELECT *, rank() OVER (PARTITION BY window_end ORDER BY n, id) AS r FROM $)
      SELECT id, window_end, r FROM w WHERE r < 3`,
    "SELECT DISTINCT k, window_start FROM $",
    "SELECT DISTINCT ON (window_start, k) k, window_start, id FROM $ ORDER BY window_start, k, id DESC",
    `SELECT window_start, arg_min(id, {'p': price, 'i': id}, 2) AS lowest, approx_count_distinct(k) AS a
      FROM $ GROUP BY ALL`,
    "SELECT window_start, max(COLUMNS(['price', 'n'])), mode(f) FROM $ WHERE f GROUP BY ALL",
    "SELECT window_start, avg(INTERVAL 1 SECOND * (n % 1000)), sum(DISTINCT n) FROM $ GROUP BY ALL",
    // Window functions over the groups of windows.
    `SELECT window_start, k, count(*) AS c,
      row_number() OVER (PARTITION BY window_start ORDER BY count(*) DESC, k) AS place
      FROM $ GROUP BY window_start, k QUALIFY place <= 2`,
    `SELECT window_end AS we, upper(k) AS u, sum(n) AS s, sum(sum(n)) OVER (PARTITION BY window_end) AS t
      FROM $ GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY ALL`,
    `SELECT window_start, k AS c, median(price) AS m, lag(median(price)) OVER w AS before, max(n) + 1 AS n
      FROM $ AS x GROUP BY window_start, x.k WINDOW w AS (PARTITION BY window_start ORDER BY x.k)
      QUALIFY count(*) OVER w < 3`,
    `SELECT DISTINCT window_start, max(count(*)) OVER (PARTITION BY window_start) AS most
      FROM $ GROUP BY window_start, k, f`,
  ),
}).map(({ from, where, shape }) =>
  shape.replace(
    "$",
    where === null || shape.includes("$ WHERE") ? from : `(SELECT * FROM ${from} WHERE ${where})`,
  ),
);

/** Chains of queries, each over the one before, in the order of their names. */
export const chain: fc.Arbitrary<Readonly<Record<string, QuerySpec>>> = record({
  where,
  size: constantFrom("10 SECOND", "30 SECOND"),
  next: constantFrom("1 MINUTE", "2 MINUTE"),
  isHop: fc.boolean(),
  time: constantFrom("ws", "we"),
}).map(({ where, size, next, isHop, time }) => ({
  a_clean: { sql: `SELECT id, ts AS event, k, price, n FROM ticks WHERE ${where}` },
  b_small: {
    sql: `SELECT window_start AS ws, window_end AS we, k, max(price) AS p, count(*) AS c, sum(n) AS s
          FROM ${isHop ? "hop" : "tumble"}(a_clean, event,
            ${isHop ? "INTERVAL 10 SECOND, " : ""}INTERVAL ${size})
          GROUP BY ALL`,
  },
  c_passed: { sql: "SELECT *, p * 2 AS twice FROM b_small WHERE k IS DISTINCT FROM 'c'" },
  d_large: {
    sql: `SELECT window_start, k, sum(c) AS c, max(twice) AS m, sum(s) AS s, count(*) AS parts
          FROM tumble(c_passed, ${time}, INTERVAL ${next}) GROUP BY ALL HAVING sum(c) > 0`,
  },
  e_ranked: {
    sql: `SELECT window_start, k, c FROM tumble(c_passed, ${time}, INTERVAL ${next})
          QUALIFY row_number() OVER (PARTITION BY window_start ORDER BY c DESC, k, ws) = 1`,
  },
  f_whole: { sql: "SELECT k, sum(c) AS c, count(*) AS windows FROM b_small GROUP BY k" },
}));

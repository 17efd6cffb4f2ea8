/** Random queries that name columns in every way that SQL has, and have names that mean two things. */

import fc from "fast-check";
import type { Clashing } from "./named-streams.ts";
import type { QuerySpec } from "./streaming.ts";

const { constantFrom, record, array, option, oneof, shuffledSubarray } = fc;

type Mode = NonNullable<QuerySpec["mode"]>;

export interface NamedQuery {
  readonly spec: QuerySpec;
  /** The output columns that name a row, where rows change. */
  readonly key: readonly string[];
}

/** What stands in FROM in the stream's place: all with the columns `id, ts, k, n, f, due, s, t`. */
const SOURCES: readonly string[] = [
  "ticks",
  "ticks",
  "ticks",
  "(SELECT * FROM ticks)",
  "(SELECT * FROM ticks WHERE id % 5 <> 0)",
  "(SELECT * REPLACE (due AS ts) FROM ticks)",
  "(SELECT * REPLACE (upper(k) AS k) FROM ticks)",
  "(SELECT * RENAME (ts AS due, due AS ts) FROM ticks)",
  "(SELECT * EXCLUDE (ts), due AS ts FROM ticks)",
  "(SELECT * EXCLUDE (ts), ts AS TS FROM ticks AS s)",
  "(SELECT id, ts, s.k AS k, n, f, due, s, t FROM ticks)",
  "(SELECT id, s.ts AS ts, k, n, f, due, s, t FROM ticks)",
  "(SELECT t.id, t.ts, t.s.k AS k, n, f, due, s, t.t AS t FROM ticks AS t)",
  "(SELECT u.* FROM ticks AS u)",
];

const CTES: readonly string[] = [
  "",
  "",
  "",
  "WITH ticks AS (SELECT * FROM ticks WHERE id % 4 <> 1) ",
  "WITH ticks AS (SELECT * REPLACE (due AS ts) FROM ticks) ",
  "WITH ticks AS (SELECT id, ts, s.k AS k, n, f, due, s, t FROM ticks) ",
  "WITH other AS (SELECT * FROM ticks), ticks AS (SELECT * FROM other AS o WHERE o.n IS NOT NULL) ",
];

const alias = constantFrom("", "t", "s", "k", "x", "ticks", "due");

interface Scope {
  readonly cte: string;
  readonly source: string;
  readonly alias: string;
  readonly clashing: readonly Clashing[];
}

function scope(clashing: readonly Clashing[]): fc.Arbitrary<Scope> {
  return record({
    cte: constantFrom(...CTES),
    source: constantFrom(...SOURCES),
    alias,
    clashing: fc.constant(clashing),
  });
}

function fromOf({ source, alias: name }: Scope): string {
  return name === "" ? source : `${source} AS ${name}`;
}

/** A column as somebody may write it. */
const spelled = (name: string, relation: string): fc.Arbitrary<string> =>
  constantFrom(name, name, name.toUpperCase(), ...(relation === "" ? [] : [`${relation}.${name}`]));

function column(names: readonly string[], { alias: relation }: Scope): fc.Arbitrary<string> {
  return constantFrom(...names).chain((name) => spelled(name, relation));
}

function keyOf(given: Scope): fc.Arbitrary<string> {
  const names = ["k", "k", "n", "f", "s.k", "s.n", "t.k", "t.s.k", "t.id", "s", ...given.clashing];
  return oneof({ weight: 6, arbitrary: column(names, given) }, constantFrom("upper(k)", "n % 2", "s['k']"));
}

const keysOf = (given: Scope) => array(keyOf(given), { minLength: 1, maxLength: 3 });
const timeOf = (given: Scope) => column(["ts", "ts", "ts", "s.ts", "due"], given);

/** Names that outputs may have: those of other columns, too. */
const OUTPUTS: readonly string[] = [
  "k",
  "n",
  "s",
  "ts",
  "due",
  "z",
  "id",
  "_o",
  "_k0",
  "_end",
  "_b",
  "_having",
  "f",
];

const outputs = shuffledSubarray([...OUTPUTS], { minLength: 9 });

function firstOfKey(given: Scope): fc.Arbitrary<NamedQuery> {
  return record({
    keys: keysOf(given),
    order: timeOf(given),
    names: outputs,
    list: constantFrom("items", "items", "items", "star", "replace", "exclude"),
    mode: constantFrom<Mode>("append", "append", "update"),
    turned: fc.boolean(),
  }).map(({ keys, order, names, list, mode, turned }) => {
    const items = keys.map((one, index) => `${one} AS ${names[index]}`);
    if (turned) items.reverse();
    const others = {
      items: [...items, `id AS ${names[7]}`],
      star: ["*"],
      replace: [`* REPLACE (coalesce(upper(k), '-') AS k, n + 1 AS n)`],
      exclude: ["* EXCLUDE (k, n)", "n AS k", "id % 2 AS n"],
    }[list];
    const rank = `row_number() OVER (PARTITION BY ${keys.join(", ")} ORDER BY ${order}, id)`;
    return {
      spec: {
        sql: `${given.cte}SELECT ${others.join(", ")} FROM ${fromOf(given)} QUALIFY ${rank} = 1`,
        mode: list === "items" ? mode : "append",
      },
      key: keys.map((_key, index) => names[index] ?? ""),
    };
  });
}

function ranked(given: Scope): fc.Arbitrary<NamedQuery> {
  return record({ keys: keysOf(given), order: timeOf(given), rank: constantFrom("r", "n", "_r0", "R") }).map(
    ({ keys, order, rank }) => ({
      spec: {
        sql: `${given.cte}SELECT id, ts FROM (SELECT *, row_number() OVER (PARTITION BY ${keys.join(", ")}
          ORDER BY ${order}, id) AS ${rank} FROM ${fromOf(given)}) WHERE ${rank} = 1`,
        mode: "update",
        key: ["id"],
      },
      key: ["id"],
    }),
  );
}

const AGGREGATES: readonly string[] = [
  "count(*)",
  "sum(n)",
  "max(s.n)",
  "list(id ORDER BY id)",
  "median(id)",
  "first(id)",
  "last(id ORDER BY due, id)",
  "arg_max(id, ts)",
  "count(DISTINCT s.k)",
  "first(k ORDER BY s.ts, id)",
  "last(t.id)",
];

const HAVING: readonly string[] = ["count(*) > 1", "max(n) > 0", "count(k) > 0 OR max(id) > 3"];

function grouped(given: Scope): fc.Arbitrary<NamedQuery> {
  return record({
    keys: keysOf(given),
    calls: array(constantFrom(...AGGREGATES), { minLength: 1, maxLength: 3 }),
    names: outputs,
    having: option(constantFrom(...HAVING), { freq: 3 }),
    by: constantFrom("keys", "keys", "all", "positions", "turned"),
    mode: constantFrom<Mode>("append", "update", "update", "complete"),
    isOrdered: fc.boolean(),
  }).map(({ keys, calls, names, having, by, mode, isOrdered }) => {
    const items = [...keys, ...calls].map((one, index) => `${one} AS ${names[index]}`);
    const groups = {
      keys: keys.join(", "),
      all: "ALL",
      positions: keys.map((_key, index) => index + 1).join(", "),
      turned: keys.toReversed().join(", "),
    }[by];
    const order = isOrdered ? ` ORDER BY ${names[0]}` : "";
    return {
      spec: {
        sql: `${given.cte}SELECT ${items.join(", ")} FROM ${fromOf(given)} GROUP BY ${groups}${
          having === null ? "" : ` HAVING ${having}`
        }${order}`,
        mode,
      },
      key: keys.map((_key, index) => names[index] ?? ""),
    };
  });
}

function windowed(given: Scope): fc.Arbitrary<NamedQuery> {
  const call = constantFrom(
    "tumble($, ts, INTERVAL 30 SECOND)",
    "tumble($, ts, INTERVAL 30 SECOND)",
    "hop($, ts, INTERVAL 20 SECOND, INTERVAL 40 SECOND)",
    "cumulate($, ts, INTERVAL 20 SECOND, INTERVAL 40 SECOND)",
    "session($, ts, INTERVAL 5 SECOND, k)",
    "tumble($, due, INTERVAL 30 SECOND)",
  );
  const read = oneof(constantFrom("ticks", "ticks", "TICKS"), constantFrom("chosen"));
  return record({
    call,
    read,
    keys: array(keyOf(given), { maxLength: 2 }),
    calls: array(constantFrom("count(*)", "list(id ORDER BY id)", "median(n)", "sum(id)", "max(s.n)"), {
      minLength: 1,
      maxLength: 2,
    }),
    names: outputs,
    chosen: constantFrom(...SOURCES),
  }).map(({ call: text, read: stream, keys, calls, names, chosen }) => {
    const items = [...keys, ...calls].map((one, index) => `${one} AS ${names[index]}`);
    const name = given.alias === "" ? "" : ` AS ${given.alias}`;
    const windowKeys = ["window_start", "window_end", ...(text.startsWith("session") ? ["k"] : [])];
    const wanted = windowKeys.map((one) => `${one} AS w_${one}`);
    const cte = stream === "chosen" ? `WITH chosen AS (SELECT * FROM ${chosen}) ` : given.cte;
    return {
      spec: {
        sql: `${cte}SELECT ${[...wanted, ...items].join(", ")} FROM ${text.replace("$", stream)}${name}
          GROUP BY ${[...windowKeys, ...keys].join(", ")}`,
      },
      key: [],
    };
  });
}

function joined(given: Scope): fc.Arbitrary<NamedQuery> {
  return record({
    other: oneof(constantFrom("ticks", "ticks"), constantFrom(...SOURCES)),
    join: constantFrom(
      "JOIN",
      "LEFT JOIN",
      "FULL JOIN",
      "SEMI JOIN",
      "ANTI JOIN",
      "ASOF JOIN",
      "ASOF LEFT JOIN",
    ),
    leftKey: constantFrom("k", "s.k", "t.s.k"),
    rightKey: constantFrom("k", "s.k", "t.s.k"),
    leftTime: constantFrom("ts", "ts", "ts", "s.ts", "due"),
    rightTime: constantFrom("ts", "ts", "ts", "s.ts", "due"),
    left: constantFrom("a", "s", "t", "ticks"),
    right: constantFrom("b", "k", "due"),
    isUnbounded: fc.boolean(),
  }).map(({ other, join, leftKey, rightKey, leftTime, rightTime, left, right, isUnbounded }) => {
    const isAsOf = join.startsWith("ASOF");
    const time = isAsOf
      ? `${left}.${leftTime} >= ${right}.${rightTime}`
      : `${right}.${rightTime} BETWEEN ${left}.${leftTime} AND ${left}.${leftTime} + INTERVAL 10 SECOND`;
    const isHalf = /SEMI|ANTI/.test(join);
    // Of several rows of one time an ASOF join may take any.
    const found = isAsOf ? `${right}.${rightTime} AS bid` : `${right}.id AS bid`;
    return {
      spec: {
        sql: `${given.cte}SELECT ${left}.id AS aid${isHalf ? "" : `, ${found}`}
          FROM ${given.source} AS ${left}
          ${join} ${other} AS ${right} ON ${left}.${leftKey} = ${right}.${rightKey} AND ${time}`,
        ...(isUnbounded ? { state: "unbounded" as const } : {}),
      },
      key: [],
    };
  });
}

function distinct(given: Scope): fc.Arbitrary<NamedQuery> {
  return record({ keys: keysOf(given), time: option(timeOf(given)), names: outputs }).map(
    ({ keys, time, names }) => ({
      spec: {
        sql: `${given.cte}SELECT DISTINCT ${[...keys, ...(time === null ? [] : [time])]
          .map((one, index) => `${one} AS ${names[index]}`)
          .join(", ")} FROM ${fromOf(given)}`,
      },
      key: [],
    }),
  );
}

function chosen(given: Scope): fc.Arbitrary<NamedQuery> {
  return record({ keys: keysOf(given), names: outputs }).map(({ keys, names }) => ({
    spec: {
      sql: `${given.cte}SELECT ${["id", ...keys].map((one, index) => `${one} AS ${names[index]}`).join(", ")}
        FROM ${fromOf(given)} WHERE ${keys[0]} IS NOT NULL`,
    },
    key: [],
  }));
}

/** Over a stream that also has these columns. */
export function namedQuery(clashing: readonly Clashing[]): fc.Arbitrary<NamedQuery> {
  return scope(clashing).chain((given) =>
    oneof(
      { weight: 4, arbitrary: firstOfKey(given) },
      { weight: 2, arbitrary: ranked(given) },
      { weight: 5, arbitrary: grouped(given) },
      { weight: 4, arbitrary: windowed(given) },
      { weight: 3, arbitrary: joined(given) },
      { weight: 1, arbitrary: distinct(given) },
      { weight: 1, arbitrary: chosen(given) },
    ),
  );
}

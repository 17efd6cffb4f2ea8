/**
 * Streams and queries of many types and units: every type as key, time and value, times that are microseconds
 * or years apart, with windows, sessions and joins to match.
 */

import fc from "fast-check";
import type { QuerySpec } from "./streaming.ts";
import type { RandomStream } from "./streams.ts";

const { constantFrom, record, oneof } = fc;

/** Two texts of JSON that are near each other and some that are not, by type. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  VARCHAR: ['"a"', '"A"', '""', '"a\'\\"b"', "null"],
  BIGINT: ["1", "-1", "9007199254740993", "null"],
  HUGEINT: ["1", "170141183460469231731687303715884105727", "-5", "null"],
  UTINYINT: ["0", "255", "null"],
  DOUBLE: ["1.5", "0.1", "-0.0", "1e300", "null"],
  FLOAT: ["0.1", "2.5", "null"],
  "DECIMAL(9,2)": ["1.25", "-0.01", "null"],
  "DECIMAL(38,10)": ["1234567890123456789012345678.0123456789", "0.5", "null"],
  BOOLEAN: ["true", "false", "null"],
  DATE: ['"2026-01-05"', '"2024-02-29"', "null"],
  TIME: ['"14:30:00.5"', '"00:00:00"', "null"],
  TIMESTAMP: ['"2026-01-05T14:30:00.000001Z"', '"2026-01-05T14:30:00Z"', "null"],
  TIMESTAMPTZ: ['"2026-01-05T14:30:00+02:00"', '"2026-01-05T14:30:00Z"', "null"],
  TIMESTAMP_NS: ['"2026-01-05T14:30:00.000000001Z"', '"2026-01-05T14:30:00Z"', "null"],
  UUID: ['"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"', '"00000000-0000-0000-0000-000000000001"', "null"],
  "VARCHAR[]": ['["a","b"]', "[]", "[null]", "null"],
  "STRUCT(a BIGINT, b VARCHAR)": ['{"a":1,"b":"x"}', '{"a":1,"b":null}', "null"],
  "MAP(VARCHAR, DOUBLE)": ['{"x":1.5}', '{"y":0.5}', "null"],
};

/** Those whose smallest unit a step in time is. */
const TIMES: Readonly<Record<string, readonly string[]>> = {
  TIMESTAMP: ["MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR"],
  TIMESTAMPTZ: ["MICROSECOND", "SECOND", "HOUR", "DAY", "MONTH"],
  TIMESTAMP_MS: ["MILLISECOND", "SECOND", "DAY"],
  TIMESTAMP_S: ["SECOND", "MINUTE", "YEAR"],
  TIMESTAMP_NS: ["MICROSECOND", "SECOND", "DAY"],
  DATE: ["DAY", "MONTH", "YEAR"],
};

const UNIT_US: Readonly<Record<string, number>> = {
  MICROSECOND: 1,
  MILLISECOND: 1e3,
  SECOND: 1e6,
  MINUTE: 6e7,
  HOUR: 3.6e9,
  DAY: 8.64e10,
  MONTH: 30.5 * 8.64e10,
  YEAR: 365.25 * 8.64e10,
};

interface Kinds {
  readonly key: string;
  readonly value: string;
  readonly time: string;
  readonly unit: string;
}

const kinds: fc.Arbitrary<Kinds> = record({
  key: constantFrom(...Object.keys(VALUES)),
  value: constantFrom(...Object.keys(VALUES)),
  time: oneof({ weight: 1, arbitrary: fc.constant("TIMESTAMP") }, constantFrom(...Object.keys(TIMES))),
  unit: fc.nat(),
}).map(({ unit, ...rest }) => {
  const units = TIMES[rest.time] ?? [];
  return { ...rest, unit: units[unit % units.length] ?? "SECOND" };
});

export interface Wide {
  readonly kinds: Kinds;
  readonly schema: Readonly<Record<string, string>>;
  /** As the job says it: more than times go back, or less. */
  readonly watermark: string;
  readonly stream: RandomStream;
}

/** How much of a time a type may leave out. */
const ROUNDED_MS: Readonly<Record<string, number>> = { DATE: 86_400_000, TIMESTAMP_S: 1000, TIMESTAMP_MS: 1 };

const START_US = Date.UTC(2026, 0, 28, 22) * 1000;

function timeText(us: number, type: string): string {
  const whole = new Date(Math.floor(us / 1e6) * 1000).toISOString();
  if (type === "DATE") return whole.slice(0, 10);
  const fraction = String(us - Math.floor(us / 1e6) * 1e6).padStart(6, "0");
  if (type === "TIMESTAMP_S") return whole.replace(".000Z", "Z");
  return whole.replace(".000Z", `.${type === "TIMESTAMP_MS" ? fraction.slice(0, 3) : fraction}Z`);
}

/** Steps of a third of a unit: windows of one unit hold some rows, and gaps of one unit are sometimes met. */
const tick = record({
  thirds: constantFrom(0, 0, 1, 1, 2, 3, 4, 7),
  back: constantFrom(0, 0, 0, 1, 2),
  key: fc.nat(4),
  value: fc.nat(4),
  n: fc.integer({ min: -2, max: 4 }),
  isTimed: fc.nat(15).map((drawn) => drawn > 0),
});

export function wideStream(maxLines: number, isLate: boolean): fc.Arbitrary<Wide> {
  return record({
    kinds,
    ticks: fc.array(tick, { maxLength: maxLines, size: "max" }),
    cuts: fc.array(fc.nat(maxLines), { maxLength: 6, size: "max" }),
  }).map(({ kinds, ticks, cuts }) => {
    const { key, value, time, unit } = kinds;
    const stepUs = Math.max(1, (UNIT_US[unit] ?? 1) / 3);
    let atUs = START_US;
    const lines = ticks.map((one, id) => {
      atUs += Math.round(one.thirds * stepUs);
      const us = atUs - Math.round(one.back * stepUs);
      const of = (type: string, index: number): string => {
        const values = VALUES[type] ?? [];
        return values[index % values.length] ?? "null";
      };
      const ts = one.isTimed ? `"ts":"${timeText(us, time)}",` : "";
      return `{"id":${id},${ts}"k":${of(key, one.key)},"v":${of(value, one.value)},"n":${one.n}}`;
    });
    const ends = [...cuts.map((cut) => cut % (lines.length + 1)), lines.length].toSorted((a, b) => a - b);
    const backMs = Math.ceil((2 * stepUs) / 1000) + (ROUNDED_MS[time] ?? 0);
    return {
      kinds,
      schema: { id: "BIGINT", ts: time, k: key, v: value, n: "BIGINT" },
      watermark: `${isLate ? Math.floor(backMs / 3) : backMs}ms`,
      stream: { lines, batches: ends.map((end, index) => end - (ends[index - 1] ?? 0)) },
    };
  });
}

/** `W` is a window, `S` a session, `U` an interval of one unit. */
const APPEND: readonly string[] = [
  "SELECT k, window_start, window_end, count(*) AS c, sum(n) AS s FROM W GROUP BY ALL",
  "SELECT window_start, min(v) AS a, max(v) AS b, count(DISTINCT k) AS d FROM W GROUP BY ALL",
  `SELECT k, window_end, arg_min(v, id) AS a, arg_max(v, ts) AS b, first(id ORDER BY ts, id) AS f
    FROM W GROUP BY ALL`,
  "SELECT window_start, list(v ORDER BY id) AS l FROM W WHERE n > 0 GROUP BY ALL HAVING count(*) > 1",
  `SELECT k, window_start, id FROM W
    QUALIFY row_number() OVER (PARTITION BY k, window_start ORDER BY v DESC, id) <= 2`,
  "SELECT DISTINCT k, window_start, window_end FROM W WHERE n <> 0",
  "SELECT k, window_start, window_end, count(*) AS c, sum(n) AS s FROM S GROUP BY ALL",
  "SELECT k, window_start, window_end, count(*) AS c FROM S WHERE n > 0 GROUP BY ALL",
  "SELECT k, window_end, max(v) AS m, count(DISTINCT n) AS d FROM S GROUP BY ALL",
  "SELECT id, window_start, window_end FROM S",
  "SELECT k, window_start, list(id ORDER BY id) AS l FROM S GROUP BY ALL",
  "SELECT k, count(*) AS c, min(v) AS a, max(ts) AS t FROM ticks GROUP BY k",
  "SELECT v, arg_max(k, id) AS x, any_value(k) AS y FROM ticks WHERE n >= 0 GROUP BY v",
];
const JOINS: readonly string[] = [
  "SELECT a.id, b.id AS bid FROM ticks a JOIN ticks b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + U",
  `SELECT a.id, b.id AS bid FROM ticks a LEFT JOIN ticks b ON a.k = b.k
    AND b.ts BETWEEN a.ts - U AND a.ts - U / 2`,
  "SELECT a.id, a.k FROM ticks a ANTI JOIN ticks b ON a.k = b.k AND b.ts > a.ts AND b.ts <= a.ts + U",
  "SELECT a.id, b.id AS bid FROM ticks a ASOF LEFT JOIN ticks b ON a.k = b.k AND a.ts > b.ts",
  "SELECT k, id FROM ticks QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts) = 1",
  "SELECT DISTINCT k, v FROM ticks",
  "SELECT DISTINCT ts, k FROM ticks WHERE n > 0",
];
const CHANGING: readonly string[] = [
  "SELECT k, window_start AS w, count(*) AS c, max(v) AS m FROM W GROUP BY ALL",
  "SELECT k, 1 AS w, count(*) AS c, list(v ORDER BY id) AS l FROM ticks GROUP BY ALL HAVING count(*) % 2 = 1",
  "SELECT k, v AS w, sum(n) AS s, last(id) AS l FROM ticks WHERE n >= 0 GROUP BY ALL",
  "SELECT k, id AS w FROM ticks QUALIFY row_number() OVER (PARTITION BY k ORDER BY v, id) <= 2",
  "SELECT k, window_start AS w, count(*) AS c FROM S GROUP BY k, window_start",
];

const size = constantFrom(1, 2, 3);

function written(
  template: string,
  { unit }: Kinds,
  sizes: { readonly one: number; readonly hops: boolean },
): string {
  const interval = (count: number): string => `INTERVAL ${count} ${unit}`;
  const window = sizes.hops
    ? `hop(ticks, ts, ${interval(sizes.one)}, ${interval(2 * sizes.one)})`
    : `tumble(ticks, ts, ${interval(sizes.one)})`;
  return template
    .replaceAll(/\bW\b/g, window)
    .replaceAll(/\bS\b/g, `session(ticks, ts, ${interval(sizes.one)}, k)`)
    .replaceAll(/\bU\b/g, interval(sizes.one));
}

export type Query = (kinds: Kinds) => QuerySpec;

const sizes = record({ one: size, hops: fc.boolean() });

export const wideAppend: fc.Arbitrary<Query> = record({ template: constantFrom(...APPEND), sizes }).map(
  ({ template, sizes }) =>
    (kinds) => ({ sql: written(template, kinds, sizes) }),
);

export const wideJoin: fc.Arbitrary<Query> = record({ template: constantFrom(...JOINS), sizes }).map(
  ({ template, sizes }) =>
    (kinds) => ({ sql: written(template, kinds, sizes), state: "unbounded" }),
);

export const wideChanging: fc.Arbitrary<Query> = record({ template: constantFrom(...CHANGING), sizes }).map(
  ({ template, sizes }) =>
    (kinds) => ({ sql: written(template, kinds, sizes), mode: "update", key: ["k", "w"] }),
);

/**
 * Random queries that group in every way SQL has, of everything that groups: macros of aggregates, totals,
 * groups of nothing, several rows of a group. Their rows are named by the columns `key`, `more`, `g` and `u`.
 */

import fc from "fast-check";
import type { QuerySpec } from "./streaming.ts";

const { constantFrom, record, array, option } = fc;

/** What names the rows of `groupings`. */
export const GROUPING_KEY: readonly string[] = ["key", "more", "g", "u", "ws"];

const key = constantFrom("k", "upper(k)", "n % 3", "price > 5", "ticks.f", "k.lower()");

const value = constantFrom(
  "count(*)",
  "sum(n % 1000)",
  "max(price)",
  "n.min()",
  "geomean(id + 1)",
  "weighted_avg(price, 2)",
  "wavg(n % 7, weight := id)",
  "json_group_array(id)",
  "median(price)",
  "list(id ORDER BY id)",
  "count(DISTINCT k)",
  "first(id ORDER BY ts, id)",
  "string_agg(k, ',' ORDER BY id)",
  "geometric_mean(id + 1) + wavg(id, 1)",
  "ARRAY(SELECT rank FROM companies ORDER BY rank)",
  "struct_pack(c := count(*))",
);

/** Each gives some rows of a group, or none; no two are the same. */
const several = constantFrom(
  "unnest(list_distinct([min(id), max(id) + 1]))",
  "unnest(list_distinct(list(n % 3)))",
  "unnest(CASE WHEN count(*) > 2 THEN range(count(*)) ELSE [] END)",
  "generate_subscripts(list(id), 1)",
  "list(DISTINCT id).unnest()",
);

type Form = "all" | "expressions" | "sets" | "rollup" | "cube" | "mixed";

/** The groups of two keys; of fewer, those that can be. `always` is a key of every set, and a comma. */
function groupBy(form: Form, keys: readonly string[], sets: readonly number[], always = ""): string {
  if (form === "all" && (always !== "" || keys.length > 0)) return "ALL";
  if (always !== "") return keys.length === 0 ? "window_start" : `${always}${groupBy(form, keys, sets)}`;
  const list = keys.join(", ");
  if (keys.length === 0) return form === "sets" ? "GROUPING SETS (())" : "()";
  switch (form) {
    case "sets":
      return `GROUPING SETS (${sets.map((set) => `(${chosen(keys, set)})`).join(", ")})`;
    case "rollup":
      return `ROLLUP (${list})`;
    case "cube":
      return `CUBE (${list})`;
    case "mixed":
      return keys.length === 1 ? `GROUPING SETS ((${list}), ())` : `${keys[0]}, CUBE (${keys[1]})`;
    default:
      return list;
  }
}

function chosen(keys: readonly string[], set: number): string {
  return keys.filter((_, at) => (set & (1 << at)) > 0).join(", ");
}

/** The subset of keys in each set, as bits; a key that is in none would be no key. */
const setsOf = (keys: number) =>
  fc
    .uniqueArray(fc.integer({ min: 0, max: 2 ** keys - 1 }), { maxLength: 3 })
    .map((sets) => [...new Set([...sets, 2 ** keys - 1])]);

/** Over the whole stream, or over each of its windows. */
const groupingsOver = (window: string | undefined): fc.Arbitrary<QuerySpec> =>
  fc
    .uniqueArray(key, { maxLength: 2 })
    .chain((keys) =>
      record({
        keys: fc.constant(keys),
        form: constantFrom<Form>("all", "expressions", "sets", "rollup", "cube", "mixed"),
        sets: setsOf(keys.length),
        values: array(value, { maxLength: 3 }),
        several: option(several, { freq: 3 }),
        from:
          window !== undefined
            ? constantFrom(`${window} AS ticks`)
            : constantFrom(
                "ticks",
                "ticks",
                "(SELECT * FROM ticks WHERE n > 0) AS ticks",
                "ticks LEFT JOIN companies ON sym = k",
              ),
        where: option(constantFrom("price > 1", "id > 2", "k <> 'b'", "false"), { freq: 3 }),
        having: option(constantFrom("count(*) > 1", "max(id) % 2 = 0", "wavg(id, 1) > 3"), { freq: 3 }),
        mode: constantFrom<"append" | "update">("append", "update"),
      }),
    )
    .map(({ keys, form, sets, values, several, from, where, having, mode }): QuerySpec => {
      const items = [
        ...["key", "more"].map((name, at) => `${keys[at] ?? "0"} AS ${name}`),
        `${keys.length === 0 || form === "all" ? "0" : `grouping(${keys.join(", ")})`} AS g`,
        `${several ?? "0"} AS u`,
        `${window === undefined ? "0" : "window_start"} AS ws`,
        ...values.map((text, at) => `${text} AS v${at}`),
      ];
      const sql = [
        `SELECT ${items.join(", ")} FROM ${from}`,
        where === null ? "" : `WHERE ${where}`,
        `GROUP BY ${groupBy(form, keys, sets, window === undefined ? "" : "window_start, ")}`,
        having === null ? "" : `HAVING ${having}`,
      ]
        .filter((part) => part !== "")
        .join(" ");
      if (mode === "append") return window === undefined ? { sql, state: "unbounded" } : { sql };
      // What names a row is found by itself, but where a group has several.
      return { sql, mode, ...(several === null ? {} : { key: GROUPING_KEY }) };
    });

export const groupings: fc.Arbitrary<QuerySpec> = groupingsOver(undefined);

/** Totals of a window whose groups come in several batches. */
const totals: fc.Arbitrary<QuerySpec> = record({
  key: constantFrom("k", "f"),
  sets: constantFrom("window_start, ROLLUP ($)", "window_start, CUBE ($)", "ROLLUP ($), window_start"),
}).map(({ key, sets }) => ({
  sql: `SELECT ${key} AS key, 0 AS more, grouping(${key}) AS g, 0 AS u, window_start AS ws, count(*) AS c
    FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ${sets.replace("$", key)}`,
  mode: "update",
}));

export const windowGroupings: fc.Arbitrary<QuerySpec> = fc.oneof(
  totals,
  constantFrom("10 SECOND", "1 MINUTE").chain((size) => groupingsOver(`tumble(ticks, ts, INTERVAL ${size})`)),
);

/** What turns columns into rows and rows into columns, and tables that are read by their name. */
export const turned: fc.Arbitrary<QuerySpec> = constantFrom(
  "SELECT * FROM (SELECT k, n % 5 AS n, f FROM ticks) PIVOT (count(*) FOR f IN (true, false))",
  "SELECT \"a\", \"b\" FROM ticks PIVOT (sum(n % 100) FOR k IN ('a', 'b'))",
  "SELECT k, sum(v) AS s FROM ticks UNPIVOT (v FOR name IN (price, d)) GROUP BY k",
  "SELECT id, v FROM ticks UNPIVOT INCLUDE NULLS (v FOR name IN (price, d))",
  "SELECT t.id, h.bin, h.count FROM ticks t, histogram_values(ticks, id, bin_count := 3) h",
  "WITH c AS (SELECT id % 4 AS i FROM ticks) SELECT bin, count FROM histogram_values(c, i)",
  "SELECT h.bar FROM histogram('ticks', id) h",
  "SELECT id FROM ticks WHERE id > (SELECT geomean(id + 1) FROM ticks)",
  "SELECT k, x, count(*) AS c FROM ticks, unnest([1, n % 2]) AS u(x) GROUP BY ALL",
).map((sql): QuerySpec => ({ sql, state: "unbounded" }));

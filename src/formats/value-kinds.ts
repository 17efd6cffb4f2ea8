/**
 * What kind of value a text is, and the narrowest type that holds the values of a column exactly. All formats
 * ask here, so that the same values get the same type: a value of CSV is its text; a value of JSON is its
 * JSON.
 *
 * Text that only looks like a number stays text: `007`, `+49`, `1_000`, `0x1F`, `1e5` and `Infinity` are
 * names of something, and as numbers they would lose characters.
 */

import { raw, type Sql, sql } from "../duckdb/sql.ts";
import type { Extent } from "./long-fractions.ts";

/**
 * `integer`: as a DOUBLE it is the same. `long`, `huge`: an integer that fits a BIGINT, or a HUGEINT; `wide`:
 * a number that fits no type. `fraction`: a DOUBLE holds all its digits, `decimal`: it does not.
 * `number_text`: a number in the quotes of JSON. `digits`: other text with a digit in it, `word`: without.
 * `nested_wide`: a list or object with a number of so many digits that DuckDB's own detection would round it.
 */
export type ValueKind =
  | "integer"
  | "long"
  | "huge"
  | "wide"
  | "fraction"
  | "decimal"
  | "boolean"
  | "date"
  | "time"
  | "time_ns"
  | "number_text"
  | "digits"
  | "word"
  | "nested"
  | "nested_wide";

/** How many values of a column are of each kind; NULLs are of none. */
export type Tally = ReadonlyMap<ValueKind, number>;

const INTEGER = "0|-?[1-9][0-9]{0,14}";
const WHOLE = "-?[1-9][0-9]*";
const FRACTION = "-?(?:0|[1-9][0-9]*)?[.][0-9]+|-?(?:0|[1-9][0-9]*)[.]|-0";
/** With a point or a sign, as programs write it: `1.5e5`, `1e-05`. What has neither, `1e5`, may be a name. */
const SCIENTIFIC = "-?[0-9]+[eE][+-][0-9]+|-?(?:[0-9]+[.][0-9]*|[.][0-9]+)[eE][+-]?[0-9]+";
const JSON_SCIENTIFIC = "-?[0-9]+(?:[.][0-9]+)?[eE][+-]?[0-9]+";
const DATE = "[0-9]{4}-[0-9][0-9]-[0-9][0-9]";
const TIME = "^[0-9]{4}-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:[0-9][0-9]";
const NANOSECONDS = "[.][0-9]{6}[0-9]*[1-9]";
/** Not in quotes, as far as can be told without parsing: a false alarm costs a type, no digit. */
const WIDE_INSIDE = "[:,[] *-?[0-9]{17}";
/** Every integer up to here is a DOUBLE. */
const MAX_EXACT = 9_007_199_254_740_992n;
const MAX_HUGE_DIGITS = 38;
/** A DOUBLE holds any decimal number of so many digits, and some of more. */
const EXACT_DIGITS = 15;

/** The kind of a CSV value. */
export function kindOfText(text: Sql): Sql {
  return sql`CASE WHEN ${text} IS NULL THEN NULL ${numberKinds(text, SCIENTIFIC)}
    WHEN lower(${text}) IN ('true', 'false') THEN 'boolean' ${textKinds(text)} END`;
}

/** The kind of a JSON value, given as its JSON. */
export function kindOfJson(json: Sql): Sql {
  const text = sql`${json}[2:-2]`;
  return sql`CASE WHEN ${json} IS NULL OR ${json} = 'null' THEN NULL
    WHEN ${json}[1] = '"' THEN
      CASE WHEN regexp_full_match(${text}, ${`${INTEGER}|${WHOLE}|${FRACTION}`}) THEN 'number_text'
      ${textKinds(text)} END
    WHEN ${json}[1] IN ('{', '[') THEN
      CASE WHEN regexp_matches(${json}, ${WIDE_INSIDE}) THEN 'nested_wide' ELSE 'nested' END
    WHEN ${json} IN ('true', 'false') THEN 'boolean'
    ${numberKinds(json, JSON_SCIENTIFIC)} ELSE 'word' END`;
}

function numberKinds(text: Sql, scientific: string): Sql {
  const digits = sql`regexp_replace(${text}, '[^0-9]', '', 'g')`;
  return sql`WHEN regexp_full_match(${text}, ${INTEGER}) THEN 'integer'
    WHEN regexp_full_match(${text}, ${WHOLE}) THEN CASE
      WHEN abs(TRY_CAST(${text} AS BIGINT)::HUGEINT) <= ${MAX_EXACT} THEN 'integer'
      WHEN TRY_CAST(${text} AS BIGINT) IS NOT NULL THEN 'long'
      WHEN length(${digits}) <= ${MAX_HUGE_DIGITS} THEN 'huge' ELSE 'wide' END
    WHEN regexp_full_match(${text}, ${FRACTION}) THEN
      CASE WHEN length(${digits}) <= ${EXACT_DIGITS} OR ${isExact(text)} THEN 'fraction' ELSE 'decimal' END
    WHEN regexp_full_match(${text}, ${scientific}) THEN
      CASE WHEN ${isExact(text)} THEN 'fraction' ELSE 'wide' END`;
}

/** Whether the nearest DOUBLE is written with the same digits. */
function isExact(text: Sql): Sql {
  const number = sql`TRY_CAST(${text} AS DOUBLE)`;
  return sql`(isfinite(${number}) AND ${significant(text)} = ${significant(sql`${number}::VARCHAR`)})`;
}

function significant(text: Sql): Sql {
  const mantissa = sql`regexp_replace(lower(${text}), 'e.*$', '')`;
  return sql`rtrim(ltrim(regexp_replace(${mantissa}, '[^0-9]', '', 'g'), '0'), '0')`;
}

function textKinds(text: Sql): Sql {
  return sql`WHEN regexp_full_match(${text}, ${DATE}) AND TRY_CAST(${text} AS DATE) IS NOT NULL THEN 'date'
    WHEN regexp_matches(${text}, ${TIME}) AND TRY_CAST(${text} AS TIMESTAMP) IS NOT NULL THEN
      CASE WHEN regexp_matches(${text}, ${NANOSECONDS}) THEN 'time_ns' ELSE 'time' END
    WHEN regexp_matches(${text}, '[0-9]') THEN 'digits' ELSE 'word'`;
}

/**
 * Values of another kind are broken ones as long as they are so few: one of them among thousands of times
 * does not make text of the column. It becomes a dead letter.
 */
export const MAX_BROKEN_SHARE = 0.05;

/** How a column of these values is read. */
export interface Election {
  /**
   * `NUMBER`: some DECIMAL or text, which `decimalType` tells. `NESTED`: the type of the lists or objects.
   */
  readonly type: string;
  /** True where values that come later may well need a wider type. */
  readonly mayWiden: boolean;
}

/** Undefined where there is no value. `tolerance`: the share of values that may be broken ones. */
export function elected(tally: Tally, tolerance = MAX_BROKEN_SHARE): Election | undefined {
  const count = (...kinds: readonly ValueKind[]): number =>
    kinds.reduce((sum, kind) => sum + (tally.get(kind) ?? 0), 0);
  const known = [...tally.values()].reduce((sum, each) => sum + each, 0);
  if (known === 0) return undefined;
  const isNearlyAll = (fitting: number): boolean => fitting >= known * (1 - tolerance);
  if (isNearlyAll(count("nested"))) return { type: "NESTED", mayWiden: false };
  if (count("nested", "nested_wide") > known * tolerance) return { type: "JSON", mayWiden: false };
  if (isNearlyAll(count("boolean"))) return { type: "BOOLEAN", mayWiden: true };
  const times = count("date", "time", "time_ns");
  const numbers = count("integer", "long", "huge", "wide", "fraction", "decimal");
  // Text with a digit among numbers is no broken number but a name: 00501, 10003-B.
  if (isNearlyAll(numbers) && count("digits", "date", "time", "time_ns") === 0)
    return numberType((...kinds) => count(...kinds) > 0);
  if (isNearlyAll(times)) {
    if (count("time_ns") > 0) return { type: "TIMESTAMP_NS", mayWiden: false };
    return count("time") > 0 ? { type: "TIMESTAMP", mayWiden: false } : { type: "DATE", mayWiden: true };
  }
  return { type: "VARCHAR", mayWiden: false };
}

function numberType(has: (...kinds: readonly ValueKind[]) => boolean): Election {
  if (has("wide")) return { type: "VARCHAR", mayWiden: false };
  if (!has("fraction", "decimal")) return { type: has("huge") ? "HUGEINT" : "BIGINT", mayWiden: true };
  return has("long", "huge", "decimal")
    ? { type: "NUMBER", mayWiden: false }
    : { type: "DOUBLE", mayWiden: false };
}

/**
 * SELECT the DECIMAL that holds all these texts of numbers, and what else was seen of them, else VARCHAR;
 * texts that are none don't count.
 */
export function decimalType(texts: Sql, column: Sql, seen: Extent = { whole: 0, scale: 0 }): Sql {
  const isNumber = sql`regexp_full_match(${column}, ${`${INTEGER}|${WHOLE}|${FRACTION}`})`;
  return sql`SELECT CASE WHEN whole + scale <= ${raw(String(MAX_HUGE_DIGITS))} AND NOT is_scientific
      THEN format('DECIMAL(${raw(String(MAX_HUGE_DIGITS))},{})', scale) ELSE 'VARCHAR' END AS type
    FROM (SELECT greatest(${seen.whole}, max(length(ltrim(split_part(${column}, '.', 1), '-')))
        FILTER (${isNumber})) AS whole,
      greatest(${seen.scale}, max(length(split_part(${column}, '.', 2))) FILTER (${isNumber})) AS scale,
      bool_or(regexp_full_match(${column}, ${SCIENTIFIC})) AS is_scientific FROM ${texts})`;
}

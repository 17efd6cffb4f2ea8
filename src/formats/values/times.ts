/**
 * Dates, times and instants out of a text, exactly or not at all. Every function gives an SQL expression
 * that is NULL where the text is none of the type's values, and never fails.
 *
 * Trap: DuckDB's cast to TIMESTAMP drops a UTC offset. Its cast to TIMESTAMPTZ takes names of zones, and
 * after `… 12:00 CET` reads the rows that follow in that zone too: no text with a name may come to it.
 */

import { raw, type Sql, sql } from "../../duckdb/sql.ts";
import { bound } from "./numbers.ts";

const OFFSET_HOUR = String.raw`[01]\d|2[0-3]`;
const DATE = String.raw`\d{4,6}[-/]\d{1,2}[-/]\d{1,2}(?: \(BC\))?`;
/** `2026-08-12`, `2026-08-12T12:00`, `2026/8/12 12:00:05,123 +05:30`: the parts below. */
const INSTANT =
  String.raw`^\s*(${DATE})(?:(?:[Tt]|\s+)(\d{1,2}:\d{1,2})(?::(\d{1,2})(?:[.,](\d*))?)?\s*` +
  String.raw`(?:((?i:z|utc|gmt))|([+-])(${OFFSET_HOUR})(?::?([0-5]\d)(?::?([0-5]\d))?)?)?)?\s*$`;
const INSTANT_PARTS = [
  "date",
  "clock",
  "second",
  "fraction",
  "utc",
  "sign",
  "offset_hours",
  "offset_minutes",
  "offset_seconds",
].map((name) => sql`${name}`);
/**
 * What DuckDB's cast to TIMESTAMP_NS reads as we do, offset and all, and much faster than a pattern's
 * parts.
 */
const COMMON_INSTANT =
  String.raw`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?` +
  String.raw`(?:Z|[+-](?:${OFFSET_HOUR}):?[0-5]\d)`;
const INFINITE = String.raw`\s*-?(?i:infinity)\s*`;
/** Between the two infinities. */
const LEAST_US = raw("(-9223372036854775806)");
const MOST_US = raw("9223372036854775806");

/** The TIMESTAMP of a text in its common forms, as DuckDB's own casts read it. */
export function plainTimestamp(text: Sql, zone: string | undefined): Sql {
  const common = zone === undefined ? `${COMMON_INSTANT}?` : COMMON_INSTANT;
  return sql`CASE
    WHEN ${text} LIKE '____-__-__T__:__:__%Z' AND length(${text}) <= 27 THEN TRY_CAST(${text} AS TIMESTAMP)
    WHEN ${text} >= '1678' AND ${text} < '2262' AND regexp_full_match(${text}, ${common})
      THEN CAST(TRY_CAST(${text} AS TIMESTAMP_NS) AS TIMESTAMP) END`;
}

/**
 * TIMESTAMP: an instant in UTC. A text without an offset is of the zone; UTC if that is undefined. Of a time
 * that comes twice when clocks are set back the second is meant, and one that clocks pass over is moved on by
 * as much: as PostgreSQL and DuckDB's own AT TIME ZONE have it.
 */
export function timestampOf(text: Sql, zone: string | undefined): Sql {
  return sql`CASE WHEN regexp_full_match(${text}, ${INFINITE}) THEN TRY_CAST(trim(${text}) AS TIMESTAMP)
    ELSE make_timestamp(${countOf(text, 6, zone)}) END`;
}

/** TIMESTAMP_S and TIMESTAMP_MS. */
export function coarseTimestampOf(text: Sql, type: string, unitUs: number, zone: string | undefined): Sql {
  return bound(
    sql`coalesce(${plainTimestamp(text, zone)}, ${timestampOf(text, zone)})`,
    "_u",
    sql`CASE WHEN NOT isfinite(_u) OR epoch_us(_u) % ${unitUs} = 0 THEN CAST(_u AS ${raw(type)}) END`,
  );
}

export function timestampNsOf(text: Sql, zone: string | undefined): Sql {
  return sql`CASE WHEN regexp_full_match(${text}, ${INFINITE}) THEN TRY_CAST(trim(${text}) AS TIMESTAMP_NS)
    ELSE make_timestamp_ns(${countOf(text, 9, zone)}) END`;
}

/** A wall-clock TIMESTAMP of a zone as its instant: TIMESTAMPTZ, or in UTC the TIMESTAMP itself. */
function inZone(wall: Sql, zone: string | undefined): Sql {
  return zone === undefined ? wall : sql`timezone(${zone}, ${wall})`;
}

/** Microseconds (6 digits) or nanoseconds (9) since 1970, as BIGINT. */
function countOf(text: Sql, digits: 6 | 9, zone: string | undefined): Sql {
  const perSecond = 10 ** digits;
  const baseText = sql`concat(_p.date, ' ', coalesce(nullif(_p.clock, ''), '00:00'), ':',
    coalesce(nullif(_p.second, ''), '00'))`;
  const wall = sql`TRY_CAST(${baseText} AS TIMESTAMP)`;
  const number = (part: string): Sql => sql`coalesce(TRY_CAST(_p.${raw(part)} AS INTEGER), 0)`;
  const offset = sql`(CASE WHEN _p.sign = '-' THEN -1 ELSE 1 END) * (${number("offset_hours")} * 3600
    + ${number("offset_minutes")} * 60 + ${number("offset_seconds")})`;
  const baseUs = sql`CASE WHEN _p.utc = '' AND _p.sign = '' THEN epoch_us(${inZone(wall, zone)})
    ELSE epoch_us(${wall}) END`;
  const count = sql`CAST(${baseUs} AS HUGEINT) * ${perSecond / 1e6}
    + CAST(rpad(left(_p.fraction, ${digits}), ${digits}, '0') AS HUGEINT)
    - CAST(${offset} AS HUGEINT) * ${perSecond}`;
  const fraction = sql`rtrim(_p.fraction, '0')`;
  const isWhole = sql`_p.date <> '' AND length(${fraction}) <= ${digits}
    AND (${fraction} = '' OR NOT starts_with(_p.clock, '24'))`;
  const inRange = sql`CASE WHEN _c BETWEEN ${LEAST_US} AND ${MOST_US} THEN CAST(_c AS BIGINT) END`;
  return bound(
    sql`regexp_extract(${text}, ${INSTANT}, [${INSTANT_PARTS}])`,
    "_p",
    sql`CASE WHEN ${isWhole} THEN ${bound(count, "_c", inRange)} END`,
  );
}

export function plainDate(text: Sql): Sql {
  return sql`CASE WHEN length(${text}) = 10 AND ${text} LIKE '____-__-__' THEN TRY_CAST(${text} AS DATE) END`;
}

/** A day, or the midnight that begins it; a text with an offset is an instant, and no day. */
export function dateOf(text: Sql): Sql {
  const day = String.raw`^\s*(${DATE})(?:(?:[Tt]|\s+)0?0:00(?::00(?:[.,]0*)?)?)?\s*$`;
  return sql`CASE WHEN regexp_full_match(${text}, ${INFINITE}) THEN TRY_CAST(trim(${text}) AS DATE)
    ELSE TRY_CAST(nullif(regexp_extract(${text}, ${day}, 1), '') AS DATE) END`;
}

/** TIME, TIME_NS and TIMETZ. */
export function timeOf(text: Sql, type: string): Sql {
  const digits = type === "TIME_NS" ? 9 : 6;
  const offset = type === "TIME WITH TIME ZONE" ? `(?:[+-](?:${OFFSET_HOUR})(?::?[0-5]\\d)?)?` : "";
  const pattern = `\\s*\\d{1,2}:\\d{1,2}(?::\\d{1,2}(?:\\.\\d{1,${digits}}0*)?)?${offset}\\s*`;
  return sql`CASE WHEN regexp_full_match(${text}, ${pattern})
    THEN TRY_CAST(trim(${text}) AS ${raw(type)}) END`;
}

/** `1 day 02:30:00.5`: numbers with units, and a time. Fractions only where they are whole microseconds. */
const INTERVAL = [
  String.raw`(?i)\s*(?:[+-]?\d+\s*[a-z]+\s*`,
  String.raw`|[+-]?\d*\.\d{1,6}0*\s*(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)\s+`,
  String.raw`|[+-]?\d*\.\d{1,6}0*\s*(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)$`,
  String.raw`|[+-]?\d*\.\d{1,3}0*\s*(?:ms|msecs?|milliseconds?)\s*)*`,
  String.raw`(?:[+-]?\d+:\d{1,2}(?::\d{1,2}(?:\.\d{1,6}0*)?)?)?(?:\s*ago)?\s*`,
].join("");

export function intervalOf(text: Sql): Sql {
  return sql`CASE WHEN regexp_full_match(${text}, ${INTERVAL}) THEN TRY_CAST(${text} AS INTERVAL) END`;
}

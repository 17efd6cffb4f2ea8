/**
 * Numbers and booleans out of a text, exactly or not at all. Every function gives an SQL expression that is
 * NULL where the text is none of the type's values, and never fails.
 */

import { raw, type Sql, sql } from "../../duckdb/sql.ts";

/** A number in decimal digits: not `0x1F`, not `nan`. Whether `_` stands between digits, the cast tells. */
const NUMBER = String.raw`\s*[+-]?[\d_]*\.?[\d_]*(?:[eE][+-]?\d{1,4})?\s*`;
const PARTS = String.raw`^\s*([+-]?)0*(\d*)(?:\.(\d*?)0*)?(?:[eE]([+-]?\d{1,4}))?\s*$`;
const SPACED_INTEGER = String.raw`\s*[+-]?[0-9_]+\s*`;
const NOT_FINITE = String.raw`\s*[+-]?(?i:nan|inf|infinity)\s*`;
/** No type but BIGNUM holds more digits, and DOUBLE has no larger numbers. */
const MAX_ADDED_ZEROS = 400;

/** `body` with a name for a value, so that it need not stand there several times. */
export function bound(value: Sql, name: string, body: Sql): Sql {
  return sql`list_transform([${value}], lambda ${raw(name)}: ${body})[1]`;
}

/** Of any integer type: the value of a text that is written as DuckDB writes it. */
export function plainInteger(text: Sql, type: string): Sql {
  const value = sql`TRY_CAST(${text} AS ${raw(type)})`;
  // A pattern costs more than the way there and back.
  return sql`CASE WHEN CAST(${value} AS VARCHAR) = ${text} THEN ${value} END`;
}

/** `1.0` and `1e3` are integers too. */
export function integerOf(text: Sql, type: string): Sql {
  return sql`TRY_CAST(${shifted(text, 0)} AS ${raw(type)})`;
}

/** Without an exponent, and no more digits than the scale takes. */
export function plainDecimal(text: Sql, type: string, scale: number): Sql {
  return sql`CASE WHEN regexp_full_match(${text}, ${`[+-]?[0-9_]*(?:\\.[0-9]{0,${scale}}0*)?`})
    THEN TRY_CAST(${text} AS ${raw(type)}) END`;
}

export function decimalOf(text: Sql, type: string, scale: number): Sql {
  const unscaled = shifted(text, scale);
  if (scale === 0) return sql`TRY_CAST(${unscaled} AS ${raw(type)})`;
  const digits = sql`lpad(ltrim(_s, '+-'), CAST(greatest(length(_s), ${scale + 1}) AS INTEGER), '0')`;
  const pointed = sql`concat(CASE WHEN starts_with(_s, '-') THEN '-' ELSE '' END,
    ${digits}[:${-scale - 1}], '.', right(${digits}, ${scale}))`;
  return sql`TRY_CAST(${bound(unscaled, "_s", sql`CASE WHEN _s IS NOT NULL THEN ${pointed} END`)}
    AS ${raw(type)})`;
}

export type FloatType = "DOUBLE" | "FLOAT";

/** A number among those of which all integers are values of the type. */
export function plainFloat(text: Sql, type: FloatType): Sql {
  const value = nearest(text, type);
  return sql`CASE WHEN abs(${value}) < ${type === "FLOAT" ? 2 ** 24 : 2 ** 53} THEN ${value} END`;
}

/**
 * The nearest value of a binary type. An integer is taken only if its own digits come back from a DOUBLE,
 * and a FLOAT is the same: ids beyond 2^53 do not become other ids.
 */
export function floatOf(text: Sql, type: FloatType): Sql {
  const value = nearest(raw("_t"), type);
  const double = nearest(raw("_t"), "DOUBLE");
  const digits = (number: Sql): Sql => sql`trim(regexp_replace(${number}, '[^0-9]', '', 'g'), '0')`;
  const mantissa = sql`split_part(CAST(${double} AS VARCHAR), 'e', 1)`;
  return bound(
    text,
    "_t",
    sql`CASE WHEN regexp_full_match(_t, ${NOT_FINITE}) THEN ${value} WHEN NOT isfinite(${value}) THEN NULL
      WHEN NOT regexp_full_match(_t, ${SPACED_INTEGER})
        OR (${value} = ${double} AND ${digits(mantissa)} = ${digits(raw("_t"))}) THEN ${value} END`,
  );
}

/** FLOAT by way of DOUBLE, as DuckDB's JSON reader has it. */
function nearest(text: Sql, type: FloatType): Sql {
  const value = sql`TRY_CAST(${text} AS DOUBLE)`;
  return type === "DOUBLE" ? value : sql`TRY_CAST(${value} AS FLOAT)`;
}

export function plainBoolean(text: Sql): Sql {
  return sql`CASE ${text} WHEN 'true' THEN true WHEN 'false' THEN false END`;
}

/** Words, in upper or lower case. `1` and `0` are numbers. */
export function booleanOf(text: Sql): Sql {
  return sql`CASE WHEN regexp_full_match(${text}, '\\s*[A-Za-z]+\\s*')
    THEN TRY_CAST(trim(${text}) AS BOOLEAN) END`;
}

/**
 * The digits of a number times 10^scale, where that is an integer: `12.50` and 2 give `01250`. NULL where a
 * digit would be lost, or the text is no number.
 */
function shifted(text: Sql, scale: number): Sql {
  const zeros = sql`${scale} + coalesce(TRY_CAST(_p.exponent AS INTEGER), 0) - length(_p.fraction)`;
  const digits = raw("(_p.whole || _p.fraction)");
  const result = sql`CASE WHEN ${digits} = '' THEN '0'
    WHEN _z BETWEEN 0 AND ${MAX_ADDED_ZEROS} THEN concat(_p.sign, '0', ${digits}, repeat('0', _z))
    WHEN _z < 0 AND -_z <= length(${digits}) AND ltrim(right(${digits}, -_z), '0') = ''
      THEN concat(_p.sign, '0', left(${digits}, length(${digits}) + _z)) END`;
  const parts = sql`regexp_extract(replace(_n, '_', ''), ${PARTS},
    ['sign', 'whole', 'fraction', 'exponent'])`;
  const isNumber = sql`TRY_CAST(_n AS DOUBLE) IS NOT NULL AND regexp_full_match(_n, ${NUMBER})`;
  return bound(
    text,
    "_n",
    sql`CASE WHEN ${isNumber} THEN ${bound(parts, "_p", bound(zeros, "_z", result))} END`,
  );
}

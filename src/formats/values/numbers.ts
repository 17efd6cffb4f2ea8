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

/**
 * Any integer type. `1.0` and `1e3` are integers too; `otherwise` is for texts that are not just an integer's
 * digits.
 */
export function integerOf(text: Sql, type: string, otherwise: Sql = wholeNumber(text, type)): Sql {
  const value = sql`TRY_CAST(${text} AS ${raw(type)})`;
  // A pattern costs more than the way there and back.
  return sql`CASE WHEN CAST(${value} AS VARCHAR) = ${text} THEN ${value}
    WHEN ${text} IS NOT NULL THEN ${otherwise} END`;
}

export function wholeNumber(text: Sql, type: string): Sql {
  return sql`TRY_CAST(${shifted(text, 0)} AS ${raw(type)})`;
}

export function decimalOf(text: Sql, type: string, scale: number): Sql {
  const isPlain = sql`regexp_full_match(${text}, ${`[+-]?[0-9_]*(?:\\.[0-9]{0,${scale}}0*)?`})`;
  const digits = sql`lpad(ltrim(_s, '+-'), CAST(greatest(length(_s), ${scale + 1}) AS INTEGER), '0')`;
  const pointed = sql`concat(CASE WHEN starts_with(_s, '-') THEN '-' ELSE '' END,
    ${digits}[:${-scale - 1}], '.', right(${digits}, ${scale}))`;
  const unscaled = shifted(text, scale);
  const other =
    scale === 0 ? unscaled : bound(unscaled, "_s", sql`CASE WHEN _s IS NOT NULL THEN ${pointed} END`);
  return sql`CASE WHEN ${isPlain} THEN TRY_CAST(${text} AS ${raw(type)})
    WHEN ${text} IS NOT NULL THEN TRY_CAST(${other} AS ${raw(type)}) END`;
}

/**
 * The nearest value of a binary type (of FLOAT by way of DOUBLE, as in every format). An integer is taken only
 * if its own digits come back: ids beyond 2^53 do not become other ids.
 */
export function floatOf(text: Sql, type: "DOUBLE" | "FLOAT"): Sql {
  const value = sql`TRY_CAST(TRY_CAST(${text} AS DOUBLE) AS ${raw(type)})`;
  return sql`CASE WHEN abs(${value}) < ${exactBelow(type)} THEN ${value}
    WHEN ${text} IS NOT NULL THEN ${largeFloat(text, type)} END`;
}

/** All integers below it are values of the type. */
export function exactBelow(type: "DOUBLE" | "FLOAT"): number {
  return type === "FLOAT" ? 2 ** 24 : 2 ** 53;
}

export function largeFloat(text: Sql, type: "DOUBLE" | "FLOAT"): Sql {
  const value = sql`TRY_CAST(TRY_CAST(_t AS DOUBLE) AS ${raw(type)})`;
  const comesBack = sql`ltrim(${shifted(sql`CAST(${value} AS VARCHAR)`, 0)}, '+')
    = ltrim(${shifted(raw("_t"), 0)}, '+')`;
  return bound(
    text,
    "_t",
    sql`CASE WHEN regexp_full_match(_t, ${NOT_FINITE}) THEN ${value} WHEN NOT isfinite(${value}) THEN NULL
      WHEN NOT regexp_full_match(_t, ${SPACED_INTEGER}) OR ${comesBack} THEN ${value} END`,
  );
}

/** Words, in upper or lower case. `1` and `0` are numbers. */
export function booleanOf(text: Sql): Sql {
  return sql`CASE WHEN ${text} = 'true' THEN true WHEN ${text} = 'false' THEN false
    WHEN regexp_full_match(${text}, '\\s*[A-Za-z]+\\s*') THEN TRY_CAST(trim(${text}) AS BOOLEAN) END`;
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
  const parts = sql`regexp_extract(replace(_n, '_', ''), ${PARTS}, ['sign', 'whole', 'fraction', 'exponent'])`;
  const isNumber = sql`TRY_CAST(_n AS DOUBLE) IS NOT NULL AND regexp_full_match(_n, ${NUMBER})`;
  return bound(
    text,
    "_n",
    sql`CASE WHEN ${isNumber} THEN ${bound(parts, "_p", bound(zeros, "_z", result))} END`,
  );
}

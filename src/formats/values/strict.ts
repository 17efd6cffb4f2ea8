/**
 * What happens when a text meets a type. One rule in every format: a value fits its type exactly, or it is a
 * misfit and its line a dead letter.
 *
 * - A JSON string and a JSON number or boolean with the same text are the same value.
 * - **Integers**: decimal digits with a sign (`_` may group them); a fraction or exponent only where the
 *   value is an integer (`1.0`, `1e3`). Leading zeros and spaces around are passed over. In the type's
 *   range.
 * - **DECIMAL(p,s)**: no digit that is not 0 behind the s-th, no more than p - s before the point.
 * - **DOUBLE, FLOAT**: the nearest value; `nan`, `inf`, `infinity`. What overflows does not fit, and an
 *   integer fits if its digits come back when it is written again, from a DOUBLE that is the same value.
 * - **BOOLEAN**: true, false, t, f, yes, no, y, n in upper or lower case. Numbers are none.
 * - **TIMESTAMP** and its kin: see `times.ts`. With an offset (`Z`, `+02:00`, `+0200`, `+02`, `UTC`, `GMT`,
 *   with or without a space before) an instant, converted to UTC; without, a time of the source's zone. A
 *   fraction with more digits than the type keeps does not fit, nor a name of a zone.
 * - **DATE**: a day; with a time only if that is midnight and without an offset. **TIME**: no date, no
 *   offset.
 * - **INTERVAL**: numbers with units, fractions where they are whole microseconds.
 * - **VARCHAR**: everything, as it is written. UUID, ENUM, BLOB, BIT, JSON: what DuckDB's cast takes.
 * - **STRUCT, LIST, ARRAY, MAP**: each value inside by the rules above. A missing field is NULL.
 */

import { raw, type Sql, sql } from "../../duckdb/sql.ts";
import {
  booleanOf,
  decimalOf,
  floatOf,
  integerOf,
  plainBoolean,
  plainDecimal,
  plainFloat,
  plainInteger,
} from "./numbers.ts";
import {
  coarseTimestampOf,
  dateOf,
  intervalOf,
  plainDate,
  plainTimestamp,
  timeOf,
  timestampNsOf,
  timestampOf,
} from "./times.ts";

/** How single values are read. Types are as DuckDB writes them: `INTEGER`, not `int`. */
export interface ValueReader {
  /** The type to read a scalar of this type as: VARCHAR, or JSON. */
  readonly textType: (type: string) => string;
  /** Whether what was read is the value already. */
  readonly isAsRead: (type: string) => boolean;
  /** From that to the value, NULL where it is none. */
  readonly value: (read: Sql, type: string) => Sql;
  /** From that to the text as a person is told it. */
  readonly text: (read: Sql, type: string) => Sql;
  /** With what message the statement fails where a value is none, instead of the reason. */
  readonly refusal?: string;
}

/** The rules above. `zone`: of times without an offset; UTC if undefined. */
export function strictReader(zone: string | undefined): ValueReader {
  return {
    textType: (type) => (isOpaque(type) ? type : "VARCHAR"),
    isAsRead: (type) => type === "VARCHAR" || isOpaque(type),
    value: (text, type) => exactValue(text, type, zone),
    text: (text) => text,
  };
}

/** Part of the message of a statement that leaves a value to the rules in full. */
export const ASKS_FOR_RULES = "A value is in no common form";

/**
 * The same for values in their common forms alone, where the statement is short: DuckDB takes longer to plan
 * the rules in full than to read a small batch.
 */
export function quickReader(zone: string | undefined): ValueReader {
  return {
    ...strictReader(zone),
    value: (text, type) => plainValue(text, type, zone) ?? exactValue(text, type, zone),
    refusal: ASKS_FOR_RULES,
  };
}

/** A pattern of their names, for DuckDB too. */
export const INTEGER_TYPES = "^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|BIGNUM)$";

function isInteger(type: string): boolean {
  return new RegExp(INTEGER_TYPES).test(type);
}

/** Types of which DuckDB's own readers make the values. */
export function isOpaque(type: string): boolean {
  return /^(?:JSON$|UNION\(|VARIANT|GEOMETRY)/.test(type);
}

/** A scalar out of its text; NULL where the text is no value of the type. Never fails. */
export function exactValue(text: Sql, type: string, zone: string | undefined): Sql {
  if (type === "VARCHAR") return text;
  const plain = plainValue(text, type, zone);
  const other = otherValue(text, type, zone);
  if (plain === undefined) return other;
  return sql`coalesce(${plain}, CASE WHEN ${text} IS NOT NULL THEN ${other} END)`;
}

/**
 * The same where the text has its type's common form, and NULL where that can't be told at little cost.
 * Undefined where there is no such form.
 */
export function plainValue(text: Sql, type: string, zone: string | undefined): Sql | undefined {
  if (isInteger(type)) return plainInteger(text, type);
  const scale = scaleOf(type);
  if (scale !== undefined) return plainDecimal(text, type, scale);
  switch (type) {
    case "VARCHAR":
      return text;
    case "DOUBLE":
    case "FLOAT":
      return plainFloat(text, type);
    case "BOOLEAN":
      return plainBoolean(text);
    case "TIMESTAMP":
      return plainTimestamp(text, zone);
    case "TIMESTAMP WITH TIME ZONE":
      return sql`CAST(${plainTimestamp(text, zone)} AS TIMESTAMPTZ)`;
    case "DATE":
      return plainDate(text);
    default:
      return undefined;
  }
}

/** What is in no common form. */
function otherValue(text: Sql, type: string, zone: string | undefined): Sql {
  if (isInteger(type)) return integerOf(text, type);
  const scale = scaleOf(type);
  if (scale !== undefined) return decimalOf(text, type, scale);
  switch (type) {
    case "DOUBLE":
    case "FLOAT":
      return floatOf(text, type);
    case "BOOLEAN":
      return booleanOf(text);
    case "TIMESTAMP":
      return timestampOf(text, zone);
    case "TIMESTAMP WITH TIME ZONE":
      return sql`CAST(${timestampOf(text, zone)} AS TIMESTAMPTZ)`;
    case "TIMESTAMP_S":
      return coarseTimestampOf(text, type, 1_000_000, zone);
    case "TIMESTAMP_MS":
      return coarseTimestampOf(text, type, 1000, zone);
    case "TIMESTAMP_NS":
      return timestampNsOf(text, zone);
    case "DATE":
      return dateOf(text);
    case "TIME":
    case "TIME_NS":
    case "TIME WITH TIME ZONE":
      return timeOf(text, type);
    case "INTERVAL":
      return intervalOf(text);
    default:
      return sql`TRY_CAST(${text} AS ${raw(type)})`;
  }
}

function scaleOf(type: string): number | undefined {
  const scale = /^DECIMAL\(\d+,\s*(\d+)\)$/.exec(type)?.[1];
  return scale === undefined ? undefined : Number(scale);
}

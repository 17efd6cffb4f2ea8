/**
 * Values as DuckDB's JSON reader gives them. The quick way takes them as long as they say all that the line
 * says: where a number may have lost digits its statement fails, and the lines are to be read again, the exact
 * way, with the numbers' own digits (`json-numbers.ts`).
 */

import { raw, type Sql, sql } from "../../duckdb/sql.ts";
import { exactBelow, integerOf, largeFloat, wholeNumber } from "./numbers.ts";
import { exactValue, isInteger, isOpaque, type ValueReader } from "./strict.ts";

/** Part of the message of such a failure. */
export const ASKS_FOR_DIGITS = "A number's own digits are needed";

/** How DuckDB writes a DOUBLE. */
const FRACTION = String.raw`-?\d+(?:\.\d+(?:e[+-]?\d+)?|e[+-]?\d+)`;

/** Whether every number that such a column may hold is one that may have lost digits. */
export function needsOwnDigits(type: string): boolean {
  return /\bDECIMAL\(/.test(type);
}

/** Numbers are numbers or, where their own digits matter, strings. */
export function exactJsonReader(zone: string | undefined): ValueReader {
  return {
    // A DOUBLE as JSON costs a third of one as VARCHAR.
    textType: (type) => (isFloat(type) ? "JSON" : isOpaque(type) ? type : "VARCHAR"),
    isAsRead: (type) => type === "VARCHAR" || isOpaque(type),
    value: (read, type) => (isFloat(type) ? floatOfJson(read, type) : exactValue(read, type, zone)),
    text: (read, type) => (isFloat(type) ? unquoted(read) : read),
  };
}

export function quickJsonReader(zone: string | undefined): ValueReader {
  const exact = exactJsonReader(zone);
  return {
    ...exact,
    isAsRead: isOpaque,
    value(read, type) {
      const unlessFraction = (otherwise: Sql): Sql =>
        sql`CASE WHEN regexp_full_match(${read}, ${FRACTION}) THEN error(${ASKS_FOR_DIGITS})
          ELSE ${otherwise} END`;
      if (isInteger(type)) return integerOf(read, type, unlessFraction(wholeNumber(read, type)));
      if (type !== "VARCHAR" && !/^(?:ENUM\(|BLOB$|BIT$)/.test(type)) return exact.value(read, type);
      const value = exact.value(read, type);
      return sql`CASE WHEN ${read} >= '-' AND ${read} < ':' THEN ${unlessFraction(value)} ELSE ${value} END`;
    },
  };
}

function isFloat(type: string): type is "DOUBLE" | "FLOAT" {
  return type === "DOUBLE" || type === "FLOAT";
}

function floatOfJson(read: Sql, type: "DOUBLE" | "FLOAT"): Sql {
  const value = sql`TRY_CAST(TRY_CAST(CAST(${read} AS VARCHAR) AS DOUBLE) AS ${raw(type)})`;
  return sql`CASE WHEN abs(${value}) < ${exactBelow(type)} THEN ${value}
    WHEN ${read} IS NOT NULL THEN ${largeFloat(unquoted(read), type)} END`;
}

/** What is in a JSON string; other values are their text. */
function unquoted(read: Sql): Sql {
  return sql`CASE WHEN starts_with(CAST(${read} AS VARCHAR), '"') THEN json_extract_string(${read}, '$')
    ELSE CAST(${read} AS VARCHAR) END`;
}

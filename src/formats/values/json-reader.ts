/**
 * Values as DuckDB's JSON reader gives them. The quick way takes them as long as they are in their common
 * forms and say all that the line says: where a number may have lost digits its statement fails, and the
 * lines are to be read again, the exact way, with the numbers' own digits (`json-numbers.ts`).
 */

import { type Sql, sql } from "../../duckdb/sql.ts";
import { plainFloat } from "./numbers.ts";
import { ASKS_FOR_RULES, exactValue, isOpaque, plainValue, type ValueReader } from "./strict.ts";

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
    value: (read, type) =>
      isFloat(type)
        ? sql`coalesce(${plainJsonFloat(read, type)}, ${exactValue(unquoted(read), type, zone)})`
        : exactValue(read, type, zone),
    text: (read, type) => (isFloat(type) ? unquoted(read) : read),
  };
}

export function quickJsonReader(zone: string | undefined): ValueReader {
  return {
    ...exactJsonReader(zone),
    isAsRead: isOpaque,
    value(read, type) {
      if (isFloat(type)) return plainJsonFloat(read, type);
      const value = plainValue(read, type, zone) ?? exactValue(read, type, zone);
      if (type !== "VARCHAR" && !/^(?:ENUM\(|BLOB$|BIT$)/.test(type)) return value;
      return sql`CASE WHEN ${read} >= '-' AND ${read} < ':' AND regexp_full_match(${read}, ${FRACTION})
        THEN NULL ELSE ${value} END`;
    },
    refusal: ASKS_FOR_RULES,
  };
}

function isFloat(type: string): type is "DOUBLE" | "FLOAT" {
  return type === "DOUBLE" || type === "FLOAT";
}

/** A number, also in quotes. */
function plainJsonFloat(read: Sql, type: "DOUBLE" | "FLOAT"): Sql {
  const text = sql`CAST(${read} AS VARCHAR)`;
  return sql`coalesce(${plainFloat(text, type)},
    CASE WHEN starts_with(${text}, '"') THEN ${plainFloat(sql`trim(${text}, '"')`, type)} END)`;
}

/** What is in a JSON string; other values are their text. */
function unquoted(read: Sql): Sql {
  return sql`CASE WHEN starts_with(CAST(${read} AS VARCHAR), '"') THEN json_extract_string(${read}, '$')
    ELSE CAST(${read} AS VARCHAR) END`;
}

/**
 * A value as the manual reads it, in one text for each value: what the engine's table is asked for in the
 * same form. Nothing here is shared with the engine's reading.
 */

import { type Sql, sql } from "../../duckdb/sql.ts";
import { dayText, instantText } from "./instants.ts";
import { decimalText, floatText, integerText, isIntegerType, numberText, type UNDECIDED } from "./numbers.ts";

/** `undefined`: it does not fit. */
type Reader = (text: string, zone: string | undefined) => string | typeof UNDECIDED | undefined;

const INSTANTS: ReadonlyMap<string, { readonly unitDigits: 6 | 9; readonly keptDigits: number }> = new Map([
  ["TIMESTAMP", { unitDigits: 6, keptDigits: 6 }],
  ["TIMESTAMP WITH TIME ZONE", { unitDigits: 6, keptDigits: 6 }],
  ["TIMESTAMP_S", { unitDigits: 6, keptDigits: 0 }],
  ["TIMESTAMP_MS", { unitDigits: 6, keptDigits: 3 }],
  ["TIMESTAMP_NS", { unitDigits: 9, keptDigits: 9 }],
]);

/** Undefined for types that are not compared: nested ones, and those that DuckDB's own cast defines. */
export function valueReader(type: string): Reader | undefined {
  if (isIntegerType(type)) return (text) => integerText(text, type);
  const [, precision, scale] = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type) ?? [];
  if (precision !== undefined) return (text) => decimalText(text, Number(precision), Number(scale));
  const instant = INSTANTS.get(type);
  if (instant !== undefined) return (text, zone) => instantText(text, { ...instant, zone });
  switch (type) {
    case "VARCHAR":
      return (text) => text;
    case "DOUBLE":
    case "FLOAT":
      return (text) => floatText(text, type);
    case "BOOLEAN":
      return booleanText;
    case "DATE":
      return dayText;
    default:
      return undefined;
  }
}

function booleanText(text: string): string | undefined {
  const word = /^[ \t\n\f\r]*([a-z]+)[ \t\n\f\r]*$/i.exec(text)?.[1]?.toLowerCase() ?? "";
  if (["true", "t", "yes", "y"].includes(word)) return "true";
  return ["false", "f", "no", "n"].includes(word) ? "false" : undefined;
}

/** A VARCHAR expression of what the engine holds, which `engineText` makes the same text of. */
export function engineValue(value: Sql, type: string): Sql {
  if (type === "FLOAT") return sql`CAST(CAST(${value} AS DOUBLE) AS VARCHAR)`;
  if (type === "DATE") return counted(value, sql`${value} - DATE '1970-01-01'`);
  if (type === "TIMESTAMP_NS") return counted(value, sql`epoch_ns(${value})`);
  if (INSTANTS.has(type)) {
    const instant = type === "TIMESTAMP WITH TIME ZONE" ? value : sql`CAST(${value} AS TIMESTAMP)`;
    return counted(instant, sql`epoch_us(${instant})`);
  }
  // Trap: what comes out of the database loses a byte order mark that it begins with.
  if (type === "VARCHAR") return sql`':' || ${value}`;
  return sql`CAST(${value} AS VARCHAR)`;
}

function counted(value: Sql, count: Sql): Sql {
  return sql`CASE WHEN isfinite(${value}) THEN CAST(${count} AS VARCHAR) ELSE CAST(${value} AS VARCHAR) END`;
}

export function engineText(text: string, type: string): string {
  if (type === "VARCHAR") return text.slice(1);
  if (type !== "DOUBLE" && type !== "FLOAT") return text;
  const words: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: NaN, "-nan": NaN };
  return numberText(words[text] ?? Number(text));
}

/** The same text for a person: counts from 1970 as days and instants in UTC. */
export function shownValue(text: string, type: string): string {
  const units = type === "DATE" ? 86_400_000_000n : 1n;
  if ((type !== "DATE" && !INSTANTS.has(type)) || !/^-?\d+$/.test(text)) return `"${text}"`;
  const isNano = type === "TIMESTAMP_NS";
  const count = BigInt(text) * units;
  const perMs = isNano ? 1_000_000n : 1000n;
  const below = ((count % perMs) + perMs) % perMs;
  const date = new Date(Number((count - below) / perMs));
  if (Number.isNaN(date.getTime())) return text;
  const iso = date.toISOString();
  if (type === "DATE") return iso.slice(0, -14);
  return below === 0n ? iso : `${iso.slice(0, -1)}${String(below).padStart(isNano ? 6 : 3, "0")}Z`;
}

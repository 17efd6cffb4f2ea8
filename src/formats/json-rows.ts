/**
 * Rows as JSON text, made by DuckDB: times as `2026-01-05T14:30:00.123Z` (microseconds where there are any),
 * 64-bit integers and decimals as numbers, NaN and infinities as null.
 */

import type { Column } from "../duckdb/database.ts";
import { id, join, literal, raw, type Sql, sql } from "../duckdb/sql.ts";

/** A VARCHAR expression: the JSON object of a row with these columns. */
export function rowJson(columns: readonly Column[]): Sql {
  if (columns.length === 0) return raw("'{}'");
  const fields = columns.map(({ name, type }) => sql`${id(name)} := ${jsonValue(id(name), type)}`);
  return sql`to_json(struct_pack(${join(fields)}))::VARCHAR`;
}

/** An expression whose `to_json` is what we promise. */
function jsonValue(value: Sql, type: string): Sql {
  if (type.endsWith("[]")) {
    const inner = type.slice(0, -2);
    return isPlain(inner)
      ? value
      : sql`list_transform(${value}, lambda item: ${jsonValue(raw("item"), inner)})`;
  }
  if (/^STRUCT\(/i.test(type)) {
    const fields = structFields(type);
    if (fields.every((field) => isPlain(field.type))) return value;
    const packed = fields.map(
      ({ name, type: inner }) =>
        sql`${id(name)} := ${jsonValue(sql`struct_extract(${value}, ${literal(name)})`, inner)}`,
    );
    return sql`CASE WHEN ${value} IS NOT NULL THEN struct_pack(${join(packed)}) END`;
  }
  if (/^TIMESTAMP/i.test(type)) return isoTime(sql`${value}::TIMESTAMP`);
  if (type === "DOUBLE") return sql`CASE WHEN isfinite(${value}) THEN ${value} END`;
  // By way of text, or 0.1 would become the 0.10000000149011612 that a FLOAT is as a DOUBLE.
  if (type === "FLOAT") return sql`CASE WHEN isfinite(${value}) THEN ${value}::VARCHAR::DOUBLE END`;
  return value;
}

function isPlain(type: string): boolean {
  return !/TIMESTAMP|DOUBLE|FLOAT/i.test(type);
}

function isoTime(value: Sql): Sql {
  return sql`CASE WHEN NOT isfinite(${value}) THEN NULL
    WHEN epoch_us(${value}) % 1000 = 0 THEN strftime(${value}, '%Y-%m-%dT%H:%M:%S.%gZ')
    ELSE strftime(${value}, '%Y-%m-%dT%H:%M:%S.%fZ') END`;
}

/** `STRUCT(a INTEGER, "b c" VARCHAR[])` → its fields, by DuckDB's own way of writing types. */
function structFields(type: string): Column[] {
  const body = type.slice(type.indexOf("(") + 1, -1);
  const fields: string[] = [];
  let depth = 0;
  let isQuoted = false;
  let start = 0;
  body.split("").forEach((character, index) => {
    if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) return;
    else if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    else if (character === "," && depth === 0) {
      fields.push(body.slice(start, index));
      start = index + 1;
    }
  });
  return [...fields, body.slice(start)].map((field) => {
    const match = /^\s*(?:"((?:[^"]|"")*)"|(\S+))\s+(.+)$/s.exec(field);
    return { name: (match?.[1] ?? match?.[2] ?? "").replaceAll('""', '"'), type: match?.[3] ?? "VARCHAR" };
  });
}

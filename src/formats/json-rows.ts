/**
 * Rows as JSON text, made by DuckDB: times as `2026-01-05T14:30:00.123Z` (finer where a time is), 64-bit
 * integers and decimals as numbers, NaN and infinities as null.
 */

import type { Column } from "../duckdb/database.ts";
import { id, join, literal, raw, type Sql, sql } from "../duckdb/sql.ts";
import { elementType, structFields, typeParts } from "../duckdb/type-text.ts";

/** A VARCHAR expression: the JSON object of a row with these columns. */
export function rowJson(columns: readonly Column[]): Sql {
  if (columns.length === 0) return raw("'{}'");
  const fields = columns.map(({ name, type }) => sql`${id(name)} := ${jsonValue(id(name), type)}`);
  return sql`to_json(struct_pack(${join(fields)}))::VARCHAR`;
}

/** The same for people to look at: of long values the first characters, and a mark that tells them apart. */
export function excerptJson(columns: readonly Column[], maxCellChars: number): Sql {
  if (columns.length === 0) return raw("'{}'");
  const fields = columns.map(({ name, type }) => {
    const value = jsonValue(id(name), type);
    if (/^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DOUBLE|FLOAT|BOOLEAN|DATE|TIME|UUID|DECIMAL)/.test(type))
      return sql`${id(name)} := ${value}`;
    const text = type === "VARCHAR" ? value : sql`to_json(${value})::VARCHAR`;
    return sql`${id(name)} := CASE WHEN length(${text}) > ${maxCellChars} THEN left(${text}, ${maxCellChars})
      || '… (' || length(${text}) || ' characters, ' || left(md5(${text}), 8) || ')' ELSE ${text} END`;
  });
  return sql`to_json(struct_pack(${join(fields)}))::VARCHAR`;
}

type Value = (value: Sql, type: string) => Sql;

/** An expression whose `to_json` is what we promise. */
function jsonValue(value: Sql, type: string): Sql {
  if (isPlain(type)) return value;
  const nested = nestedValue(value, type, jsonValue);
  if (nested !== undefined) return nested;
  if (/^MAP\(/i.test(type)) {
    const [key, element] = typeParts(type);
    const entry = sql`struct_pack(k := ${keyValue(raw("item.key"), key ?? "")},
      v := ${jsonValue(raw("item.value"), element ?? "")})`;
    return sql`map_from_entries(list_transform(map_entries(${value}), lambda item: ${entry}))`;
  }
  if (/^TIMESTAMP_NS$/i.test(type))
    return sql`CASE WHEN isfinite(${value}) AND epoch_ns(${value}) % 1000 <> 0
      THEN replace(${value}::VARCHAR, ' ', 'T') || 'Z' ELSE ${isoTime(sql`${value}::TIMESTAMP`)} END`;
  if (/^TIMESTAMP/i.test(type)) return isoTime(sql`${value}::TIMESTAMP`);
  if (type === "DOUBLE") return sql`CASE WHEN isfinite(${value}) THEN ${value} END`;
  // By way of text, or 0.1 would become the 0.10000000149011612 that a FLOAT is as a DOUBLE.
  if (type === "FLOAT") return sql`CASE WHEN isfinite(${value}) THEN ${value}::VARCHAR::DOUBLE END`;
  return value;
}

/**
 * The key of a map's entry, which JSON has as text: none may be NULL, and two that differ have different
 * texts. So what is no number or time in JSON stays as DuckDB writes it: `nan`, `infinity`.
 */
function keyValue(value: Sql, type: string): Sql {
  if (isPlain(type)) return value;
  if (type === "DOUBLE" || type === "FLOAT") return sql`${value}::VARCHAR`;
  if (/^TIMESTAMP/i.test(type) && elementType(type) === undefined)
    return sql`coalesce(${jsonValue(value, type)}, ${value}::VARCHAR)`;
  return nestedValue(value, type, keyValue) ?? sql`${value}::VARCHAR`;
}

/** A list or a struct with each of its values as `valueOf` has it; undefined for what is neither. */
function nestedValue(value: Sql, type: string, valueOf: Value): Sql | undefined {
  const inner = elementType(type);
  if (inner !== undefined)
    return sql`list_transform(${value}::${raw(inner)}[], lambda item: ${valueOf(raw("item"), inner)})`;
  if (!/^STRUCT\(/i.test(type)) return undefined;
  const packed = structFields(type).map(
    ({ name, type: field }) =>
      sql`${id(name)} := ${valueOf(sql`struct_extract(${value}, ${literal(name)})`, field)}`,
  );
  return sql`CASE WHEN ${value} IS NOT NULL THEN struct_pack(${join(packed)}) END`;
}

function isPlain(type: string): boolean {
  return !/TIMESTAMP|DOUBLE|FLOAT/i.test(type);
}

function isoTime(value: Sql): Sql {
  return sql`CASE WHEN NOT isfinite(${value}) THEN NULL
    WHEN epoch_us(${value}) % 1000 = 0 THEN strftime(${value}, '%Y-%m-%dT%H:%M:%S.%gZ')
    ELSE strftime(${value}, '%Y-%m-%dT%H:%M:%S.%fZ') END`;
}

/**
 * Lists, structs and maps as JSON without loss: what is no number of JSON (NaN, infinities) stands in it as
 * text, and times as ISO 8601.
 */

import { id, join, literal, raw, type Sql, sql } from "../duckdb/sql.ts";
import { elementType, structFields, typeParts } from "../duckdb/type-text.ts";

/** A VARCHAR expression; NULL where the value is. */
export function nestedJson(value: Sql, type: string): Sql {
  return sql`CASE WHEN ${value} IS NOT NULL THEN to_json(${jsonValue(value, type)})::VARCHAR END`;
}

function jsonValue(value: Sql, type: string): Sql {
  if (!/TIMESTAMP|DOUBLE|FLOAT|BLOB/.test(type)) return value;
  const inner = elementType(type);
  if (inner !== undefined)
    return sql`list_transform(${value}::${raw(inner)}[], lambda item: ${jsonValue(raw("item"), inner)})`;
  if (type.startsWith("MAP(")) {
    const [key = "", element = ""] = typeParts(type);
    const entry = sql`struct_pack(k := ${jsonValue(raw("item.key"), key)},
      v := ${jsonValue(raw("item.value"), element)})`;
    return sql`map_from_entries(list_transform(map_entries(${value}), lambda item: ${entry}))`;
  }
  if (type.startsWith("STRUCT(")) {
    const packed = structFields(type).map(
      ({ name, type: field }) =>
        sql`${id(name)} := ${jsonValue(sql`struct_extract(${value}, ${literal(name)})`, field)}`,
    );
    return sql`CASE WHEN ${value} IS NOT NULL THEN struct_pack(${join(packed)}) END`;
  }
  if (type === "BLOB") return sql`hex(${value})`;
  if (type === "TIMESTAMP WITH TIME ZONE") return sql`replace(${value}::VARCHAR, ' ', 'T')`;
  if (type.startsWith("TIMESTAMP"))
    return sql`CASE WHEN isfinite(${value}) THEN replace(${value}::VARCHAR, ' ', 'T') || 'Z'
      ELSE ${value}::VARCHAR END`;
  // A FLOAT by way of text, or 0.1 would become the 0.10000000149011612 that it is as a DOUBLE.
  return sql`CASE WHEN isfinite(${value}) THEN to_json(${value}::VARCHAR::DOUBLE)
    ELSE to_json(${value}::VARCHAR) END`;
}

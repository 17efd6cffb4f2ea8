/** Whether a JSON value has the structure of a nested type: lists for lists, objects for structs. */

import { join, literal, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { elementType, structFields, typeParts } from "../../duckdb/type-text.ts";

/** BOOLEAN: true where `json` has another structure; undefined for types without one. */
export function misshapenJson(json: Sql, type: string, depth = 0): Sql | undefined {
  const item = raw(`_j${depth}`);
  const isGiven = sql`coalesce(json_type(${json}), 'NULL') <> 'NULL'`;
  const anyOf = (items: Sql, inner: string): Sql => {
    const misshapen = misshapenJson(item, inner, depth + 1);
    return misshapen === undefined
      ? raw("false")
      : sql`coalesce(list_bool_or(list_transform(${items}, lambda ${item}: ${misshapen})), false)`;
  };
  const element = elementType(type);
  if (element !== undefined)
    return sql`(${isGiven} AND CASE WHEN json_type(${json}) = 'ARRAY'
      THEN ${anyOf(sql`json_extract(${json}, '$[*]')`, element)} ELSE true END)`;
  if (type.startsWith("MAP("))
    return sql`(${isGiven} AND CASE WHEN json_type(${json}) = 'OBJECT'
      THEN ${anyOf(sql`json_extract(${json}, '$.*')`, typeParts(type)[1] ?? "")} ELSE true END)`;
  if (!type.startsWith("STRUCT(")) return undefined;
  const fields = structFields(type).flatMap(({ name, type: inner }) => {
    const place = literal(`$."${name.replaceAll('"', '\\"')}"`);
    return misshapenJson(sql`json_extract(${json}, ${place})`, inner, depth) ?? [];
  });
  const inside = fields.length === 0 ? raw("false") : sql`(${join(fields, " OR ")})`;
  return sql`(${isGiven} AND CASE WHEN json_type(${json}) = 'OBJECT' THEN ${inside} ELSE true END)`;
}

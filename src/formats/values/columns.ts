/**
 * Values of columns, nested ones too, by the rules of `strict.ts`: each value inside of a nested one is read
 * as a text, or fails its statement, or is found as a misfit.
 */

import type { Column } from "../../duckdb/database.ts";
import { id, join, literal, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { elementType, structFields, typeParts } from "../../duckdb/type-text.ts";
import type { ValueReader } from "./strict.ts";

/** The type to read a value as, with texts in the place of scalars: `STRUCT(a VARCHAR, b VARCHAR[])`. */
export function textShape(type: string, { textType }: ValueReader): string {
  return mapType(type, textType);
}

function mapType(type: string, scalar: (type: string) => string): string {
  const inner = elementType(type);
  if (inner !== undefined) return mapType(inner, scalar) + type.slice(inner.length);
  if (type.startsWith("STRUCT(")) {
    const fields = structFields(type).map(
      ({ name, type: field }) => `${id(name).text} ${mapType(field, scalar)}`,
    );
    return `STRUCT(${fields.join(", ")})`;
  }
  if (type.startsWith("MAP("))
    return `MAP(${typeParts(type)
      .map((part) => mapType(part, scalar))
      .join(", ")})`;
  return scalar(type);
}

function isNested(type: string): boolean {
  return elementType(type) !== undefined || /^(?:STRUCT|MAP)\(/.test(type);
}

/** The value of a column that was read as its `textShape`. The statement fails where it does not fit. */
export function strictValue(read: Sql, { name, type }: Column, reader: ValueReader): Sql {
  return valueOf(read, { name, type, reader, depth: 0 });
}

interface Place extends Column {
  readonly reader: ValueReader;
  /** Of lambdas around it. */
  readonly depth: number;
}

function valueOf(read: Sql, place: Place): Sql {
  const { name, type, reader, depth } = place;
  if (isAsRead(type, reader)) return read;
  const item = raw(`_e${depth}`);
  const within = (part: Sql, inner: string, path: string): Sql =>
    valueOf(part, { name: path, type: inner, reader, depth: depth + 1 });
  const element = elementType(type);
  if (element !== undefined)
    return sql`CAST(list_transform(${asList(read, element, reader)}, lambda ${item}:
      ${within(item, element, `${name}[]`)}) AS ${raw(type)})`;
  if (type.startsWith("STRUCT(")) {
    const fields = structFields(type).map(
      (field) =>
        sql`${id(field.name)} := ${within(fieldOf(read, field.name), field.type, `${name}.${field.name}`)}`,
    );
    return sql`CASE WHEN ${read} IS NOT NULL THEN struct_pack(${fields}) END`;
  }
  if (type.startsWith("MAP(")) {
    const [key = "", value = ""] = typeParts(type);
    const entry = sql`struct_pack(k := ${within(sql`${item}.key`, key, `${name}[]`)},
      v := ${within(sql`${item}.value`, value, `${name}[]`)})`;
    return sql`CASE WHEN ${read} IS NOT NULL THEN
      map_from_entries(list_transform(map_entries(${read}), lambda ${item}: ${entry})) END`;
  }
  const reason =
    reader.refusal === undefined
      ? sql`concat(${`${misfitStart(name, type)}: "`}, ${reader.text(read, type)}, '"')`
      : literal(reader.refusal);
  return sql`coalesce(${reader.value(read, type)}, CASE WHEN ${read} IS NOT NULL THEN error(${reason}) END)`;
}

/** Whether all scalars in a type are read as what they are. */
function isAsRead(type: string, reader: ValueReader): boolean {
  let isSo = true;
  mapType(type, (scalar) => {
    isSo &&= reader.isAsRead(scalar);
    return scalar;
  });
  return isSo;
}

/** An array is a list to `list_transform`. */
function asList(read: Sql, element: string, reader: ValueReader): Sql {
  return sql`CAST(${read} AS ${raw(mapType(element, reader.textType))}[])`;
}

function fieldOf(read: Sql, field: string): Sql {
  return sql`struct_extract(${read}, ${literal(field)})`;
}

/**
 * The first value in a column that does not fit, as STRUCT(path VARCHAR, type VARCHAR, text VARCHAR); NULL
 * where there is none.
 */
export function misfitIn(read: Sql, { name, type }: Column, reader: ValueReader): Sql {
  return misfitOf(read, { name, type, reader, depth: 0 });
}

const NO_MISFIT = raw("CAST(NULL AS STRUCT(path VARCHAR, type VARCHAR, text VARCHAR))");

function misfitOf(read: Sql, place: Place): Sql {
  const { name, type, reader, depth } = place;
  if (isAsRead(type, reader)) return NO_MISFIT;
  const item = raw(`_e${depth}`);
  const within = (part: Sql, inner: string, path: string): Sql =>
    misfitOf(part, { name: path, type: inner, reader, depth: depth + 1 });
  const first = (list: Sql, misfit: Sql): Sql =>
    sql`list_filter(list_transform(${list}, lambda ${item}: ${misfit}), lambda _m: _m IS NOT NULL)[1]`;
  const element = elementType(type);
  if (element !== undefined) return first(asList(read, element, reader), within(item, element, `${name}[]`));
  if (type.startsWith("STRUCT("))
    return sql`coalesce(${structFields(type).map((field) =>
      within(fieldOf(read, field.name), field.type, `${name}.${field.name}`),
    )})`;
  if (type.startsWith("MAP(")) {
    const [key = "", value = ""] = typeParts(type);
    return first(
      sql`map_entries(${read})`,
      sql`coalesce(${within(sql`${item}.key`, key, `${name}[]`)},
        ${within(sql`${item}.value`, value, `${name}[]`)})`,
    );
  }
  return sql`CASE WHEN ${read} IS NOT NULL AND ${reader.value(read, type)} IS NULL
    THEN ${misfitStruct(name, type, reader.text(read, type))} END`;
}

function misfitStruct(path: string, type: string, text: Sql): Sql {
  return sql`struct_pack(path := ${path}, type := ${type}, text := CAST(${text} AS VARCHAR))`;
}

/** `"price" is not a DOUBLE`. */
function misfitStart(path: string, type: string): string {
  return `"${path}" is not ${/^[AEIO]/.test(type) ? "an" : "a"} ${type}`;
}

/**
 * The same for a column whose whole value is one text, as in CSV: of nested types the text is first taken
 * apart.
 */
export function strictText(text: Sql, column: Column, reader: ValueReader): Sql {
  if (!isNested(column.type)) return strictValue(text, column, reader);
  const shape = raw(textShape(column.type, reader));
  return strictValue(
    sql`coalesce(TRY_CAST(${text} AS ${shape}), CASE WHEN ${text} IS NOT NULL
      THEN error(concat(${`${misfitStart(column.name, column.type)}: "`}, ${text}, '"')) END)`,
    column,
    reader,
  );
}

export function misfitInText(text: Sql, column: Column, reader: ValueReader): Sql {
  const { name, type } = column;
  if (!isNested(type)) return misfitIn(text, column, reader);
  const parts = sql`TRY_CAST(${text} AS ${raw(textShape(type, reader))})`;
  return sql`CASE WHEN ${text} IS NOT NULL AND ${parts} IS NULL THEN ${misfitStruct(name, type, text)}
    ELSE ${misfitIn(parts, column, reader)} END`;
}

/** The first misfit of several columns, as `misfitIn` gives it. */
export function firstMisfit(misfits: readonly Sql[]): Sql {
  return misfits.length === 0 ? NO_MISFIT : sql`coalesce(${join(misfits, ",\n")})`;
}

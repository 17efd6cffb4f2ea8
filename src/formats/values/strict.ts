/**
 * What happens when a text meets a type. One rule in every format: a value fits its type exactly, or it is a
 * misfit and its line a dead letter.
 *
 * - A JSON string and a JSON number or boolean with the same text are the same value.
 * - **Integers**: decimal digits with a sign (`_` may group them); a fraction or exponent only where the value
 *   is an integer (`1.0`, `1e3`). Leading zeros and spaces around are passed over. In the type's range.
 * - **DECIMAL(p,s)**: no digit that is not 0 behind the s-th, no more than p - s before the point.
 * - **DOUBLE, FLOAT**: the nearest value; `nan`, `inf`, `infinity`. What overflows does not fit, and an integer
 *   fits if its digits come back when the value is written again.
 * - **BOOLEAN**: true, false, t, f, yes, no, y, n in upper or lower case. Numbers are none.
 * - **TIMESTAMP** and its kin: see `times.ts`. With an offset (`Z`, `+02:00`, `+0200`, `+02`, `UTC`, `GMT`,
 *   with or without a space before) an instant, converted to UTC; without, a time of the source's zone. A
 *   fraction with more digits than the type keeps does not fit, nor a name of a zone.
 * - **DATE**: a day; with a time only if that is midnight and without an offset. **TIME**: no date, no offset.
 * - **INTERVAL**: numbers with units, fractions where they are whole microseconds.
 * - **VARCHAR**: everything, as it is written. UUID, ENUM, BLOB, BIT, JSON: what DuckDB's cast takes.
 * - **STRUCT, LIST, ARRAY, MAP**: each value inside by the rules above. A missing field is NULL.
 */

import type { Column } from "../../duckdb/database.ts";
import { id, join, literal, raw, type Sql, sql } from "../../duckdb/sql.ts";
import { elementType, structFields, typeParts } from "../../duckdb/type-text.ts";
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

export function isInteger(type: string): boolean {
  return /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|BIGNUM)$/.test(type);
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

/** The type to read a value as, with texts in the place of scalars: `STRUCT(a VARCHAR, b VARCHAR[])`. */
export function textShape(type: string, { textType }: ValueReader): string {
  return mapType(type, textType);
}

function mapType(type: string, scalar: (type: string) => string): string {
  const inner = elementType(type);
  if (inner !== undefined) return mapType(inner, scalar) + type.slice(inner.length);
  if (/^STRUCT\(/.test(type)) {
    const fields = structFields(type).map(
      ({ name, type: field }) => `${id(name).text} ${mapType(field, scalar)}`,
    );
    return `STRUCT(${fields.join(", ")})`;
  }
  if (/^MAP\(/.test(type))
    return `MAP(${typeParts(type)
      .map((part) => mapType(part, scalar))
      .join(", ")})`;
  return scalar(type);
}

export function isNested(type: string): boolean {
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
  if (/^STRUCT\(/.test(type)) {
    const fields = structFields(type).map(
      (field) =>
        sql`${id(field.name)} := ${within(fieldOf(read, field.name), field.type, `${name}.${field.name}`)}`,
    );
    return sql`CASE WHEN ${read} IS NOT NULL THEN struct_pack(${fields}) END`;
  }
  if (/^MAP\(/.test(type)) {
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
 * The first value in a column that does not fit, as STRUCT(path VARCHAR, type VARCHAR, text VARCHAR); NULL where
 * there is none.
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
  if (/^STRUCT\(/.test(type))
    return sql`coalesce(${structFields(type).map((field) =>
      within(fieldOf(read, field.name), field.type, `${name}.${field.name}`),
    )})`;
  if (/^MAP\(/.test(type)) {
    const [key = "", value = ""] = typeParts(type);
    return first(
      sql`map_entries(${read})`,
      sql`coalesce(${within(sql`${item}.key`, key, `${name}[]`)}, ${within(sql`${item}.value`, value, `${name}[]`)})`,
    );
  }
  return sql`CASE WHEN ${read} IS NOT NULL AND ${reader.value(read, type)} IS NULL
    THEN ${misfitStruct(name, type, reader.text(read, type))} END`;
}

function misfitStruct(path: string, type: string, text: Sql): Sql {
  return sql`struct_pack(path := ${path}, type := ${type}, text := CAST(${text} AS VARCHAR))`;
}

/** `"price" is not a DOUBLE`. */
export function misfitStart(path: string, type: string): string {
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

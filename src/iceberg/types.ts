/**
 * Iceberg's types, as table metadata writes them, and DuckDB's: what a column of a query becomes, and what
 * must be written for a type of a table. https://iceberg.apache.org/spec/#schemas-and-data-types
 */

import { StreamkitError } from "../base/error.ts";
import type { Column } from "../duckdb/database.ts";
import { id } from "../duckdb/sql.ts";
import { elementType, hasUnnamedStruct, structFields, typeParts } from "../duckdb/type-text.ts";

/** `long`, `decimal(9, 2)`, or a nested type. */
export type IceType = string | IceStruct | IceList | IceMap;

export interface IceField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: IceType;
}

export interface IceStruct {
  readonly type: "struct";
  readonly fields: readonly IceField[];
}

export interface IceList {
  readonly type: "list";
  readonly "element-id": number;
  readonly "element-required": boolean;
  readonly element: IceType;
}

export interface IceMap {
  readonly type: "map";
  readonly "key-id": number;
  readonly key: IceType;
  readonly "value-id": number;
  readonly "value-required": boolean;
  readonly value: IceType;
}

const SIMPLE: Readonly<Record<string, string>> = {
  BOOLEAN: "boolean",
  TINYINT: "int",
  SMALLINT: "int",
  INTEGER: "int",
  UTINYINT: "int",
  USMALLINT: "int",
  UINTEGER: "long",
  BIGINT: "long",
  UBIGINT: "decimal(20, 0)",
  HUGEINT: "decimal(38, 0)",
  UHUGEINT: "decimal(38, 0)",
  FLOAT: "float",
  DOUBLE: "double",
  DATE: "date",
  TIME: "time",
  TIMESTAMP: "timestamp",
  TIMESTAMP_S: "timestamp",
  TIMESTAMP_MS: "timestamp",
  "TIMESTAMP WITH TIME ZONE": "timestamptz",
  VARCHAR: "string",
  JSON: "string",
  UUID: "uuid",
  BLOB: "binary",
};

const WRITTEN: Readonly<Record<string, string>> = {
  boolean: "BOOLEAN",
  int: "INTEGER",
  long: "BIGINT",
  float: "FLOAT",
  double: "DOUBLE",
  date: "DATE",
  time: "TIME",
  timestamp: "TIMESTAMP",
  timestamptz: "TIMESTAMP WITH TIME ZONE",
  string: "VARCHAR",
  uuid: "UUID",
  binary: "BLOB",
};

const INSTEAD: Readonly<Record<string, string>> = {
  TIMESTAMP_NS: "its times have microseconds: cast it to TIMESTAMP",
  TIME_NS: "its times of day have microseconds: cast it to TIME",
  '"NULL"': "give it a type, like NULL::VARCHAR",
};

/** The type of a column. Fields inside get the ids that `nextId` gives. Throws code `job` where none is. */
export function icebergType(type: string, nextId: () => number): IceType {
  const simple = SIMPLE[type];
  if (simple !== undefined) return simple;
  const element = elementType(type);
  if (element !== undefined)
    return {
      type: "list",
      "element-id": nextId(),
      "element-required": false,
      element: icebergType(element, nextId),
    };
  if (type.startsWith("ENUM(")) return "string";
  if (type.startsWith("DECIMAL(")) return `decimal(${typeParts(type).join(", ")})`;
  if (type.startsWith("STRUCT(") && !hasUnnamedStruct(type)) return structOf(type, nextId);
  if (type.startsWith("MAP(")) {
    const [key = "", value = ""] = typeParts(type);
    const [keyId, valueId] = [nextId(), nextId()];
    return {
      type: "map",
      "key-id": keyId,
      key: icebergType(key, nextId),
      "value-id": valueId,
      "value-required": false,
      value: icebergType(value, nextId),
    };
  }
  throw new StreamkitError(
    "job",
    `Iceberg has no type for ${type}: ${INSTEAD[type] ?? "cast it to one that it has, like VARCHAR"}`,
  );
}

/** As Iceberg's own writers do, a struct's fields are numbered before what is in them. */
function structOf(type: string, nextId: () => number): IceStruct {
  const fields = structFields(type).map((field) => ({ ...field, id: nextId() }));
  return {
    type: "struct",
    fields: fields.map((field) => ({
      id: field.id,
      name: field.name,
      required: false,
      type: icebergType(field.type, nextId),
    })),
  };
}

/** Throws code `job` for columns that a table can't have: each one that can't is named. */
export function checkColumns(columns: readonly Column[]): void {
  const reasons = columns.flatMap(({ name, type }) => {
    try {
      icebergType(type, () => 0);
      return name === "" ? ["a column has no name"] : [];
    } catch (error) {
      if (error instanceof StreamkitError && error.code === "job")
        return [`column "${name}": ${error.message}`];
      throw error;
    }
  });
  if (reasons.length > 0) throw new StreamkitError("job", reasons.join("\n"));
}

/** Whether a column of this type has times of day in it. */
export function holdsTime(type: string): boolean {
  return /\btime\b/.test(typeName(icebergType(type, () => 0)).replaceAll(/\b[^<>,:]+: /g, ""));
}

/** What DuckDB must write for a type. Throws code `job` for a type that it has none for. */
export function duckdbType(type: IceType): string {
  if (typeof type !== "string") return nestedDuckdbType(type);
  const decimal = decimalOf(type);
  if (decimal !== undefined) return `DECIMAL(${decimal.precision},${decimal.scale})`;
  const written = WRITTEN[type];
  if (written !== undefined) return written;
  throw new StreamkitError("job", `This version writes no column of Iceberg's type ${type}`);
}

function nestedDuckdbType(type: IceStruct | IceList | IceMap): string {
  switch (type.type) {
    case "struct":
      return `STRUCT(${type.fields.map(fieldText).join(", ")})`;
    case "list":
      return `${duckdbType(type.element)}[]`;
    case "map":
      return `MAP(${duckdbType(type.key)}, ${duckdbType(type.value)})`;
  }
}

function fieldText({ name, type }: IceField): string {
  return `${id(name).text} ${duckdbType(type)}`;
}

interface Decimal {
  readonly precision: number;
  readonly scale: number;
}

/** `decimal(9, 2)` or `decimal(9,2)`; undefined for another type. */
export function decimalOf(type: IceType): Decimal | undefined {
  const match = typeof type === "string" ? /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(type) : null;
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) };
}

/** As messages have it. */
export function typeName(type: IceType): string {
  if (typeof type === "string") return type;
  switch (type.type) {
    case "struct":
      return `struct<${type.fields.map(({ name, type: of }) => `${name}: ${typeName(of)}`).join(", ")}>`;
    case "list":
      return `list<${typeName(type.element)}>`;
    case "map":
      return `map<${typeName(type.key)}, ${typeName(type.value)}>`;
  }
}

/** An Avro schema's fields as DuckDB's columns: types that the lines of `avro-lines.ts` read back into. */

import type { Column } from "../../duckdb/database.ts";
import { isRecords } from "./avro-lines.ts";
import type { AvroField, AvroRecord, AvroType } from "./avro-schema.ts";
import { mergedColumns, structType } from "./column-types.ts";

export function avroColumns(type: AvroType): Column[] {
  if (!isRecords(type)) return [{ name: "value", type: columnType(type, []) }];
  const records = type.kind === "union" ? type.branches : [type];
  return mergedColumns(
    records.map((record) => (record.kind === "record" ? columnsOf(record.fields, [record]) : [])),
  );
}

function columnsOf(fields: readonly AvroField[], around: readonly AvroRecord[]): Column[] {
  return fields.map(({ name, type }) => ({ name, type: columnType(type, around) }));
}

/** `around` are the records that it stands in: one that holds itself has no type in SQL, but JSON. */
function columnType(type: AvroType, around: readonly AvroRecord[]): string {
  switch (type.kind) {
    case "null":
      return "JSON";
    case "boolean":
      return "BOOLEAN";
    case "int":
      return "INTEGER";
    case "long":
      return "BIGINT";
    case "float":
      return "FLOAT";
    case "double":
      return "DOUBLE";
    case "string":
    case "bytes":
    case "fixed":
    case "enum":
      return "VARCHAR";
    case "date":
      return "DATE";
    case "time":
      return "TIME";
    case "timestamp":
      return type.digits === 9 ? "TIMESTAMP_NS" : "TIMESTAMP";
    case "decimal":
      return type.precision > 38 ? "VARCHAR" : `DECIMAL(${type.precision},${type.scale})`;
    case "uuid":
      return "UUID";
    case "duration":
      return "INTERVAL";
    case "array":
      return `${columnType(type.items, around)}[]`;
    case "map":
      return `MAP(VARCHAR, ${columnType(type.items, around)})`;
    case "union":
      return unionType(type.branches, around);
    case "record":
      return around.includes(type) ? "JSON" : structType(columnsOf(type.fields, [...around, type]));
  }
}

/** What may be null is what else it may be; a choice of several types is JSON, but for the integers. */
function unionType(branches: readonly AvroType[], around: readonly AvroRecord[]): string {
  const types = new Set(
    branches.filter(({ kind }) => kind !== "null").map((type) => columnType(type, around)),
  );
  const [first] = types;
  if (types.size === 1 && first !== undefined) return first;
  return [...types].every((type) => type === "INTEGER" || type === "BIGINT") && types.size > 0
    ? "BIGINT"
    : "JSON";
}

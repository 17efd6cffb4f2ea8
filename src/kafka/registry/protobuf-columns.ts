/** A Protobuf message's fields as DuckDB's columns, which the lines of `protobuf-lines.ts` read back into. */

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { Column } from "../../duckdb/database.ts";
import { structType } from "./column-types.ts";
import { knownMessage } from "./protobuf-known.ts";
import { scalarOf } from "./protobuf-scalars.ts";

export function protobufColumns(message: DescMessage): Column[] {
  if (knownMessage(message) !== undefined) return [{ name: "value", type: messageType(message, []) }];
  return columnsOf(message, [message]);
}

function columnsOf(message: DescMessage, around: readonly DescMessage[]): Column[] {
  return message.fields.map((field) => ({ name: field.name, type: fieldType(field, around) }));
}

function fieldType(field: DescField, around: readonly DescMessage[]): string {
  const value = valueType(field, around);
  switch (field.fieldKind) {
    case "list":
      return `${value}[]`;
    case "map":
      return `MAP(VARCHAR, ${value})`;
    case "message":
    case "enum":
    case "scalar":
      return value;
  }
}

function valueType(field: DescField, around: readonly DescMessage[]): string {
  if (field.message !== undefined) return messageType(field.message, around);
  return field.enum === undefined ? scalarOf(field.scalar).column : "VARCHAR";
}

/** `around` are the messages that it stands in: one that holds itself has no type in SQL, but JSON. */
function messageType(message: DescMessage, around: readonly DescMessage[]): string {
  if (around.includes(message)) return "JSON";
  const known = knownMessage(message);
  if (known === undefined) return structType(columnsOf(message, [...around, message]));
  const [value] = message.fields;
  return known.column === "of its value" && value !== undefined ? fieldType(value, []) : known.column;
}

/**
 * Avro schemas: from the registry's JSON to types. Logical types are kinds of their own; one that does not
 * fit what it stands on is ignored: https://avro.apache.org/docs/1.12.0/specification/#logical-types
 */

import { depthOfText, MAX_DEPTH, tooDeep } from "../../base/depth.ts";
import { StreamkitError } from "../../base/error.ts";
import type { FractionDigits } from "./time-text.ts";

export type AvroType =
  | { readonly kind: "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string" }
  | { readonly kind: "date" | "duration" }
  | { readonly kind: "time"; readonly digits: 3 | 6 }
  | { readonly kind: "timestamp"; readonly digits: FractionDigits; readonly isLocal: boolean }
  /** `sizeBytes` where it stands on a fixed, and not on bytes or a string. */
  | {
      readonly kind: "decimal";
      readonly precision: number;
      readonly scale: number;
      readonly sizeBytes: number | undefined;
    }
  | { readonly kind: "uuid"; readonly sizeBytes: number | undefined }
  | { readonly kind: "fixed"; readonly sizeBytes: number }
  | { readonly kind: "enum"; readonly symbols: readonly string[] }
  | { readonly kind: "array" | "map"; readonly items: AvroType }
  | { readonly kind: "union"; readonly branches: readonly AvroType[] }
  | AvroRecord;

export interface AvroRecord {
  readonly kind: "record";
  readonly name: string;
  /** Filled after the record is made: it may hold itself. */
  readonly fields: AvroField[];
}

export interface AvroField {
  readonly name: string;
  readonly type: AvroType;
}

type Attributes = Readonly<Record<string, unknown>>;

const PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"] as const;

/**
 * `references` are the texts of the schemas that this one refers to, each after those that it refers to.
 * Throws code `input` for what is no schema.
 */
export function parseAvroSchema(text: string, references: readonly string[]): AvroType {
  const named = new Map<string, AvroType>();
  for (const reference of references) parse(jsonOf(reference), "", named);
  return parse(jsonOf(text), "", named);
}

/** A schema of one word may stand there without its quotes. */
function jsonOf(text: string): unknown {
  if (/^\s*[A-Za-z_][\w.]*\s*$/.test(text)) return text.trim();
  const depth = depthOfText(text);
  if (depth > MAX_DEPTH) throw noSchema(tooDeep(depth));
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw noSchema("it is not JSON");
  }
}

function parse(schema: unknown, namespace: string, named: Map<string, AvroType>): AvroType {
  if (typeof schema === "string") return primitive(schema) ?? lookUp(schema, namespace, named);
  if (Array.isArray(schema))
    return { kind: "union", branches: schema.map((branch) => parse(branch, namespace, named)) };
  if (typeof schema !== "object" || schema === null) throw noSchema(`found ${JSON.stringify(schema)}`);
  const attributes = schema as Attributes;
  const type = attributes["type"];
  if (typeof type !== "string") return parse(type, namespace, named);
  switch (type) {
    case "record":
    case "error":
      return parseRecord(attributes, namespace, named);
    case "enum": {
      const symbols = attributes["symbols"];
      if (!Array.isArray(symbols)) throw noSchema("an enum has no symbols");
      return define(attributes, namespace, named, { kind: "enum", symbols: symbols.map(String) });
    }
    case "fixed": {
      const sizeBytes = attributes["size"];
      if (typeof sizeBytes !== "number" || !Number.isInteger(sizeBytes) || sizeBytes < 0)
        throw noSchema("a fixed has no size");
      const fixed = logicalFixed(attributes, sizeBytes) ?? { kind: "fixed", sizeBytes };
      return define(attributes, namespace, named, fixed);
    }
    case "array":
      return { kind: "array", items: parse(attributes["items"], namespace, named) };
    case "map":
      return { kind: "map", items: parse(attributes["values"], namespace, named) };
    default:
      return logical(attributes, type) ?? parse(type, namespace, named);
  }
}

function parseRecord(attributes: Attributes, namespace: string, named: Map<string, AvroType>): AvroType {
  const fields = attributes["fields"];
  if (!Array.isArray(fields)) throw noSchema("a record has no fields");
  const name = fullName(attributes, namespace);
  const record: AvroRecord = { kind: "record", name, fields: [] };
  named.set(name, record);
  for (const alias of listOf(attributes["aliases"])) named.set(qualified(alias, namespaceOf(name)), record);
  for (const field of fields as readonly Attributes[])
    record.fields.push({
      name: String(field["name"]),
      type: parse(field["type"], namespaceOf(name), named),
    });
  return record;
}

function define(
  attributes: Attributes,
  namespace: string,
  named: Map<string, AvroType>,
  type: AvroType,
): AvroType {
  named.set(fullName(attributes, namespace), type);
  return type;
}

function primitive(name: string): AvroType | undefined {
  const kind = PRIMITIVES.find((primitive) => primitive === name);
  return kind && { kind };
}

function lookUp(name: string, namespace: string, named: ReadonlyMap<string, AvroType>): AvroType {
  const found = named.get(qualified(name, namespace)) ?? named.get(name);
  if (found === undefined) throw noSchema(`the type "${name}" is not defined`);
  return found;
}

function logical(attributes: Attributes, type: string): AvroType | undefined {
  const on = `${String(attributes["logicalType"])} on ${type}`;
  switch (on) {
    case "date on int":
      return { kind: "date" };
    case "time-millis on int":
      return { kind: "time", digits: 3 };
    case "time-micros on long":
      return { kind: "time", digits: 6 };
    case "timestamp-millis on long":
    case "local-timestamp-millis on long":
      return { kind: "timestamp", digits: 3, isLocal: on.startsWith("local") };
    case "timestamp-micros on long":
    case "local-timestamp-micros on long":
      return { kind: "timestamp", digits: 6, isLocal: on.startsWith("local") };
    case "timestamp-nanos on long":
    case "local-timestamp-nanos on long":
      return { kind: "timestamp", digits: 9, isLocal: on.startsWith("local") };
    case "uuid on string":
      return { kind: "uuid", sizeBytes: undefined };
    case "decimal on bytes":
      return decimal(attributes, undefined);
    default:
      return undefined;
  }
}

function logicalFixed(attributes: Attributes, sizeBytes: number): AvroType | undefined {
  switch (attributes["logicalType"]) {
    case "decimal":
      return decimal(attributes, sizeBytes);
    case "uuid":
      return sizeBytes === 16 ? { kind: "uuid", sizeBytes } : undefined;
    case "duration":
      return sizeBytes === 12 ? { kind: "duration" } : undefined;
    default:
      return undefined;
  }
}

function decimal(attributes: Attributes, sizeBytes: number | undefined): AvroType | undefined {
  const precision = attributes["precision"];
  const scale = attributes["scale"] ?? 0;
  if (typeof precision !== "number" || typeof scale !== "number") return undefined;
  const fits = precision > 0 && scale >= 0 && scale <= precision;
  return fits ? { kind: "decimal", precision, scale, sizeBytes } : undefined;
}

/** A name with a dot is full; another stands in the namespace that is given or that is around it. */
function fullName(attributes: Attributes, namespace: string): string {
  const own = attributes["namespace"];
  return qualified(String(attributes["name"]), typeof own === "string" ? own : namespace);
}

function qualified(name: string, namespace: string): string {
  return name.includes(".") || namespace === "" ? name : `${namespace}.${name}`;
}

function namespaceOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf(".")));
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function noSchema(reason: string): StreamkitError {
  return new StreamkitError("input", `The Avro schema can't be read: ${reason}`);
}

/**
 * The Avro schemas of manifests and of lists of manifests, by the ids that the specification gives to fields.
 * https://iceberg.apache.org/spec/#manifests
 */

import { avroType, type PartitionField, resultType } from "./partitions.ts";
import type { IceField } from "./types.ts";

interface AvroField {
  readonly name: string;
  readonly type: unknown;
  readonly "field-id": number;
  readonly default?: null;
}

const field = (fieldId: number, name: string, type: unknown): AvroField => ({
  name,
  type,
  "field-id": fieldId,
});
const optional = (fieldId: number, name: string, type: unknown): AvroField => ({
  name,
  type: ["null", type],
  default: null,
  "field-id": fieldId,
});

/** A map with keys that are no texts. */
function mapOf(keyId: number, valueId: number, value: string): unknown {
  const fields = [field(keyId, "key", "int"), field(valueId, "value", value)];
  return {
    type: "array",
    items: { type: "record", name: `k${keyId}_v${valueId}`, fields },
    logicalType: "map",
  };
}

const listOf = (elementId: number, items: unknown): unknown => ({
  type: "array",
  items,
  "element-id": elementId,
});

/** The partition's values, a field each. */
export function partitionRecord(fields: readonly PartitionField[], columns: readonly IceField[]): unknown {
  return {
    type: "record",
    name: "r102",
    fields: fields.map((partition) => {
      const source = columns.find((column) => column.id === partition["source-id"]);
      const type = resultType(partition, source?.type ?? "string");
      const fieldId = partition["field-id"];
      return optional(fieldId, avroName(partition.name, fieldId), avroType(type, `p${fieldId}`));
    }),
  };
}

/** Avro's names have letters, digits and _ alone; readers go by the ids. */
export function avroName(name: string, fieldId: number): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `_field_${fieldId}`;
}

export function manifestSchema(partition: unknown): unknown {
  const dataFile = {
    type: "record",
    name: "r2",
    fields: [
      field(134, "content", "int"),
      field(100, "file_path", "string"),
      field(101, "file_format", "string"),
      field(102, "partition", partition),
      field(103, "record_count", "long"),
      field(104, "file_size_in_bytes", "long"),
      optional(108, "column_sizes", mapOf(117, 118, "long")),
      optional(109, "value_counts", mapOf(119, 120, "long")),
      optional(110, "null_value_counts", mapOf(121, 122, "long")),
      optional(137, "nan_value_counts", mapOf(138, 139, "long")),
      optional(125, "lower_bounds", mapOf(126, 127, "bytes")),
      optional(128, "upper_bounds", mapOf(129, 130, "bytes")),
      optional(131, "key_metadata", "bytes"),
      optional(132, "split_offsets", listOf(133, "long")),
      optional(135, "equality_ids", listOf(136, "int")),
      optional(140, "sort_order_id", "int"),
    ],
  };
  return {
    type: "record",
    name: "manifest_entry",
    fields: [
      field(0, "status", "int"),
      optional(1, "snapshot_id", "long"),
      optional(3, "sequence_number", "long"),
      optional(4, "file_sequence_number", "long"),
      field(2, "data_file", dataFile),
    ],
  };
}

const PARTITION_SUMMARY = {
  type: "record",
  name: "r508",
  fields: [
    field(509, "contains_null", "boolean"),
    optional(518, "contains_nan", "boolean"),
    optional(510, "lower_bound", "bytes"),
    optional(511, "upper_bound", "bytes"),
  ],
};

export const MANIFEST_LIST_SCHEMA: unknown = {
  type: "record",
  name: "manifest_file",
  fields: [
    field(500, "manifest_path", "string"),
    field(501, "manifest_length", "long"),
    field(502, "partition_spec_id", "int"),
    field(517, "content", "int"),
    field(515, "sequence_number", "long"),
    field(516, "min_sequence_number", "long"),
    field(503, "added_snapshot_id", "long"),
    field(504, "added_files_count", "int"),
    field(505, "existing_files_count", "int"),
    field(506, "deleted_files_count", "int"),
    field(512, "added_rows_count", "long"),
    field(513, "existing_rows_count", "long"),
    field(514, "deleted_rows_count", "long"),
    optional(507, "partitions", listOf(508, PARTITION_SUMMARY)),
    optional(519, "key_metadata", "bytes"),
  ],
};

/**
 * A value that was written by one schema in the shape of another: fields are told by their ids, whatever they
 * are called, and what the writer did not have is null.
 */
export function inShapeOf(value: unknown, written: unknown, wanted: unknown): unknown {
  if (value === null || value === undefined) return null;
  const [from, to] = [present(written), present(wanted)];
  if (to.items !== undefined)
    return Array.isArray(value) ? value.map((item) => inShapeOf(item, from.items, to.items)) : null;
  if (to.fields === undefined) return widened(value, to);
  const source = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    to.fields.map((own) => {
      const theirs = from.fields?.find((other) => other["field-id"] === own["field-id"]);
      return [own.name, theirs === undefined ? null : inShapeOf(source[theirs.name], theirs.type, own.type)];
    }),
  );
}

/** A partition's column may have been of a narrower type. */
function widened(value: unknown, { type, size = 0 }: AvroShape): unknown {
  if (type === "long" && typeof value === "number") return BigInt(value);
  if (type !== "fixed" || !Buffer.isBuffer(value) || value.length >= size) return value;
  const isNegative = (value[0] ?? 0) > 0x7f;
  return Buffer.concat([Buffer.alloc(size - value.length, isNegative ? 0xff : 0), value]);
}

interface AvroShape {
  readonly type?: unknown;
  readonly size?: number;
  readonly fields?: readonly AvroField[];
  readonly items?: unknown;
}

/** What a union has beside null. */
function present(schema: unknown): AvroShape {
  const one: unknown = Array.isArray(schema) ? schema.find((branch) => branch !== "null") : schema;
  return typeof one === "object" && one !== null ? one : { type: one };
}

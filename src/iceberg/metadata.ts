/**
 * A table's metadata: the whole of one version, as plain data, and what becomes of it with other columns,
 * another partition spec, another snapshot. Integers that a double can't hold (ids of snapshots) are kept
 * exact, and what others have put in stays. https://iceberg.apache.org/spec/#table-metadata
 */

import { StreamkitError } from "../base/error.ts";
import { digitsOf, type Json, readExactJson, writeExactJson } from "../base/exact-json.ts";
import {
  FIRST_PARTITION_ID,
  isSameSpec,
  type PartitionField,
  type PartitionSpec,
  resultType,
} from "./partitions.ts";
import { type IceField, typeName } from "./types.ts";

export interface IceSchema {
  readonly type: "struct";
  readonly "schema-id": number;
  readonly fields: readonly IceField[];
}

export interface Snapshot {
  readonly "snapshot-id": Json;
  readonly "parent-snapshot-id"?: Json;
  readonly "sequence-number": number;
  readonly "timestamp-ms": number;
  readonly "manifest-list": string;
  readonly summary: Readonly<Record<string, string>>;
  readonly "schema-id"?: number;
}

export interface TableMetadata {
  readonly "format-version": number;
  readonly "table-uuid": string;
  readonly location: string;
  readonly "last-sequence-number": number;
  readonly "last-updated-ms": number;
  readonly "last-column-id": number;
  readonly "current-schema-id": number;
  readonly schemas: readonly IceSchema[];
  readonly "default-spec-id": number;
  readonly "partition-specs": readonly PartitionSpec[];
  readonly "last-partition-id": number;
  readonly "default-sort-order-id": number;
  readonly "sort-orders": readonly Json[];
  readonly properties: Readonly<Record<string, string>>;
  readonly "current-snapshot-id"?: Json;
  readonly refs?: Readonly<Record<string, { readonly "snapshot-id": Json; readonly type: string }>>;
  readonly snapshots?: readonly Snapshot[];
  readonly "snapshot-log"?: readonly { readonly "timestamp-ms": number; readonly "snapshot-id": Json }[];
  readonly "metadata-log"?: readonly { readonly "timestamp-ms": number; readonly "metadata-file": string }[];
  readonly statistics?: readonly { readonly "snapshot-id": Json }[];
  readonly "partition-statistics"?: readonly { readonly "snapshot-id": Json }[];
}

const PREVIOUS_VERSIONS_MAX = 100;
const FORMAT_VERSION = 2;
const KEEP_VERSIONS = "write.metadata.previous-versions-max";
export const DELETES_VERSIONS = "write.metadata.delete-after-commit.enabled";

/** Throws code `job` where the table is none that this version appends to. */
export function readMetadata(text: string, name: string): TableMetadata {
  const found = readExactJson(text) as TableMetadata;
  const refuse = (why: string): StreamkitError => new StreamkitError("job", `${name} ${why}`);
  if (found["format-version"] !== FORMAT_VERSION)
    throw refuse(
      `is of format version ${found["format-version"]}, and this version writes tables of ${FORMAT_VERSION}` +
        (found["format-version"] === 1 ? ": upgrade it (format-version = 2)" : ""),
    );
  const codec = found.properties["write.metadata.compression-codec"] ?? "none";
  if (codec.toLowerCase() !== "none")
    throw refuse(
      `has write.metadata.compression-codec = ${codec}: set it to none, two names for a version clash`,
    );
  return found;
}

export function metadataText(metadata: TableMetadata): string {
  return `${writeExactJson(metadata)}\n`;
}

export interface NewTable {
  readonly uuid: string;
  readonly location: string;
  readonly nowMs: number;
  readonly fields: readonly IceField[];
  readonly lastColumnId: number;
}

/** A table without a spec: `withSpec` gives it its first one. */
export function newTable({ uuid, location, nowMs, fields, lastColumnId }: NewTable): TableMetadata {
  return {
    "format-version": FORMAT_VERSION,
    "table-uuid": uuid,
    location,
    "last-sequence-number": 0,
    "last-updated-ms": nowMs,
    "last-column-id": lastColumnId,
    "current-schema-id": 0,
    schemas: [{ type: "struct", "schema-id": 0, fields }],
    "default-spec-id": 0,
    "partition-specs": [],
    "last-partition-id": FIRST_PARTITION_ID - 1,
    "default-sort-order-id": 0,
    "sort-orders": [{ "order-id": 0, fields: [] }],
    properties: {
      "write.format.default": "parquet",
      "write.parquet.compression-codec": "zstd",
      [KEEP_VERSIONS]: String(PREVIOUS_VERSIONS_MAX),
      [DELETES_VERSIONS]: "true",
    },
    "current-snapshot-id": -1,
    refs: {},
    snapshots: [],
    "snapshot-log": [],
    "metadata-log": [],
  };
}

export function currentFields(metadata: TableMetadata): readonly IceField[] {
  const current = metadata.schemas.find((schema) => schema["schema-id"] === metadata["current-schema-id"]);
  if (current === undefined) throw new StreamkitError("io", "The table's metadata lacks its current schema");
  return current.fields;
}

export function specOf(metadata: TableMetadata, specId: number): PartitionSpec {
  const spec = metadata["partition-specs"].find((one) => one["spec-id"] === specId);
  if (spec === undefined)
    throw new StreamkitError("io", `The table's metadata lacks partition spec ${specId}`);
  return spec;
}

/** Throws code `job` where a spec has what can't be computed. */
export function checkSpec(spec: PartitionSpec, fields: readonly IceField[], name: string): void {
  for (const partition of spec.fields) {
    const source = fields.find((field) => field.id === partition["source-id"]);
    if (source === undefined)
      throw new StreamkitError(
        "job",
        `${name} is partitioned by a field inside of a column ("${partition.name}")`,
      );
    try {
      resultType(partition, source.type);
    } catch (error) {
      if (!(error instanceof StreamkitError)) throw error;
      throw new StreamkitError("job", `${name}: ${error.message}`, { cause: error });
    }
  }
}

/** With these columns, which are current from now on. */
export function withFields(
  metadata: TableMetadata,
  fields: readonly IceField[],
  lastColumnId: number,
): TableMetadata {
  const textOf = (list: readonly IceField[]): string =>
    JSON.stringify(
      list.map((field) => [field.id, field.name, field.required, typeName(field.type), field.type]),
    );
  const known = metadata.schemas.find((schema) => textOf(schema.fields) === textOf(fields));
  if (known !== undefined) return { ...metadata, "current-schema-id": known["schema-id"] };
  const schemaId = Math.max(...metadata.schemas.map((schema) => schema["schema-id"])) + 1;
  return {
    ...metadata,
    "last-column-id": Math.max(metadata["last-column-id"], lastColumnId),
    "current-schema-id": schemaId,
    schemas: [...metadata.schemas, { type: "struct", "schema-id": schemaId, fields }],
  };
}

/** With this partition spec as the default: one that the table has had is taken again, by its id. */
export function withSpec(
  metadata: TableMetadata,
  wanted: readonly Omit<PartitionField, "field-id">[],
): TableMetadata {
  const specs = metadata["partition-specs"];
  const known = specs.find((spec) => isSameSpec(spec.fields, wanted));
  if (known !== undefined) return { ...metadata, "default-spec-id": known["spec-id"] };
  let last = metadata["last-partition-id"];
  const fields = wanted.map((field) => {
    const before = specs
      .flatMap((spec) => spec.fields)
      .find(
        (one) =>
          one["source-id"] === field["source-id"] &&
          one.transform === field.transform &&
          one.name === field.name,
      );
    if (before === undefined) last += 1;
    return { ...field, "field-id": before?.["field-id"] ?? last };
  });
  const specId = Math.max(-1, ...specs.map((spec) => spec["spec-id"])) + 1;
  return {
    ...metadata,
    "default-spec-id": specId,
    "partition-specs": [...specs, { "spec-id": specId, fields }],
    "last-partition-id": last,
  };
}

export function withProperty(metadata: TableMetadata, name: string, value: string): TableMetadata {
  return { ...metadata, properties: { ...metadata.properties, [name]: value } };
}

export function currentSnapshot(metadata: TableMetadata): Snapshot | undefined {
  const current = metadata.refs?.["main"]?.["snapshot-id"] ?? metadata["current-snapshot-id"];
  return metadata.snapshots?.find((snapshot) => snapshot["snapshot-id"] === current);
}

export function withSnapshot(metadata: TableMetadata, snapshot: Snapshot): TableMetadata {
  const snapshotId = snapshot["snapshot-id"];
  return {
    ...metadata,
    "last-sequence-number": snapshot["sequence-number"],
    "last-updated-ms": snapshot["timestamp-ms"],
    "current-snapshot-id": snapshotId,
    refs: {
      ...metadata.refs,
      main: { ...metadata.refs?.["main"], "snapshot-id": snapshotId, type: "branch" },
    },
    snapshots: [...(metadata.snapshots ?? []), snapshot],
    "snapshot-log": [
      ...(metadata["snapshot-log"] ?? []),
      { "timestamp-ms": snapshot["timestamp-ms"], "snapshot-id": snapshotId },
    ],
  };
}

/** As the version after another one: when that was, and where it is. */
export function following(
  before: TableMetadata,
  beforeFile: string,
  next: TableMetadata,
  nowMs: number,
): { readonly metadata: TableMetadata; readonly dropped: readonly string[] } {
  const kept = Math.max(
    1,
    Number(next.properties[KEEP_VERSIONS] ?? PREVIOUS_VERSIONS_MAX) || PREVIOUS_VERSIONS_MAX,
  );
  const log = [
    ...(before["metadata-log"] ?? []),
    { "timestamp-ms": before["last-updated-ms"], "metadata-file": beforeFile },
  ];
  const updatedMs = Math.max(nowMs, before["last-updated-ms"], next["last-updated-ms"]);
  return {
    metadata: { ...next, "last-updated-ms": updatedMs, "metadata-log": log.slice(-kept) },
    dropped:
      next.properties[DELETES_VERSIONS] === "true"
        ? log.slice(0, -kept).map((entry) => entry["metadata-file"])
        : [],
  };
}

/** A number of JSON, exact. */
export function longOf(value: Json | undefined): bigint {
  return BigInt(digitsOf(value) ?? 0);
}

/**
 * Manifests, which tell of data files, and the lists of manifests, one of which is a snapshot. A batch has a
 * manifest of its own; where there are many small ones of ours, they are written together into one.
 */

import { decodeAvro, encodeAvro } from "./avro-file.ts";
import { inShapeOf, MANIFEST_LIST_SCHEMA, manifestSchema, partitionRecord } from "./manifest-schema.ts";
import type { IceSchema } from "./metadata.ts";
import type { PartitionSpec } from "./partitions.ts";

export interface KeyedBytes {
  readonly key: number;
  readonly value: Buffer;
}

export interface KeyedCount {
  readonly key: number;
  readonly value: bigint;
}

/** As the manifest has it. */
export interface DataFile {
  readonly content: number;
  readonly file_path: string;
  readonly file_format: string;
  readonly partition: Readonly<Record<string, unknown>>;
  readonly record_count: bigint;
  readonly file_size_in_bytes: bigint;
  readonly column_sizes: readonly KeyedCount[] | null;
  readonly value_counts: readonly KeyedCount[] | null;
  readonly null_value_counts: readonly KeyedCount[] | null;
  readonly nan_value_counts: readonly KeyedCount[] | null;
  readonly lower_bounds: readonly KeyedBytes[] | null;
  readonly upper_bounds: readonly KeyedBytes[] | null;
  readonly key_metadata: Buffer | null;
  readonly split_offsets: readonly bigint[] | null;
  readonly equality_ids: readonly number[] | null;
  readonly sort_order_id: number | null;
}

export interface ManifestEntry {
  readonly status: number;
  readonly snapshot_id: bigint | null;
  readonly sequence_number: bigint | null;
  readonly file_sequence_number: bigint | null;
  readonly data_file: DataFile;
}

export interface PartitionSummary {
  readonly contains_null: boolean;
  readonly contains_nan: boolean | null;
  readonly lower_bound: Buffer | null;
  readonly upper_bound: Buffer | null;
}

/** A line of a list of manifests. */
export interface ManifestFile {
  readonly manifest_path: string;
  readonly manifest_length: bigint;
  readonly partition_spec_id: number;
  /** 0 for data, 1 for what is deleted. */
  readonly content: number;
  readonly sequence_number: bigint;
  readonly min_sequence_number: bigint;
  readonly added_snapshot_id: bigint;
  readonly added_files_count: number;
  readonly existing_files_count: number;
  readonly deleted_files_count: number;
  readonly added_rows_count: bigint;
  readonly existing_rows_count: bigint;
  readonly deleted_rows_count: bigint;
  readonly partitions: readonly PartitionSummary[] | null;
  readonly key_metadata: Buffer | null;
}

export const EXISTING = 0;
export const ADDED = 1;
export const DELETED = 2;

export function encodeManifest(
  entries: readonly ManifestEntry[],
  schema: IceSchema,
  spec: PartitionSpec,
): Buffer {
  const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  return encodeAvro({
    schema: manifestSchema(partitionRecord(spec.fields, schema.fields)),
    metadata: {
      schema: text(schema),
      "schema-id": Buffer.from(String(schema["schema-id"])),
      "partition-spec": text(spec.fields),
      "partition-spec-id": Buffer.from(String(spec["spec-id"])),
      "format-version": Buffer.from("2"),
      content: Buffer.from("data"),
    },
    records: entries,
  });
}

/** The entries of a manifest, with the ids that they have from the manifest itself. */
export function decodeManifest(
  bytes: Uint8Array,
  manifest: ManifestFile,
  schema: IceSchema,
  spec: PartitionSpec,
): readonly ManifestEntry[] {
  const file = decodeAvro(bytes, manifest.manifest_path);
  const wanted = manifestSchema(partitionRecord(spec.fields, schema.fields));
  return file.records.map((record) => {
    const entry = inShapeOf(record, file.schema, wanted) as ManifestEntry;
    return {
      ...entry,
      snapshot_id: entry.snapshot_id ?? manifest.added_snapshot_id,
      sequence_number: entry.sequence_number ?? manifest.sequence_number,
      file_sequence_number: entry.file_sequence_number ?? manifest.sequence_number,
    };
  });
}

const WITHOUT_PARTITIONS = manifestSchema({ type: "record", name: "r102", fields: [] });

/** The paths of all files that a manifest tells of. */
export function dataFilesIn(bytes: Uint8Array, name: string): readonly string[] {
  const file = decodeAvro(bytes, name);
  return file.records.map((record) => {
    const entry = inShapeOf(record, file.schema, WITHOUT_PARTITIONS) as ManifestEntry;
    return entry.data_file.file_path;
  });
}

export interface ListOf {
  readonly snapshotId: bigint;
  readonly parentId: bigint | undefined;
  readonly sequenceNumber: number;
}

export function encodeManifestList(manifests: readonly ManifestFile[], of: ListOf): Buffer {
  return encodeAvro({
    schema: MANIFEST_LIST_SCHEMA,
    metadata: {
      "snapshot-id": Buffer.from(String(of.snapshotId)),
      "parent-snapshot-id": Buffer.from(String(of.parentId ?? "null")),
      "sequence-number": Buffer.from(String(of.sequenceNumber)),
      "format-version": Buffer.from("2"),
    },
    records: manifests,
  });
}

export function decodeManifestList(bytes: Uint8Array, name: string): readonly ManifestFile[] {
  const file = decodeAvro(bytes, name);
  return file.records.map((record) => inShapeOf(record, file.schema, MANIFEST_LIST_SCHEMA) as ManifestFile);
}

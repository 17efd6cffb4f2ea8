/**
 * One batch into a table: its data files, one manifest that tells of them, a list of manifests, and with the
 * next version of the metadata all of it at once. Who commits at the same time costs a new list and another
 * try; data files and their manifest stay as they are.
 */

import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import nodePath from "node:path";
import { StreamkitError } from "../base/error.ts";
import type { Json } from "../base/exact-json.ts";
import { failpoint } from "../base/failpoint.ts";
import { joinPath, type Publication, type Store } from "../warehouse/store.ts";
import type { Catalog, TableVersion } from "./catalog.ts";
import { type Expiry, expired } from "./expiry.ts";
import { ADDED, encodeManifest, encodeManifestList, type ManifestFile } from "./manifests.ts";
import { type ListCache, merged } from "./merge.ts";
import type { TableMetadata } from "./metadata.ts";
import { currentSnapshot, type IceSchema, longOf, type Snapshot, specOf, withSnapshot } from "./metadata.ts";
import type { StagedFile } from "./staged-files.ts";
import { combined } from "./summaries.ts";

export interface Place {
  readonly store: Store;
  readonly folder: string;
  /** On this machine: where files are made. */
  readonly staging: string;
  readonly isDurable: boolean;
  /** What this writer's files of one batch begin with. */
  readonly filePrefix: (batchId: number) => string;
  readonly stagingInStore: string;
}

export interface Append {
  readonly batchId: number;
  readonly files: readonly StagedFile[];
  readonly schema: IceSchema;
  readonly specId: number;
  /** What the snapshot says of the batch, beside the counts. */
  readonly summary: Readonly<Record<string, string>>;
  /** Whether the table has the batch already, and what the metadata says of it beside the snapshot. */
  readonly isThere: (metadata: TableMetadata) => boolean;
  readonly mark: (metadata: TableMetadata) => TableMetadata;
  readonly nowMs: () => number;
  readonly expiry: Expiry;
}

const MAX_TRIES = 1000;

/** The version that has the batch. Throws codes `io` and `job`. */
export async function append(
  catalog: Catalog,
  place: Place,
  given: Append,
  lists: ListCache,
): Promise<TableVersion> {
  const { store, folder, isDurable, stagingInStore } = place;
  const put = (files: readonly Publication[]): Promise<void> =>
    store.put(files, { staging: stagingInStore, isDurable });
  const name = place.filePrefix(given.batchId) + randomBytes(4).toString("hex");
  const first = await catalog.latest();
  if (first === undefined) throw new StreamkitError("bug", "A table was expected to append to");
  const snapshotId = newSnapshotId(first.metadata);
  const spec = specOf(first.metadata, given.specId);
  const data = given.files.map((file, index) => ({ ...file, to: `data/${name}-${index}.parquet` }));
  const entries = data.map(({ to, dataFile }) => ({
    status: ADDED,
    snapshot_id: snapshotId,
    sequence_number: null,
    file_sequence_number: null,
    data_file: { ...dataFile, file_path: first.places.uriOf(to) },
  }));
  const manifestBytes = encodeManifest(entries, given.schema, spec);
  const manifestPath = `metadata/${name}-m0.avro`;
  const local = (file: string): string => nodePath.join(place.staging, file);
  await mkdir(place.staging, { recursive: true });
  await writeFile(local("manifest.avro"), manifestBytes);
  await put([
    ...data.map(({ path, to }) => ({ from: path, to: joinPath(folder, to) })),
    { from: local("manifest.avro"), to: joinPath(folder, manifestPath) },
  ]);
  failpoint("iceberg-published");
  const rows = data.reduce((sum, { dataFile }) => sum + dataFile.record_count, 0n);

  const attempt = async (version: TableVersion, tries: number): Promise<TableVersion | undefined> => {
    const { metadata, places } = version;
    const parent = currentSnapshot(metadata);
    const sequenceNumber = metadata["last-sequence-number"] + 1;
    const manifest: ManifestFile = {
      manifest_path: places.uriOf(manifestPath),
      manifest_length: BigInt(manifestBytes.length),
      partition_spec_id: given.specId,
      content: 0,
      sequence_number: BigInt(sequenceNumber),
      min_sequence_number: BigInt(sequenceNumber),
      added_snapshot_id: snapshotId,
      added_files_count: data.length,
      existing_files_count: 0,
      deleted_files_count: 0,
      added_rows_count: rows,
      existing_rows_count: 0n,
      deleted_rows_count: 0n,
      partitions: combined(
        data.map((file) => file.partitions),
        spec,
        given.schema.fields,
      ),
      key_metadata: null,
    };
    const before = parent === undefined ? [] : await lists.of(version, parent);
    const base = `metadata/${name}-${tries}`;
    const together = await merged({
      store,
      version,
      manifests: before,
      snapshotId,
      path: `${base}-merged.avro`,
    });
    const manifests = [manifest, ...together.manifests];
    const list = encodeManifestList(manifests, {
      snapshotId,
      parentId: parent === undefined ? undefined : longOf(parent["snapshot-id"]),
      sequenceNumber,
    });
    const made = [{ bytes: list, to: `${base}-list.avro` }, ...together.files];
    const published: Publication[] = [];
    for (const [index, { bytes, to }] of made.entries()) {
      await writeFile(local(`list-${index}.avro`), bytes);
      published.push({ from: local(`list-${index}.avro`), to: joinPath(folder, to) });
    }
    await put(published);
    failpoint("iceberg-listed");
    const snapshot: Snapshot = {
      "snapshot-id": jsonOf(snapshotId),
      ...(parent === undefined ? {} : { "parent-snapshot-id": parent["snapshot-id"] }),
      "sequence-number": sequenceNumber,
      "timestamp-ms": Math.max(given.nowMs(), metadata["last-updated-ms"]),
      "manifest-list": places.uriOf(`${base}-list.avro`),
      summary: summaryOf(given, parent, rows),
      "schema-id": metadata["current-schema-id"],
    };
    const next = given.mark(withSnapshot(metadata, snapshot));
    const kept = expired(next, given.expiry);
    const committed = await catalog.commit(version, kept.metadata, given.nowMs());
    if (committed === undefined) {
      for (const { to } of published) await store.remove(to);
      return undefined;
    }
    lists.add(snapshot, manifests);
    if (kept.snapshots.length > 0) await lists.removeFiles(committed, kept.snapshots);
    return committed;
  };

  try {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const version = await catalog.latest();
      if (version === undefined) throw new StreamkitError("io", "The table is gone: somebody has removed it");
      if (given.isThere(version.metadata)) return version;
      const done = await attempt(version, tries);
      if (done !== undefined) return done;
    }
  } finally {
    await rm(place.staging, { recursive: true, force: true });
  }
  throw new StreamkitError(
    "io",
    `Others have committed to ${first.metadata.location} ${MAX_TRIES} times before this batch could`,
    { component: "iceberg", retryable: true },
  );
}

/** Below 2^53, so that no reader of JSON can lose a digit. */
function newSnapshotId(metadata: TableMetadata): bigint {
  for (;;) {
    const found = randomBytes(8).readBigUInt64BE() >> 11n;
    if (found > 0n && !metadata.snapshots?.some((one) => longOf(one["snapshot-id"]) === found)) return found;
  }
}

function jsonOf(id: bigint): Json {
  return Number(id);
}

/** The counts that others keep are kept on; what they don't have is not made up. */
function summaryOf({ files, summary }: Append, parent: Snapshot | undefined, rows: bigint) {
  const bytes = files.reduce((sum, { dataFile }) => sum + dataFile.file_size_in_bytes, 0n);
  const partitions = new Set(
    files.map((file) => JSON.stringify(file.partitions.map((one) => one.lower_bound))),
  );
  const total = (name: string, added: bigint): Readonly<Record<string, string>> => {
    const before = parent === undefined ? "0" : parent.summary[name];
    return before === undefined || !/^\d+$/.test(before) ? {} : { [name]: String(BigInt(before) + added) };
  };
  return {
    operation: "append",
    "added-data-files": String(files.length),
    "added-records": String(rows),
    "added-files-size": String(bytes),
    "changed-partition-count": String(partitions.size),
    ...total("total-records", rows),
    ...total("total-files-size", bytes),
    ...total("total-data-files", BigInt(files.length)),
    ...total("total-delete-files", 0n),
    ...total("total-position-deletes", 0n),
    ...total("total-equality-deletes", 0n),
    ...summary,
  };
}

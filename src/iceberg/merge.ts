/**
 * Many small manifests written together into one, so that a table of many batches is still planned by reading
 * few files; and the lists that are known, so that each is read once. Only manifests of ours are touched.
 */

import { StreamkitError } from "../base/error.ts";
import type { Store } from "../warehouse/store.ts";
import type { TableVersion } from "./catalog.ts";
import {
  DELETED,
  decodeManifest,
  decodeManifestList,
  EXISTING,
  encodeManifest,
  type ManifestEntry,
  type ManifestFile,
} from "./manifests.ts";
import { currentFields, type IceSchema, type Snapshot, specOf } from "./metadata.ts";
import { combined } from "./summaries.ts";

/** Names of files that this program writes begin so. */
export const OWN_FILE = "streamkit-";
/** So many small ones become one. */
const MIN_MERGED = 50;
/** A manifest of this size stays as it is. */
const MAX_MERGED_BYTES = 4n * 1024n * 1024n;
const MAX_KNOWN_LISTS = 500;

interface MadeFile {
  readonly bytes: Buffer;
  readonly to: string;
}

interface Merged {
  readonly manifests: readonly ManifestFile[];
  readonly files: readonly MadeFile[];
}

export interface MergeOf {
  readonly store: Store;
  readonly version: TableVersion;
  readonly manifests: readonly ManifestFile[];
  readonly snapshotId: bigint;
  /** Of the manifest that may be made, in the table's folder. */
  readonly path: string;
}

/** The manifests that stand for the same files: as they are, or with one in place of many. */
export async function merged({ store, version, manifests, snapshotId, path }: MergeOf): Promise<Merged> {
  const { metadata, places } = version;
  const small = manifests.filter(
    (one) =>
      one.content === 0 &&
      one.deleted_files_count === 0 &&
      one.manifest_length < MAX_MERGED_BYTES &&
      one.key_metadata === null &&
      (one.manifest_path.split("/").at(-1) ?? "").startsWith(OWN_FILE),
  );
  const [specId, chosen] = [...Map.groupBy(small, (one) => one.partition_spec_id)].find(
    ([, some]) => some.length >= MIN_MERGED,
  ) ?? [0, []];
  if (chosen.length === 0) return { manifests, files: [] };
  const spec = specOf(metadata, specId);
  const schema: IceSchema = {
    type: "struct",
    "schema-id": metadata["current-schema-id"],
    fields: currentFields(metadata),
  };
  // A partition's column may have been dropped since.
  if (!spec.fields.every((partition) => schema.fields.some((field) => field.id === partition["source-id"])))
    return { manifests, files: [] };
  const entries: ManifestEntry[] = [];
  for (const manifest of chosen) {
    const bytes = await store.read(places.pathOf(manifest.manifest_path));
    if (bytes === undefined)
      throw new StreamkitError("io", `${manifest.manifest_path} is gone, which the table's snapshots name`, {
        component: "iceberg",
      });
    entries.push(
      ...decodeManifest(bytes, manifest, schema, spec)
        .filter(({ status }) => status !== DELETED)
        .map((entry) => ({ ...entry, status: EXISTING })),
    );
  }
  const bytes = encodeManifest(entries, schema, spec);
  const sequenceNumber = BigInt(metadata["last-sequence-number"] + 1);
  const one: ManifestFile = {
    manifest_path: places.uriOf(path),
    manifest_length: BigInt(bytes.length),
    partition_spec_id: specId,
    content: 0,
    sequence_number: sequenceNumber,
    min_sequence_number: entries.reduce(
      (least, entry) => ((entry.sequence_number ?? 0n) < least ? (entry.sequence_number ?? 0n) : least),
      sequenceNumber,
    ),
    added_snapshot_id: snapshotId,
    added_files_count: 0,
    existing_files_count: entries.length,
    deleted_files_count: 0,
    added_rows_count: 0n,
    existing_rows_count: entries.reduce((sum, { data_file: file }) => sum + file.record_count, 0n),
    deleted_rows_count: 0n,
    partitions: combined(
      chosen.map((manifest) => manifest.partitions ?? []),
      spec,
      schema.fields,
    ),
    key_metadata: null,
  };
  const isChosen = new Set(chosen);
  return {
    manifests: [one, ...manifests.filter((other) => !isChosen.has(other))],
    files: [{ bytes, to: path }],
  };
}

export interface ListCache {
  /** The manifests of a snapshot. */
  of(version: TableVersion, snapshot: Snapshot): Promise<readonly ManifestFile[]>;
  add(snapshot: Snapshot, manifests: readonly ManifestFile[]): void;
  /** Removes the lists of snapshots that the table has no more, and the manifests of no other one. */
  removeFiles(version: TableVersion, snapshots: readonly Snapshot[]): Promise<void>;
}

export function openLists(store: Store): ListCache {
  const known = new Map<string, readonly ManifestFile[]>();
  const keep = (snapshot: Snapshot, manifests: readonly ManifestFile[]): void => {
    known.set(snapshot["manifest-list"], manifests);
    const [oldest] = known.keys();
    if (known.size > MAX_KNOWN_LISTS && oldest !== undefined) known.delete(oldest);
  };
  const of = async ({ places }: TableVersion, snapshot: Snapshot): Promise<readonly ManifestFile[]> => {
    const uri = snapshot["manifest-list"];
    const found = known.get(uri);
    if (found !== undefined) return found;
    const bytes = await store.read(places.pathOf(uri));
    if (bytes === undefined)
      throw new StreamkitError("io", `${uri} is gone, which the table's metadata names`, {
        component: "iceberg",
      });
    const manifests = decodeManifestList(bytes, uri);
    keep(snapshot, manifests);
    return manifests;
  };
  return {
    of,
    add: keep,
    async removeFiles(version, snapshots) {
      const { metadata, places } = version;
      const kept = new Set<string>();
      for (const snapshot of metadata.snapshots ?? [])
        for (const { manifest_path: path } of await of(version, snapshot)) kept.add(path);
      const gone = new Set<string>();
      for (const snapshot of snapshots)
        for (const { manifest_path: path } of await of(version, snapshot))
          if (!kept.has(path)) gone.add(path);
      for (const path of gone) await store.remove(places.pathOf(path));
      for (const { "manifest-list": list } of snapshots) {
        await store.remove(places.pathOf(list));
        known.delete(list);
      }
      const listed = new Set(metadata.snapshots?.map((snapshot) => snapshot["manifest-list"]));
      for (const uri of known.keys()) if (!listed.has(uri)) known.delete(uri);
    },
  };
}

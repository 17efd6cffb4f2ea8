/**
 * A compaction under way, as a small file in the table: which files of a partition are replaced by which. It
 * is written in one step, and from then on readers that know of it (`query`) take the new files for the old
 * ones, wherever these are.
 *
 * The new files are first in `_streamkit/compacted/ID/PARTITION`, which no reader looks into by itself:
 *   deciding  the old files are in the partition's folder; a metastore may send its readers to either
 *   waiting   a metastore sends its readers to the new files; who reads the old ones may finish
 *   retiring  the new files are in the partition's folder, the old ones are gone; who reads the new ones at
 *             their first place may finish
 */

import { joinPath, type Store } from "../store.ts";

export interface Manifest {
  readonly version: 1;
  readonly id: string;
  /** `dt=2026-01-05/host=a`; "" for a table without partitions. */
  readonly partition: string;
  readonly state: "deciding" | "waiting" | "retiring";
  /** When it came into this state. */
  readonly sinceMs: number;
  /** Names in the partition's folder. */
  readonly old: readonly string[];
  readonly new: readonly string[];
  readonly rows: number;
  /** Whether a metastore's readers are sent to the first place of the new files. */
  readonly movesReaders: boolean;
}

const FOLDER = "_streamkit/compactions";
/** Not `.parquet`, which readers by glob would find. */
const HIDDEN_EXTENSION = ".pq";

export const manifestFolder = (folder: string): string => joinPath(folder, FOLDER);

/** The first place of a compaction's new files: the folder above that of the partition. */
export const hiddenRoot = (folder: string, id: string): string =>
  joinPath(folder, "_streamkit/compacted", id);

export function hiddenFolder(folder: string, { id, partition }: Pick<Manifest, "id" | "partition">): string {
  return joinPath(hiddenRoot(folder, id), partition);
}

export function hiddenPath(
  folder: string,
  manifest: Pick<Manifest, "id" | "partition">,
  name: string,
): string {
  return joinPath(hiddenFolder(folder, manifest), name.replace(/\.parquet$/, HIDDEN_EXTENSION));
}

export async function writeManifest(store: Store, folder: string, manifest: Manifest): Promise<void> {
  await store.write(manifestPath(folder, manifest.id), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

export async function removeManifest(store: Store, folder: string, { id }: Manifest): Promise<void> {
  await store.remove(manifestPath(folder, id));
}

const manifestPath = (folder: string, id: string): string => joinPath(manifestFolder(folder), `${id}.json`);

/** By their ids, which are in the order of time. */
export async function readManifests(store: Store, folder: string): Promise<readonly Manifest[]> {
  const files = await store.list(manifestFolder(folder));
  const manifests: Manifest[] = [];
  for (const { path } of files) {
    if (!/\/\d[^/]*\.json$/.test(path)) continue;
    const bytes = await store.read(path);
    // It may have gone meanwhile.
    if (bytes !== undefined) manifests.push(JSON.parse(Buffer.from(bytes).toString()) as Manifest);
  }
  return manifests;
}

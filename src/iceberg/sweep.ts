/**
 * What runs of a checkpoint have left that were killed: data files of batches that are not in the table, and
 * manifests and lists that no snapshot names. Only files with the checkpoint's own names are looked at.
 */

import { rm } from "node:fs/promises";
import { joinPath, type Store } from "../warehouse/store.ts";
import { type TableVersion, VERSION_FILE } from "./catalog.ts";
import { dataFilesIn } from "./manifests.ts";
import type { ListCache } from "./merge.ts";
import { DELETES_VERSIONS } from "./metadata.ts";

export interface Sweep {
  readonly store: Store;
  readonly folder: string;
  readonly staging: string;
  /** What names of the checkpoint's files begin with: the number of the batch follows. */
  readonly prefix: string;
  /** The last batch that the table has. */
  readonly last: number;
  readonly version: TableVersion | undefined;
  readonly lists: ListCache;
}

/** How many files were removed. */
export async function sweep({
  store,
  folder,
  staging,
  prefix,
  last,
  version,
  lists,
}: Sweep): Promise<number> {
  await rm(staging, { recursive: true, force: true });
  const manifests = await manifestsOf(version, lists);
  const named = new Set([
    ...(version?.metadata.snapshots ?? []).map(({ "manifest-list": list }) => version?.places.pathOf(list)),
    ...manifests,
  ]);
  const filesIn = async (inside: string): Promise<readonly string[]> =>
    (await store.list(joinPath(folder, inside))).map(({ path }) => path);
  const isOwn = (path: string): boolean => (path.split("/").at(-1) ?? "").startsWith(prefix);
  const batchOf = (path: string): number =>
    Number.parseInt((path.split("/").at(-1) ?? "").slice(prefix.length), 10);
  const listed = new Set(
    version?.metadata["metadata-log"]?.map((entry) => version.places.pathOf(entry["metadata-file"])),
  );
  // Each commit removes the oldest one: what is before all of the log is left of one that was killed.
  const isOldVersion = (path: string): boolean =>
    version?.metadata.properties[DELETES_VERSIONS] === "true" &&
    !listed.has(path) &&
    Number(VERSION_FILE.exec(path)?.[1] ?? Number.POSITIVE_INFINITY) < version.number - listed.size;
  const later = (await filesIn("data")).filter((path) => isOwn(path) && batchOf(path) > last);
  // The mark may have been taken away: what a snapshot has is not removed, whatever it says.
  const inUse = later.length === 0 ? new Set() : await dataFilesOf(store, version, manifests);
  const left = [
    ...later.filter((path) => !inUse.has(path)),
    ...(await filesIn("metadata")).filter((path) => (isOwn(path) && !named.has(path)) || isOldVersion(path)),
  ];
  for (const path of left) await store.remove(path);
  return left.length;
}

/** The manifests of all snapshots, as paths of the store. */
async function manifestsOf(
  version: TableVersion | undefined,
  lists: ListCache,
): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  if (version === undefined) return paths;
  for (const snapshot of version.metadata.snapshots ?? [])
    for (const { manifest_path: path } of await lists.of(version, snapshot))
      paths.add(version.places.pathOf(path));
  return paths;
}

async function dataFilesOf(store: Store, version: TableVersion | undefined, manifests: ReadonlySet<string>) {
  const paths = new Set<string>();
  for (const manifest of manifests) {
    const bytes = await store.read(manifest);
    if (bytes === undefined || version === undefined) continue;
    for (const uri of dataFilesIn(bytes, manifest)) paths.add(version.places.pathOf(uri));
  }
  return paths;
}

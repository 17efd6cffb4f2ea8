/** The files that hold each row of a table once, while compactions may be under way. */

import { StreamkitError } from "../../base/error.ts";
import { isVisibleFile } from "../hive-layout.ts";
import { joinPath, type Store, type StoredFile } from "../store.ts";
import { hiddenPath, type Manifest, readManifests } from "./manifest.ts";

const MAX_ATTEMPTS = 100;

/** What readers by listing see of a table: Parquet files in folders that aren't hidden. */
export function isVisible(folder: string, { path }: StoredFile): boolean {
  return isVisibleFile(path.slice(folder.length + 1));
}

export interface TableFile {
  /** Where it is in the store. */
  readonly path: string;
  /** Where it is going to be: in its partition's folder. */
  readonly place: string;
  readonly sizeBytes: number;
}

/** They stay readable for as long as compactions wait. What this returns is the table of one moment. */
export async function tableFiles(store: Store, folder: string): Promise<readonly TableFile[]> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const manifests = await readManifests(store, folder);
    const listed = await store.list(folder);
    const after = await readManifests(store, folder);
    if (stateOf(after) === stateOf(manifests)) return replaced(folder, listed, manifests);
  }
  throw new StreamkitError("io", `The files of ${folder} can't be listed: its compactions go on too fast`);
}

function stateOf(manifests: readonly Manifest[]): string {
  return manifests.map(({ id, state }) => `${id} ${state}`).join("\n");
}

function replaced(
  folder: string,
  listed: readonly StoredFile[],
  manifests: readonly Manifest[],
): TableFile[] {
  const sizes = new Map(listed.map(({ path, sizeBytes }) => [path, sizeBytes]));
  const visible = listed.filter((file) => isVisible(folder, file)).map(({ path }) => path);
  const places = new Map(visible.map((path) => [path, path]));
  for (const manifest of manifests) {
    if (manifest.state === "retiring") continue;
    const placeOf = (name: string): string => joinPath(folder, manifest.partition, name);
    const inPlace = [...manifest.old, ...manifest.new].map(placeOf);
    // None is there where the partition was dropped.
    if (!inPlace.some((path) => places.has(path))) continue;
    for (const path of inPlace) places.delete(path);
    for (const name of manifest.new) places.set(hiddenPath(folder, manifest, name), placeOf(name));
  }
  return [...places].map(([path, place]) => ({ path, place, sizeBytes: sizes.get(path) ?? 0 }));
}

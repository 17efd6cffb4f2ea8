/** The files that hold each row of a table once, while compactions may be under way. */

import { StreamkitError } from "../../base/error.ts";
import { joinPath, type Store, type StoredFile } from "../store.ts";
import { hiddenPath, type Manifest, readManifests } from "./manifest.ts";

const MAX_ATTEMPTS = 100;

/** What readers by listing see of a table: Parquet files in folders that aren't hidden. */
export function isVisible(folder: string, { path }: StoredFile): boolean {
  return /^(?:[^._/][^/]*\/)*[^._/][^/]*\.parquet$/.test(path.slice(folder.length + 1));
}

/**
 * Paths in the store. They stay readable for as long as compactions wait: what this returns is the files of
 * one moment.
 */
export async function tableFiles(store: Store, folder: string): Promise<readonly string[]> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const manifests = await readManifests(store, folder);
    const listed = (await store.list(folder)).filter((file) => isVisible(folder, file));
    const after = await readManifests(store, folder);
    if (stateOf(after) === stateOf(manifests))
      return replaced(
        folder,
        listed.map(({ path }) => path),
        manifests,
      );
  }
  throw new StreamkitError("io", `The files of ${folder} can't be listed: its compactions go on too fast`);
}

function stateOf(manifests: readonly Manifest[]): string {
  return manifests.map(({ id, state }) => `${id} ${state}`).join("\n");
}

function replaced(folder: string, listed: readonly string[], manifests: readonly Manifest[]): string[] {
  const files = new Set(listed);
  for (const manifest of manifests) {
    if (manifest.state === "retiring") continue;
    const inPlace = [...manifest.old, ...manifest.new].map((name) =>
      joinPath(folder, manifest.partition, name),
    );
    // None is there where the partition was dropped.
    if (!inPlace.some((path) => files.has(path))) continue;
    for (const path of inPlace) files.delete(path);
    for (const name of manifest.new) files.add(hiddenPath(folder, manifest, name));
  }
  return [...files];
}

/** Readers that ask a metastore where a partition is, sent to another folder and back. */

import { link, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import nodePath from "node:path";
import type { Metastore, PartitionStatistics, TableName } from "../metastore/metastore.ts";
import { valuesOfPath } from "../partition-path.ts";
import { joinPath, type Store } from "../store.ts";

export interface SentReaders {
  /** Whether the metastore has the partition, and in its own folder, or in none, or in another. */
  placeOf(partition: string): Promise<"own" | "none" | "other">;
  /** To a folder of the table: its path in the table's folder. What is in it now is noted with it. */
  send(partition: string, folder: string, found?: PartitionStatistics): Promise<void>;
}

/** `location` is the table's folder as the metastore has it. */
export function metastoreReaders(
  metastore: Metastore,
  table: TableName & { readonly location: string },
): SentReaders {
  const valuesOf = (partition: string): readonly (string | null)[] => [...valuesOfPath(partition).values()];
  return {
    async placeOf(partition) {
      const [found] = await metastore.partitions(table, [valuesOf(partition)]);
      if (found === undefined) return "none";
      return found.location === joinPath(table.location, partition) ? "own" : "other";
    },
    async send(partition, folder, statistics) {
      const location = joinPath(table.location, folder);
      await metastore.changePartitions(table, [{ values: valuesOf(partition), location, statistics }]);
    },
  };
}

/**
 * Gives files of one local folder a second name in another one, so that who is sent there finds them too;
 * takes away second names that stand for a file no more. `keep` are names in `to` of its own.
 */
export async function mirrorFiles(
  from: string,
  names: readonly string[],
  to: string,
  { secondName, keep }: { readonly secondName: (name: string) => string; readonly keep: readonly string[] },
): Promise<void> {
  await mkdir(to, { recursive: true });
  const wanted = new Set([...keep, ...names.map(secondName)]);
  for (const name of await readdir(to)) if (!wanted.has(name)) await rm(nodePath.join(to, name));
  for (const name of names) {
    const [source, target] = [nodePath.join(from, name), nodePath.join(to, secondName(name))];
    const [own, other] = [await inodeOf(source), await inodeOf(target)];
    if (own === undefined || own === other) continue;
    // A file that was written again has another inode under the same name.
    const fresh = nodePath.join(to, `._${nodePath.basename(target)}`);
    await rm(fresh, { force: true });
    await link(source, fresh);
    await rename(fresh, target);
  }
}

async function inodeOf(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.ino;
}

/** Whether second names are to be had. */
export function canMirror({ localFolder }: Store): boolean {
  return localFolder !== undefined;
}

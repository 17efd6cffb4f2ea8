/** A table's partitions told to a metastore as they come and go. */

import type { PartitionObserver } from "../partition-observers.ts";
import { partitionPath, valuesOfPath } from "../partition-path.ts";
import { joinPath, type Store } from "../store.ts";
import type { Metastore, PartitionSpec, PartitionStatistics, TableSpec } from "./metastore.ts";

export interface TablePlace {
  readonly store: Store;
  /** The table's, in the store. */
  readonly folder: string;
}

/** Each is added with its own location when it has files, and counted when it is complete. */
export function metastorePartitions(
  metastore: Metastore,
  table: TableSpec,
  place: TablePlace,
): PartitionObserver {
  // A table without partitions is read as it stands.
  if (table.partitions.length === 0) return {};
  return {
    opened: (partitions) =>
      metastore.addPartitions(
        table,
        partitions.map(({ path }) => partitionSpec(table, path)),
      ),
    async completed(partitions) {
      const changes = [];
      for (const { path } of partitions)
        changes.push({ values: valuesOf(table, path), statistics: await statisticsOf(place, path) });
      await metastore.changePartitions(table, changes);
    },
    async dropped(partitions) {
      for (const { path } of partitions) await metastore.dropPartition(table, valuesOf(table, path));
    },
  };
}

/** Adds partitions whose folders are there already: of the time before there was a metastore. */
export async function addForgotten(
  metastore: Metastore,
  table: TableSpec,
  folders: readonly string[],
): Promise<void> {
  if (table.partitions.length === 0 || folders.length === 0) return;
  const known = new Set(await metastore.partitionNames(table));
  const names = table.partitions.map(({ hiveName }) => hiveName);
  const forgotten = folders.filter((path) => !known.has(partitionPath(names, valuesOf(table, path))));
  await metastore.addPartitions(
    table,
    forgotten.map((path) => partitionSpec(table, path)),
  );
}

function partitionSpec(table: TableSpec, path: string): PartitionSpec {
  return { values: valuesOf(table, path), location: joinPath(table.location, path) };
}

export function valuesOf({ partitions }: TableSpec, path: string): PartitionSpec["values"] {
  const values = valuesOfPath(path);
  return partitions.map(({ name }) => values.get(name) ?? null);
}

async function statisticsOf({ store, folder }: TablePlace, path: string): Promise<PartitionStatistics> {
  const files = (await store.list(joinPath(folder, path))).filter(({ path: name }) =>
    /\/[^._/][^/]*$/.test(name),
  );
  return { files: files.length, bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}

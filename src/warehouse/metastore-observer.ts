/** Partitions that a table of ours completes or drops, told to a Hive Metastore. */

import nodePath from "node:path";
import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { isVisible } from "./compaction/table-files.ts";
import { rowsIn } from "./footers.ts";
import type { Metastore, PartitionSpec, PartitionStatistics, TableSpec } from "./metastore/metastore.ts";
import type { PartitionObserver } from "./partition-observers.ts";
import { partitionPath, valuesOfPath } from "./partition-path.ts";
import { joinPath, type Store } from "./store.ts";

export interface MetastoreObserverOptions {
  readonly metastore: Metastore;
  readonly spec: TableSpec;
  readonly store: Store;
  readonly folder: string;
  readonly database: Database;
  /** For what is fetched for a moment. */
  readonly workingFolder: string;
  /** Where nothing tells when a partition is complete, it is added with its first file. */
  readonly addsAtOnce: boolean;
}

export function metastoreObserver(options: MetastoreObserverOptions): PartitionObserver {
  const { metastore, spec, addsAtOnce } = options;
  // A table without partitions is read as it stands.
  if (spec.partitions.length === 0) return {};
  return {
    async opened(partitions) {
      if (!addsAtOnce) return;
      await metastore.addPartitions(
        spec,
        partitions.map(({ path }) => partitionSpec(spec, path)),
      );
    },
    async completed(partitions) {
      const specs = [];
      for (const { path } of partitions)
        specs.push({ ...partitionSpec(spec, path), statistics: await statisticsOf(options, path) });
      await metastore.addPartitions(spec, specs);
      // One that was there, and was opened again by late rows, has other figures now; it may have been moved.
      await metastore.changePartitions(
        spec,
        specs.map(({ values, statistics }) => ({ values, statistics })),
      );
    },
    async dropped(partitions) {
      for (const { path } of partitions) await metastore.dropPartition(spec, valuesOf(spec, path));
    },
  };
}

/**
 * Adds partitions whose folders are there already: of the time before there was a metastore. Those that
 * aren't complete are left for later, unless they are added with their first file.
 */
export async function addForgotten(
  { metastore, spec, store, folder, addsAtOnce }: MetastoreObserverOptions,
  folders: readonly string[],
): Promise<void> {
  if (spec.partitions.length === 0 || folders.length === 0) return;
  const known = new Set(await metastore.partitionNames(spec));
  const names = spec.partitions.map(({ hiveName }) => hiveName);
  const forgotten = [];
  for (const path of folders) {
    if (known.has(partitionPath(names, valuesOf(spec, path)))) continue;
    if (addsAtOnce || (await store.exists(joinPath(folder, path, "_SUCCESS")))) forgotten.push(path);
  }
  await metastore.addPartitions(
    spec,
    forgotten.map((path) => partitionSpec(spec, path)),
  );
}

function partitionSpec(spec: TableSpec, path: string): PartitionSpec {
  return { values: valuesOf(spec, path), location: joinPath(spec.location, path) };
}

function valuesOf({ partitions }: TableSpec, path: string): PartitionSpec["values"] {
  const values = valuesOfPath(path);
  return partitions.map(({ name }) => values.get(name) ?? null);
}

async function statisticsOf(
  { store, folder, database, workingFolder }: MetastoreObserverOptions,
  path: string,
): Promise<PartitionStatistics> {
  const files = (await store.list(joinPath(folder, path))).filter((file) => isVisible(folder, file));
  const bytes = files.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  const rows = await rowsIn(database, store, files, nodePath.join(workingFolder, "footers", folder));
  return { ...(rows === undefined ? {} : { rows }), bytes, files: files.length };
}

/** A table's place as other engines call it; `location` is what the job says of the warehouse. */
export function locationOf(store: Store, folder: string, location: string | undefined): string {
  const base = location ?? (store.localFolder === undefined ? store.url : `file:${store.localFolder}`);
  return `${base.replace(/\/+$/, "").replace(/^s3:/, "s3a:")}/${folder}`;
}

/** `db.t` → its database and name; a table of none is in `default`. */
export function metastoreName(table: string): { readonly database: string; readonly table: string } {
  const [first = "", second] = table.toLowerCase().split(".");
  if (first === "") throw new StreamkitError("bug", "A table without a name");
  return second === undefined ? { database: "default", table: first } : { database: first, table: second };
}

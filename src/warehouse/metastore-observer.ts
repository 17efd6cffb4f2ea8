/** Partitions that a table of ours completes or drops, told to a Hive Metastore. */

import nodePath from "node:path";
import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { literal, sql } from "../duckdb/sql.ts";
import type { Metastore, PartitionStatistics, TableSpec } from "./metastore/metastore.ts";
import type { PartitionObserver } from "./partition-observers.ts";
import { valuesOfPath } from "./partition-path.ts";
import { joinPath, type Store } from "./store.ts";

export interface MetastoreObserverOptions {
  readonly metastore: Metastore;
  readonly spec: TableSpec;
  readonly store: Store;
  readonly folder: string;
  readonly database: Database;
  /** Where nothing tells when a partition is complete, it is added with its first file. */
  readonly addsAtOnce: boolean;
}

export function metastoreObserver(options: MetastoreObserverOptions): PartitionObserver {
  const { metastore, spec, addsAtOnce } = options;
  const valuesOf = (path: string): readonly (string | null)[] => {
    const values = valuesOfPath(path);
    return spec.partitions.map(({ name }) => values.get(name) ?? null);
  };
  const specOf = (path: string) => ({ values: valuesOf(path), location: `${spec.location}/${path}` });
  const isPartitioned = spec.partitions.length > 0;
  return {
    async opened(partitions) {
      if (!addsAtOnce || !isPartitioned) return;
      await metastore.addPartitions(
        spec,
        partitions.map(({ path }) => specOf(path)),
      );
    },
    async completed(partitions) {
      if (!isPartitioned) return;
      const specs = [];
      for (const { path } of partitions)
        specs.push({ ...specOf(path), statistics: await statisticsOf(options, path) });
      await metastore.addPartitions(spec, specs);
      // One that was there, and was opened again by late rows, has other figures now.
      await metastore.movePartitions(
        spec,
        specs.filter(({ statistics }) => statistics !== undefined),
      );
    },
    async dropped(partitions) {
      for (const { path } of partitions) await metastore.dropPartition(spec, valuesOf(path));
    },
  };
}

/** From the footers of files that are on this machine; others would have to be fetched for it. */
async function statisticsOf(
  { store, folder, database }: MetastoreObserverOptions,
  path: string,
): Promise<PartitionStatistics | undefined> {
  const { localFolder } = store;
  if (localFolder === undefined) return undefined;
  const below = await store.list(joinPath(folder, path));
  const files = below.filter((file) => /\/part-[^/]*\.parquet$/.test(file.path));
  if (files.length === 0) return undefined;
  const names = files.map((file) => literal(nodePath.join(localFolder, file.path)));
  const row = await database.row(
    sql`SELECT sum(num_rows)::BIGINT AS rows FROM parquet_file_metadata([${names}])`,
  );
  const bytes = files.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  return { rows: Number(row["rows"]), bytes, files: files.length };
}

/** A table's place as other engines call it. `location` is what the job says of the warehouse, if anything. */
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

/** The sink `parquet:` with a Hive Metastore: what it opens before the first row is written. */

import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { HiveTable } from "../warehouse/hive-table.ts";
import { openMetastore } from "../warehouse/metastore/hive-metastore.ts";
import type { Metastore, TableSpec } from "../warehouse/metastore/metastore.ts";
import { joinPath, type Store } from "../warehouse/store.ts";

export interface MetastoreChoice {
  readonly metastore?: string | undefined;
  readonly location?: string | undefined;
  readonly add_columns: boolean;
  readonly table: string;
}

export interface OpenTable {
  readonly metastore: Metastore;
  readonly spec: TableSpec;
}

export interface MetastoreContext {
  readonly store: Store;
  /** The table's, in the store. */
  readonly folder: string;
  readonly hive: () => Promise<HiveTable>;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Compares the table, if the metastore has it; makes nothing yet. Undefined without a metastore. */
export async function openMetastoreTable(
  given: MetastoreChoice,
  { store, folder, hive, clock, env }: MetastoreContext,
): Promise<OpenTable | undefined> {
  if (given.metastore === undefined) return undefined;
  const spec = tableSpec(given, store, folder, await hive());
  const user = env["HADOOP_USER_NAME"] ?? env["USER"] ?? env["LOGNAME"] ?? "streamkit";
  const metastore = openMetastore(given.metastore, { clock, user });
  try {
    if (given.add_columns) {
      const added = await metastore.addColumns(spec);
      if (added.length > 0) logger("parquet").info(`${given.table} has new columns: ${added.join(", ")}`);
    }
    await metastore.checkTable(spec);
  } catch (error) {
    metastore.close();
    throw error;
  }
  return { metastore, spec };
}

/** The table as a metastore is to have it. Throws code `job` where nothing tells its location. */
function tableSpec(
  { table, location }: Pick<MetastoreChoice, "table" | "location">,
  store: Store,
  folder: string,
  hive: HiveTable,
): TableSpec {
  const [first = "", second] = table.split(".");
  return {
    database: (second === undefined ? "default" : first).toLowerCase(),
    table: (second ?? first).toLowerCase(),
    ...hive,
    location: joinPath((location ?? locationOf(store)).replace(/\/+$/, ""), folder),
  };
}

/** The store's root as Hadoop's programs name it. */
function locationOf({ localFolder, url }: Store): string {
  if (localFolder !== undefined) return `file:${localFolder}`;
  if (/^s3:/i.test(url)) return url.replace(/^s3:/i, "s3a:");
  throw new StreamkitError(
    "job",
    `location: how readers name ${url} can't be told from it: say it, like hdfs://NAMENODE:8020/PATH`,
  );
}

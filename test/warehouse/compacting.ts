/** A table of many small files, and its compaction in this process. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import {
  type CompactOptions,
  type CompactReport,
  compactTable,
} from "../../src/warehouse/compaction/compact.ts";
import { tableFiles } from "../../src/warehouse/compaction/table-files.ts";
import { openLocalStore } from "../../src/warehouse/local-store.ts";
import type { Store } from "../../src/warehouse/store.ts";

export interface SmallFiles {
  readonly store: Store;
  /** Of this machine. */
  readonly table: string;
  readonly database: Database;
  /** A file of a writer's batch, with rows `first` to `first + 9` of a column `n`. */
  write(partition: string, writer: string, batch: number, first: number): Promise<void>;
  /** Names below the table, without what is hidden. */
  visible(): Promise<string[]>;
  /** The same with what is hidden, but without what is remembered for good. */
  everything(): Promise<string[]>;
  /** All `n` that `query` would find, sorted. */
  numbers(): Promise<number[]>;
  compact(changed?: Partial<CompactOptions>): Promise<CompactReport>;
}

/** `folder` is the table's, in the warehouse. */
export async function smallFiles(warehouse: string, folder = "t"): Promise<SmallFiles> {
  const store = openLocalStore(warehouse);
  const database = await openDatabase();
  const table = join(warehouse, folder);
  const everything = async (): Promise<string[]> =>
    (await store.list(folder))
      .map(({ path }) => path.slice(folder.length + 1))
      .filter((name) => name !== "_streamkit/compacted.json");
  return {
    store,
    table,
    database,
    async write(partition, writer, batch, first) {
      mkdirSync(join(table, partition), { recursive: true });
      const staged = join(warehouse, "staged");
      await database.run(sql`COPY (SELECT ${first}::BIGINT + range AS n FROM range(10))
        TO ${staged} (FORMAT parquet)`);
      const to = `${folder}/${partition}/part-${writer}-${batch}-0.parquet`;
      await store.put([{ from: staged, to }], { staging: "_staging", isDurable: false });
    },
    everything,
    visible: async () => (await everything()).filter((name) => !/(?:^|\/)[._]/.test(name)),
    async numbers() {
      const files = (await tableFiles(store, folder)).map(({ path }) => sql`${join(warehouse, path)}`);
      const rows = await database.rows(sql`SELECT n FROM read_parquet([${files}]) ORDER BY n`);
      return rows.map(({ n }) => Number(n));
    },
    compact: (changed = {}) =>
      compactTable({
        store,
        folder,
        database,
        workingFolder: join(warehouse, "working"),
        clock: systemClock,
        owner: { host: "here", pid: 1, identityOf: (pid) => `${pid} gone` },
        readers: undefined,
        targetBytes: 128 * 1024 * 1024,
        idleMs: 0,
        delayMs: 0,
        waits: true,
        stop: new AbortController().signal,
        ...changed,
      }),
  };
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Writers of one Iceberg table in this process, each with a database of its own. */

import { join } from "node:path";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { raw, sql } from "../../src/duckdb/sql.ts";
import { parsePartition } from "../../src/iceberg/partitions.ts";
import { type IcebergTable, openTable } from "../../src/iceberg/table.ts";
import { openLocalStore } from "../../src/warehouse/local-store.ts";
import type { Store } from "../../src/warehouse/store.ts";
import { emptyFolder } from "../support/binary.ts";

export interface Writing extends AsyncDisposable {
  /** The table's folder. */
  readonly table: string;
  readonly store: Store;
  writer(name: string, options?: WriterOptions): Promise<TestWriter>;
}

interface WriterOptions {
  readonly keep?: number;
  readonly partitionBy?: readonly string[];
  readonly store?: Store;
}

interface TestWriter {
  /** Opens the table anew for these rows, a SELECT, and appends them as the next batch. */
  append(query: string, batch?: number): Promise<void>;
}

/** The values of the column `n`, in their order. */
export function numbers(rows: readonly Readonly<Record<string, unknown>>[]): readonly number[] {
  return rows.map(({ n }) => Number(n)).toSorted((a, b) => a - b);
}

/** In a folder, or in a store whose files are to be brought into that folder before they are read. */
export function writing(elsewhere?: Store): Writing {
  const folder = emptyFolder();
  const root = join(folder.path, "wh");
  const store = elsewhere ?? openLocalStore(root);
  const databases: Database[] = [];
  return {
    table: join(root, "t"),
    store,
    async writer(name, options = {}) {
      const database = await openDatabase({ threads: 1 });
      databases.push(database);
      let opened: { readonly table: IcebergTable; readonly of: string } | undefined;
      let last = 0;
      return {
        async append(query, batch = last + 1) {
          last = batch;
          await database.run(sql`CREATE OR REPLACE TEMP TABLE batch AS ${raw(query)}`);
          const columns = await database.describe(raw("FROM batch"));
          const of = JSON.stringify(columns);
          if (opened?.of !== of)
            opened = {
              of,
              table: await openTable({
                database,
                store: options.store ?? store,
                folder: "t",
                table: "t",
                location: `file:${root}/t`,
                columns,
                partitions: options.partitionBy?.map(parsePartition),
                writer: name,
                checkpoint: `checkpoint of ${name}`,
                knownColumns: columns.map((column) => column.name),
                keepSnapshots: options.keep ?? 100,
                staging: join(folder.path, "staging", name),
                isDurable: true,
                nowMs: () => Date.UTC(2026, 0, 5, 14, 30),
              }),
            };
          await opened.table.append(batch, "batch", await opened.table.adopt());
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const database of databases) database.close();
      folder[Symbol.dispose]();
    },
  };
}

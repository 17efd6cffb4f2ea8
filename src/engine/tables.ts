/** Static tables to join with: files that are read again when they change. */

import { stat } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { Database } from "../duckdb/database.ts";
import { id, sql } from "../duckdb/sql.ts";
import type { TableConfig } from "../job/schema.ts";
import { tableQuery } from "./table-file.ts";

export interface StaticTables {
  /** Reads those again whose file has changed; looks no more often than `refresh` says. */
  refresh(): Promise<void>;
}

/** Loads every table. Throws code `job` where a file can't be read. */
export async function openTables(
  database: Database,
  tables: Readonly<Record<string, TableConfig>>,
  baseFolder: string,
  clock: Clock,
): Promise<StaticTables> {
  const watched = await Promise.all(
    Object.entries(tables).map(async ([name, { from, refresh }]) => {
      const file = path.resolve(baseFolder, from.replace(/^file:/, ""));
      await load(database, name, file);
      return {
        name,
        file,
        refreshMs: refresh,
        lookedAtMs: clock.monotonicMs(),
        version: await versionOf(file),
      };
    }),
  );
  return {
    async refresh() {
      for (const table of watched) {
        if (clock.monotonicMs() - table.lookedAtMs < table.refreshMs) continue;
        table.lookedAtMs = clock.monotonicMs();
        const version = await versionOf(table.file);
        if (version === table.version) continue;
        try {
          await load(database, table.name, table.file);
          table.version = version;
        } catch (error) {
          logger("tables").warn(`Table ${table.name} keeps its rows: ${messageOf(error)}`);
        }
      }
    },
  };
}

async function load(database: Database, name: string, file: string): Promise<void> {
  try {
    await database.run(sql`CREATE OR REPLACE TABLE ${id(name)} AS ${await tableQuery(database, file)}`);
  } catch (error) {
    throw new StreamkitError("job", `The table "${name}" can't be read from "${file}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function versionOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  return found === undefined ? "gone" : `${found.size} ${found.mtimeMs} ${found.ino}`;
}

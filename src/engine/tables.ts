/** Static tables to join with: files that are read again when they change. */

import { stat } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { openFormerTables } from "../checkpoint/former-tables.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { TableConfig } from "../job/schema.ts";
import { withoutExcerpt } from "../sql/query-texts.ts";
import { tableQuery } from "./table-file.ts";

export interface StaticTables {
  /** Reads those again whose file has changed; looks no more often than `refresh` says. */
  refresh(): Promise<void>;
  /**
   * Once, before the first batch, where the checkpoint is attached: from then on what batches saw is kept
   * there.
   */
  settle(checkpoint: Pick<Checkpoint, "pendingPlan">): Promise<void>;
  /** Tables that have other rows than the last batch saw. */
  changed(): ReadonlySet<string>;
  /** What a batch saw, for its commit; and when that is durable. */
  commit(): readonly Sql[];
  committed(): void;
}

interface Watched {
  readonly name: string;
  readonly file: string;
  readonly refreshMs: number;
  /** What queries were planned with. */
  readonly columns: readonly Column[];
  lookedAtMs: number;
  /** Of the file whose rows the table has. */
  version: string;
  /** Why its rows are not those of the file now; told once. */
  fault: string | undefined;
}

/** Loads every table. Throws code `job` where a file can't be read. */
export async function openTables(
  database: Database,
  tables: Readonly<Record<string, TableConfig>>,
  baseFolder: string,
  clock: Clock,
): Promise<StaticTables> {
  const watched = await Promise.all(
    Object.entries(tables).map(async ([name, { from, refresh }]): Promise<Watched> => {
      const file = path.resolve(baseFolder, from.replace(/^file:/, ""));
      const version = await versionOf(file);
      await load(database, name, file);
      const columns = await database.describe(sql`FROM ${id(name)}`);
      const lookedAtMs = clock.monotonicMs();
      return { name, file, refreshMs: refresh, columns, lookedAtMs, version, fault: undefined };
    }),
  );
  const former = openFormerTables(
    database,
    watched.map(({ name }) => name),
  );
  let isSettled = false;
  return {
    async refresh() {
      for (const table of watched) {
        if (clock.monotonicMs() - table.lookedAtMs < table.refreshMs) continue;
        table.lookedAtMs = clock.monotonicMs();
        const isRead = await refreshTable(database, table);
        if (isRead && isSettled) await former.note(table.name);
      }
    },
    async settle(checkpoint) {
      const others = await former.settle(checkpoint);
      isSettled = true;
      for (const table of watched) if (others.includes(table.name)) table.version = OF_REPEATED_BATCH;
    },
    changed: () => former.changed(),
    commit: () => former.commit(),
    committed: () => former.committed(),
  };
}

/** No file's: after that batch it is read again. */
const OF_REPEATED_BATCH = "of a repeated batch";

/**
 * True where the table was read again. A file that is no table now, as one is that is just being written,
 * leaves it as it is.
 */
async function refreshTable(database: Database, table: Watched): Promise<boolean> {
  const version = await versionOf(table.file);
  if (version === table.version && table.fault === undefined) return false;
  let isRead = false;
  try {
    // Back again as it was.
    if (version !== table.version) {
      await loadAgain(database, table);
      isRead = true;
    }
    table.version = version;
    if (table.fault !== undefined) logger("tables").info(`Table ${table.name} is as its file again`);
    table.fault = undefined;
  } catch (error) {
    const [fault = ""] = withoutExcerpt(messageOf(error)).split("\n");
    if (fault !== table.fault)
      logger("tables").warn(`Table ${table.name} keeps the rows that it had: "${table.file}" ${fault}`);
    table.fault = fault;
  }
  return isRead;
}

async function load(database: Database, name: string, file: string): Promise<void> {
  try {
    await database.run(sql`CREATE OR REPLACE TABLE ${id(name)} AS ${await tableQuery(database, file)}`);
  } catch (error) {
    // What follows are settings of DuckDB's, which a job does not have.
    const [reason = ""] = messageOf(error).split("\nThe search space used was");
    throw new StreamkitError("job", `The table "${name}" can't be read from "${file}": ${reason}`, {
      cause: error,
    });
  }
}

/** The same columns, of the same types, with the file's rows; at least one. Throws where that can't be. */
async function loadAgain(database: Database, { name, file, columns }: Watched): Promise<void> {
  const query = await tableQuery(database, file).catch((error: unknown) => {
    throw new StreamkitError("input", `can't be read: ${messageOf(error)}`, { cause: error });
  });
  const found = new Set((await database.describe(query)).map((column) => column.name));
  const missing = columns.filter((column) => !found.has(column.name)).map((column) => column.name);
  if (missing.length > 0)
    throw new StreamkitError(
      "input",
      `has no column "${missing.join('", "')}": found ${[...found].join(", ")}`,
    );
  const values = columns.map((column) => sql`${id(column.name)}::${raw(column.type)} AS ${id(column.name)}`);
  await database.run(raw("BEGIN"));
  try {
    const rows = await database.runCounting(
      sql`CREATE OR REPLACE TABLE ${id(name)} AS SELECT ${values} FROM (${query})`,
    );
    if (rows === 0) throw new StreamkitError("input", "has no rows");
    await database.run(raw("COMMIT"));
  } catch (error) {
    await database.run(raw("ROLLBACK"));
    if (error instanceof StreamkitError && error.code === "input") throw error;
    throw new StreamkitError("input", `does not fit: ${messageOf(error)}`, { cause: error });
  }
}

async function versionOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  return found === undefined ? "gone" : `${found.size} ${found.mtimeMs} ${found.ino}`;
}

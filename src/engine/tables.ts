/** Static tables to join with: files that are read again when they change. */

import { existsSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { SIGNATURE_BYTES, type Signature, signatureOf } from "../content/signatures.ts";
import type { Database } from "../duckdb/database.ts";
import { id, literal, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { TableConfig } from "../job/schema.ts";
import { partitionedRows } from "../warehouse/partitioned-rows.ts";

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
    await database.run(sql`CREATE OR REPLACE TABLE ${id(name)} AS FROM (${await rowsOf(database, file)})`);
  } catch (error) {
    throw new StreamkitError("job", `The table "${name}" can't be read from "${file}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * By what is in the file, and where that is text, by its name. The folders of a file are no partitions of it;
 * those that a pattern of Parquet files names are. Throws code `job` where it is no table.
 */
async function rowsOf(database: Database, file: string): Promise<Sql> {
  const signature = await firstSignature(file);
  const options = raw("hive_partitioning = false");
  if (signature.is === "parquet") return sql`FROM read_parquet(${file}, ${options})`;
  if (signature.is === "foreign")
    throw new StreamkitError("job", `it is ${signature.what}, which is not read: ${signature.remedy}`);
  if (signature.is === "marked")
    throw new StreamkitError("job", `it is text in ${signature.encoding}: convert it with iconv -t utf-8`);
  const packing = signature.is === "packed" ? sql`, compression = ${signature.how}` : raw("");
  const name = file.replace(/\.(?:gz|zst|zstd)$/i, "");
  if (/\.parquet$/i.test(name)) return partitionedFiles(database, file);
  if (/\.(?:nd)?jsonl?$/i.test(name)) return sql`FROM read_json(${file}, ${options}${packing})`;
  if (/\.(?:csv|tsv|txt)$/i.test(name)) return sql`FROM read_csv(${file}, ${options}${packing})`;
  return sql`FROM ${raw(literal(file).text)}`;
}

async function partitionedFiles(database: Database, pattern: string): Promise<Sql> {
  const [first] = await database.rows(sql`SELECT file FROM glob(${pattern}) LIMIT 1`);
  const example = String(first?.["file"] ?? "");
  return partitionedRows(database, { files: sql`${pattern}`, partitions: undefined, example, unites: false });
}

/** A glob, or what is not there, is DuckDB's to judge. */
async function firstSignature(file: string): Promise<Signature> {
  if (!existsSync(file)) return { is: "text" };
  const input = await open(file, "r");
  try {
    const { buffer, bytesRead } = await input.read(Buffer.alloc(SIGNATURE_BYTES), 0, SIGNATURE_BYTES, 0);
    return signatureOf(buffer.subarray(0, bytesRead));
  } finally {
    await input.close();
  }
}

async function versionOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  return found === undefined ? "gone" : `${found.size} ${found.mtimeMs} ${found.ino}`;
}

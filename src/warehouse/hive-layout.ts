/**
 * Tables as folders in Hive's layout: `warehouse/[db.db/]table/dt=2026-01-05/part-<job>-<batch>-<n>.parquet`.
 */

import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { sync } from "../base/durable.ts";
import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";

/** One level of partition folders. */
export interface PartitionColumn {
  readonly name: string;
  /** SQL over the row's columns. */
  readonly expression: string;
}

/** `dt=window_start::DATE` or a bare column name. Throws code `job`. */
export function parsePartition(text: string): PartitionColumn {
  const match = /^\s*([A-Za-z_]\w*)\s*(?:=(?!=)\s*(\S.*))?$/s.exec(text);
  if (match?.[1] === undefined)
    throw new StreamkitError(
      "job",
      `A partition is NAME=EXPRESSION like dt=ts::DATE, or a column's name: found "${text}"`,
    );
  return { name: match[1], expression: match[2] ?? `"${match[1]}"` };
}

/** The folder of a table; `db.table` is a table of a database. Throws code `job` where the name is none. */
export function tableFolder(warehouse: string, table: string): string {
  if (!/^(?:[A-Za-z_]\w*\.)?[A-Za-z_]\w*$/.test(table))
    throw new StreamkitError("job", `A table is called NAME or DATABASE.NAME: found "${table}"`);
  const [first, second] = table.split(".");
  return second === undefined
    ? path.join(warehouse, first ?? "")
    : path.join(warehouse, `${first}.db`, second);
}

/**
 * Names of files that are not there yet for readers: Hive and Spark pass over what begins with `_`, and
 * without `.parquet` at its end a reader by glob does too.
 */
export function stagingFolder(folder: string, writer: string): string {
  return path.join(folder, `_staging-${writer}`);
}
export const STAGED_EXTENSION = "staged";

/**
 * Moves staged files to the names of a batch. A file of the same name is replaced: it is the same batch's.
 * With `isDurable` they are there after a power cut too when this returns.
 */
export async function publish(
  staging: string,
  folder: string,
  writer: string,
  batchId: number,
  isDurable: boolean,
): Promise<void> {
  let count = 0;
  const changed = new Set<string>();
  for (const staged of await filesBelow(staging)) {
    const target = path.join(folder, path.dirname(path.relative(staging, staged)));
    await mkdir(target, { recursive: true });
    if (isDurable) await sync(staged);
    await rename(staged, path.join(target, `part-${writer}-${batchId}-${count}.parquet`));
    failpoint("parquet-renamed");
    count += 1;
    // A partition's folder may be new, and so may those above it.
    for (let above = target; above.startsWith(folder); above = path.dirname(above)) changed.add(above);
  }
  if (isDurable) for (const name of [...changed, path.dirname(folder)]) await sync(name);
  await rm(staging, { recursive: true, force: true });
  failpoint("parquet-published");
}

/** Removes what a crash left: staged files, and files of batches after the last commit. Returns how many. */
export async function removeUncommitted(
  folder: string,
  writer: string,
  committedBatch: number,
): Promise<number> {
  if (!existsSync(folder)) return 0;
  await rm(stagingFolder(folder, writer), { recursive: true, force: true });
  let removed = 0;
  for (const file of await filesBelow(folder)) {
    const match = /^part-(.+)-(\d+)-\d+\.parquet$/.exec(path.basename(file));
    if (match?.[1] !== writer || Number(match[2]) <= committedBatch) continue;
    await rm(file);
    removed += 1;
  }
  return removed;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();
}

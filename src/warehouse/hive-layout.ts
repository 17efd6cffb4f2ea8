/**
 * Tables as folders in Hive's layout: `warehouse/[db.db/]table/dt=2026-01-05/part-<job>-<batch>-<n>.parquet`.
 */

import { rm } from "node:fs/promises";
import nodePath from "node:path";
import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { isHiddenName, joinPath, type Store } from "./store.ts";

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

/** What begins with `_` is hidden from readers. */
export const TABLE_NAME = /^(?:[A-Za-z]\w*\.)?[A-Za-z]\w*$/;

/** A table's folder in its store; `db.table` is a table of a database. Throws code `job` if it is no name. */
export function tableFolder(table: string): string {
  if (!TABLE_NAME.test(table))
    throw new StreamkitError("job", `A table is called NAME or DATABASE.NAME: found "${table}"`);
  const [first, second] = table.split(".");
  return second === undefined ? (first ?? "") : `${first}.db/${second}`;
}

/**
 * Names of files that are not there yet for readers: Hive and Spark pass over what begins with `_`, and
 * without `.parquet` at its end a reader by glob does too.
 */
export function stagingFolder(folder: string, writer: string): string {
  return joinPath(folder, `_staging-${writer}`);
}

/** Whose files of a table are spoken of. */
export interface Writer {
  readonly store: Store;
  /** The table's. */
  readonly folder: string;
  readonly name: string;
  /** Where its files are staged on this machine. */
  readonly staging: string;
  readonly isDurable: boolean;
}

/** Whether readers pass over a folder: a partition `_p=1` is none to Spark, though it is to Hive. */
export function isHiddenFolder(name: string): boolean {
  return name.startsWith(".") || (name.startsWith("_") && !name.includes("="));
}

/** Whether readers by listing find rows in a file, by its path in the table. */
export function isVisibleFile(path: string): boolean {
  const [name = "", ...folders] = path.split("/").toReversed();
  return /^[^._].*\.parquet$/s.test(name) && !folders.some(isHiddenFolder);
}

/** So Flink calls its writers, whose files are else called as ours are. */
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/;

/** Whether a file has a name that this program gives. */
export function isOurFile(path: string): boolean {
  const batch = batchOfFile(path);
  return (batch !== undefined && !UUID.test(batch.writer)) || /(?:^|\/)compacted-[^/]+\.parquet$/.test(path);
}

/** Whose batch a file is of, by its path; undefined for one that no batch wrote. */
export function batchOfFile(path: string): { readonly writer: string; readonly batch: number } | undefined {
  const match = /(?:^|\/)part-([^/]+)-(\d+)-\d+\.parquet$/.exec(path);
  return match?.[1] === undefined ? undefined : { writer: match[1], batch: Number(match[2]) };
}

/** A file of this machine that is to be a partition's: `dt=2026-01-05/hour=09`, or "". */
interface NewFile {
  readonly from: string;
  readonly partition: string;
}

/**
 * Moves files to the names of a batch. A file of the same name is replaced: it is the same batch's. With
 * `isDurable` they are there after a power cut too when this returns.
 */
export async function publish(writer: Writer, files: readonly NewFile[], batchId: number): Promise<void> {
  const { store, folder, name, isDurable } = writer;
  // Of the same rows the names are the same, whichever file was staged first.
  const placed = files
    .toSorted((a, b) => compare(a.partition, b.partition) || compare(a.from, b.from))
    .map(({ from, partition }, index) => ({
      from,
      to: joinPath(folder, partition, `part-${name}-${batchId}-${index}.parquet`),
    }));
  await store.put(placed, { staging: stagingFolder(folder, name), isDurable });
  await removeStaged(writer);
  failpoint("parquet-published");
}

/** Whether a name has letters that Unicode writes in several ways. */
export function isOfSeveralForms(name: string): boolean {
  return name.normalize("NFC") !== name || name.normalize("NFD") !== name;
}

/**
 * Of these partitions, those whose folders a store has under other names: one that normalises letters takes
 * two values for one. Only names that have several forms are looked for.
 */
export async function renamedPartitions(
  { store, folder }: Pick<Writer, "store" | "folder">,
  partitions: readonly string[],
): Promise<readonly string[]> {
  const levels = partitions.flatMap((path) =>
    path.split("/").flatMap((name, depth, names) => {
      const parent = names.slice(0, depth).join("/");
      return isOfSeveralForms(name) ? [{ parent, name }] : [];
    }),
  );
  const renamed: string[] = [];
  for (const [parent, found] of Map.groupBy(levels, (level) => level.parent)) {
    const there = new Set(await store.folders(joinPath(folder, parent)));
    renamed.push(...found.filter(({ name }) => !there.has(name)).map(({ name }) => joinPath(parent, name)));
  }
  return [...new Set(renamed)];
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const MAX_HIDDEN_MS = 3_600_000;

/** Removes what a crash left: staged files, and files of batches after the last commit. Returns how many. */
export async function removeUncommitted(
  writer: Writer,
  committedBatch: number,
  nowMs: number,
): Promise<number> {
  const { store, folder, name } = writer;
  await removeStaged(writer);
  let removed = 0;
  for (const { path, modifiedAtMs } of await store.list(folder)) {
    // Of a writer that is alive it would have its name long since.
    if (isHiddenName(path) && nowMs - modifiedAtMs > MAX_HIDDEN_MS) await store.remove(path);
    const own = batchOfFile(path);
    if (own?.writer !== name || own.batch <= committedBatch) continue;
    await store.remove(path);
    removed += 1;
  }
  return removed;
}

/** Removes what is staged, here and in the store. */
export async function removeStaged({ store, folder, name, staging }: Writer): Promise<void> {
  await rm(staging, { recursive: true, force: true });
  const elsewhere = stagingFolder(folder, name);
  const isSame = store.localFolder !== undefined && staging === nodePath.join(store.localFolder, elsewhere);
  if (store.hasRename && !isSame) await store.remove(elsewhere);
}

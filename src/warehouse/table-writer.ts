/**
 * A table in Hive's layout, written batch by batch. The files of a batch are staged and then renamed to names
 * that contain its id, so that a batch that is written again replaces itself. Rows that wait for company and
 * marks of complete partitions go by the commit.
 */

import { mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { failpoint } from "../base/failpoint.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { publish, STAGED_EXTENSION, type Writer } from "./hive-layout.ts";
import { type Partitioning, valuesOfKey } from "./partition-columns.ts";
import type { PartitionObserver } from "./partition-observers.ts";
import { partitionPath } from "./partition-path.ts";
import type { Bound, PartitionRule, ReachedTime } from "./partition-rule.ts";
import type { Retention } from "./retention.ts";
import type { WaitingRows } from "./waiting-rows.ts";

/** A batch, as far as a table is concerned. */
export interface TableBatch {
  readonly id: number;
  readonly relation: string;
  readonly rows: number;
  readonly plannedAtMs: number;
  readonly endsInput: boolean;
  readonly before: ReachedTime;
  readonly after: ReachedTime;
}

/** What a table must remember of a commit. */
export interface TablePosition {
  readonly batch: number;
  /** Partitions that have files, and are not complete. */
  readonly open?: readonly string[];
  /** Partitions that the batch completes: of that, the observers are told after its commit. */
  readonly completed?: readonly string[];
  /** What a row takes in a file, about. */
  readonly bytesPerRow?: number;
}

export interface TableWriter {
  write(batch: TableBatch): Promise<void>;
  position(): TablePosition;
  commit(): readonly Sql[];
  committed(): Promise<void>;
  isDue(nowMs: number): boolean;
  /** Writes the rows that wait, where no checkpoint keeps them. */
  close(): Promise<void>;
}

export interface TableOptions {
  readonly database: Database;
  readonly writer: Writer;
  /** As they are in the files: `expression AS name` of each, and its type. */
  readonly columns: readonly (Column & { readonly written: Sql })[];
  readonly partitioning: Partitioning;
  readonly rule: PartitionRule | undefined;
  readonly completionDelayMs: number;
  readonly retention: Retention | undefined;
  readonly waiting: WaitingRows | undefined;
  /** Rows of complete partitions go where the statement takes them; undefined where they are written. */
  readonly divert: ((rows: Sql, batchId: number) => Sql) | undefined;
  readonly observers: readonly PartitionObserver[];
  readonly committed: TablePosition | undefined;
}

/** Where nothing tells that partitions are complete, not more of them are remembered until the end. */
const MAX_OPEN_WITHOUT_RULE = 10_000;

export async function openTableWriter(options: TableOptions): Promise<TableWriter> {
  const { database, writer, columns, partitioning, rule, waiting, divert, observers, committed } = options;
  const names = partitioning.columns.map(({ name }) => name);
  const open = new Set(committed?.open);
  const known = new Set<string>();
  let { batch: lastBatch = 0, completed = [], bytesPerRow } = committed ?? {};
  let last:
    | { readonly batch: TableBatch; readonly late: Sql | undefined; readonly taken: readonly string[] }
    | undefined;
  let toldBound: Bound = "none";
  let isBetweenBatches = true;

  const rowsOf = (relation: string, isLate: Sql | undefined): Sql => {
    const items = [...columns.map(({ written }) => written), ...partitioning.items];
    const where = isLate === undefined ? raw("") : sql`WHERE NOT (${isLate})`;
    return sql`SELECT ${items} FROM ${id(relation)} ${where}`;
  };
  const pathOfKey = (key: string): string => partitionPath(names, valuesOfKey(key));

  /** Writes rows, with their partition columns, into the files of a batch: how many bytes they are. */
  const writeFiles = async (rows: Sql, batchId: number): Promise<number> => {
    await rm(writer.staging, { recursive: true, force: true });
    await mkdir(writer.staging, { recursive: true });
    await database.run(copyStatement(rows, names, writer.staging));
    failpoint("parquet-staged");
    const { files, bytes } = await stagedFiles(writer.staging);
    for (const { partition } of await publish(writer, files, batchId)) open.add(partition);
    return bytes;
  };

  /** Which of these are complete after the batch; all at the end of the input where no rule tells. */
  const completeOf = async (paths: readonly string[], batch: TableBatch, bound: Bound) =>
    rule === undefined ? (batch.endsInput ? paths : []) : rule.complete(paths, bound);

  const writeWaiting = async (rows: WaitingRows, batch: TableBatch, bound: Bound, late: Sql | undefined) => {
    if (batch.rows > 0) await rows.add(rowsOf(batch.relation, late), batch.plannedAtMs);
    const keys = rows.keys();
    if (keys.length === 0) return [];
    bytesPerRow ??= await sampleBytesPerRow(database, rows.rowsOf(keys), columns, writer.staging);
    const complete = new Set(await completeOf(keys.map(pathOfKey), batch, bound));
    const due = new Set(batch.endsInput ? keys : rows.dueKeys(batch.plannedAtMs, bytesPerRow));
    const taken = keys.filter((key) => due.has(key) || complete.has(pathOfKey(key)));
    if (taken.length > 0)
      bytesPerRow = (await writeFiles(rows.rowsOf(taken), batch.id)) / rows.countOf(taken);
    return taken;
  };

  const tell = async (how: keyof PartitionObserver, paths: readonly string[]): Promise<void> => {
    if (paths.length === 0) return;
    for (const observer of observers) await observer[how]?.(paths.map((name) => ({ path: name })));
  };
  const tellOpened = async (): Promise<void> => {
    const fresh = [...open, ...completed].filter((name) => !known.has(name));
    await tell("opened", fresh);
    for (const name of fresh) known.add(name);
  };
  const committedNow = async (): Promise<void> => {
    await tellOpened();
    await tell("completed", completed);
  };
  // A crash may have come between the commit and this.
  await committedNow();
  return {
    async write(batch) {
      isBetweenBatches = false;
      const bound = (await rule?.boundAt(batch.after, options.completionDelayMs)) ?? "none";
      const late =
        rule === undefined || divert === undefined || batch.rows === 0
          ? undefined
          : rule.isLate(await rule.boundAt(batch.before, options.completionDelayMs));
      let taken: readonly string[] = [];
      const filesBefore = open.size;
      if (waiting !== undefined) taken = await writeWaiting(waiting, batch, bound, late);
      else if (batch.rows > 0) await writeFiles(rowsOf(batch.relation, late), batch.id);
      const isSame = JSON.stringify(bound) === JSON.stringify(toldBound) && open.size === filesBefore;
      completed = isSame && !batch.endsInput ? [] : await completeOf([...open], batch, bound);
      toldBound = bound;
      for (const name of completed) open.delete(name);
      if (rule === undefined)
        for (const name of [...open].slice(0, Math.max(0, open.size - MAX_OPEN_WITHOUT_RULE)))
          open.delete(name);
      lastBatch = batch.id;
      last = { batch, late, taken };
      isBetweenBatches = true;
    },
    position: () => ({
      batch: lastBatch,
      ...(open.size > 0 ? { open: [...open] } : {}),
      ...(completed.length > 0 ? { completed } : {}),
      ...(bytesPerRow === undefined ? {} : { bytesPerRow }),
    }),
    commit() {
      if (last === undefined) return [];
      const { batch, late, taken } = last;
      return [
        ...(late === undefined || divert === undefined
          ? []
          : [divert(sql`SELECT * FROM ${id(batch.relation)} WHERE ${late}`, batch.id)]),
        ...(waiting?.commit(taken) ?? []),
      ];
    },
    async committed() {
      await committedNow();
      if (last !== undefined) await options.retention?.apply(last.batch.before, last.batch.plannedAtMs);
    },
    isDue: (nowMs) => waiting?.isOverdue(nowMs) === true,
    async close() {
      // After a failure the batch under way is as lost as its input.
      const keys = writer.isDurable || !isBetweenBatches ? [] : (waiting?.keys() ?? []);
      if (keys.length === 0 || waiting === undefined) return;
      await writeFiles(waiting.rowsOf(keys), lastBatch + 1);
      waiting.commit(keys);
      await tellOpened();
    },
  };
}

function copyStatement(rows: Sql, partitions: readonly string[], staging: string): Sql {
  if (partitions.length === 0)
    return sql`COPY (${rows}) TO ${path.join(staging, `0.${STAGED_EXTENSION}`)}
      (FORMAT parquet, COMPRESSION zstd)`;
  return sql`COPY (${rows}) TO ${staging} (FORMAT parquet, COMPRESSION zstd, OVERWRITE_OR_IGNORE,
    PARTITION_BY (${partitions.map((name) => id(name))}), FILE_EXTENSION ${STAGED_EXTENSION})`;
}

async function stagedFiles(staging: string): Promise<{ files: string[]; bytes: number }> {
  const entries = await readdir(staging, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();
  let bytes = 0;
  for (const file of files) bytes += (await stat(file)).size;
  return { files, bytes };
}

const MAX_SAMPLE_ROWS = 100_000;

/** Before a table's first file, some of its rows tell. */
async function sampleBytesPerRow(
  database: Database,
  rows: Sql,
  columns: readonly Column[],
  staging: string,
): Promise<number> {
  const file = path.join(staging, `sample.${STAGED_EXTENSION}`);
  const names = join(columns.map(({ name }) => id(name)));
  await mkdir(staging, { recursive: true });
  try {
    const count =
      await database.runCounting(sql`COPY (SELECT ${names} FROM (${rows}) LIMIT ${MAX_SAMPLE_ROWS})
      TO ${file} (FORMAT parquet, COMPRESSION zstd)`);
    return (await stat(file)).size / Math.max(1, count);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

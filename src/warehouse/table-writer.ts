/**
 * A table in Hive's layout, written batch by batch. The files of a batch are staged and then renamed to names
 * that contain its id, so that a batch that is written again replaces itself. Rows that wait for company and
 * marks of complete partitions go by the commit.
 */

import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";
import { isAboutValues } from "../duckdb/data-error.ts";
import type { Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { BufferedRows } from "./buffered-rows.ts";
import { isOfSeveralForms, publish, renamedPartitions, type Writer } from "./hive-layout.ts";
import { type Partitioning, valuesOfKey } from "./partition-columns.ts";
import type { PartitionObserver } from "./partition-observers.ts";
import { MAX_FOLDER_BYTES, partitionPath, tooLongFolder } from "./partition-path.ts";
import type { Bound, PartitionRule, ReachedTime } from "./partition-rule.ts";
import type { Retention } from "./retention.ts";
import { type StagedFile, sampleBytesPerRow, stageRows } from "./staged-files.ts";
import { takeUnfit, type UnfitRows, type WrittenColumn } from "./unfit-rows.ts";

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
  /** How many rows of the batch just written were diverted. */
  divertedRows(): number;
  position(): TablePosition;
  commit(): readonly Sql[];
  committed(): Promise<void>;
  isDue(nowMs: number): boolean;
  /** Rows that wait. */
  heldRows(): number;
  /** Writes the rows that wait, where no checkpoint keeps them. */
  close(): Promise<void>;
}

export interface TableOptions {
  readonly database: Database;
  readonly writer: Writer;
  /** As they are in the files. */
  readonly columns: readonly WrittenColumn[];
  readonly partitioning: Partitioning;
  readonly rule: PartitionRule | undefined;
  readonly completionDelayMs: number;
  readonly retention: Retention | undefined;
  readonly waiting: BufferedRows | undefined;
  /** Takes rows that the table doesn't, and tells how many those were. */
  readonly divert: (rows: Sql, batchId: number, reason: string) => Promise<number>;
  /** Whether rows of complete partitions are among those. */
  readonly divertsLate: boolean;
  readonly observers: readonly PartitionObserver[];
  readonly committed: TablePosition | undefined;
  /** Folders that are there under other names than ours, by ours. */
  readonly folders?: ReadonlyMap<string, string> | undefined;
}

/** Where nothing tells that partitions are complete, not more of them are remembered until the end. */
const MAX_OPEN_WITHOUT_RULE = 10_000;

const TOO_LONG = `its partition's folder would have a name of more than ${MAX_FOLDER_BYTES} bytes`;

interface Written {
  readonly bytes: number;
  /** Files that have no place, as their folder can't have its name. */
  readonly unnamable: readonly (StagedFile & { readonly partition: string })[];
}

interface WrittenBatch {
  readonly batch: TableBatch;
  /** The keys of rows that wait no more. */
  readonly taken: readonly string[];
}

export async function openTableWriter(options: TableOptions): Promise<TableWriter> {
  const { database, writer, columns, partitioning, rule, waiting, divert, observers, committed } = options;
  const names = partitioning.columns.map(({ name }) => name);
  const open = new Set(committed?.open);
  const known = new Set<string>();
  let { batch: lastBatch = 0, completed = [], bytesPerRow } = committed ?? {};
  let last: WrittenBatch | undefined;
  let divertedRows = 0;
  let toldBound: Bound = "none";
  let isBetweenBatches = true;
  /** Partitions that have got files since the last batch with rows began. */
  let fresh = new Set<string>();
  const unfitOptions = { columns, partitioning, prefix: `${writer.name}_${writer.folder}` };

  const rowsOf = (relation: string, isLate: Sql | undefined): Sql => {
    const items = [...columns.map(({ written }) => written), ...partitioning.items];
    const where = isLate === undefined ? raw("") : sql`WHERE NOT (${isLate})`;
    return sql`SELECT ${items} FROM ${id(relation)} ${where}`;
  };
  const pathOf = (values: readonly (string | null)[]): string => {
    const path = partitionPath(names, values);
    return options.folders?.get(path) ?? path;
  };
  const pathOfKey = (key: string): string => pathOf(valuesOfKey(key));

  /** Partitions that were looked for under their names. */
  const looked = new Set<string>();
  const tellRenamed = async (partitions: readonly string[]): Promise<void> => {
    const unseen = partitions.filter((name) => isOfSeveralForms(name) && !looked.has(name));
    for (const name of unseen) looked.add(name);
    const [first] = await renamedPartitions(writer, unseen);
    if (first !== undefined)
      logger("parquet").warn(
        `${writer.store.url} has "${first}" under another name: it normalises letters (Unicode), and takes ` +
          "values that differ in their form alone for one; normalise them in the query, with nfc_normalize()",
      );
  };

  /** Writes rows, with their partition columns, into the files of a batch. */
  const writeFiles = async (rows: Sql, batchId: number): Promise<Written> => {
    const staged = await stageRows(database, rows, names, writer.staging);
    failpoint("parquet-staged");
    const files = staged.map((file) => ({ ...file, partition: pathOf(file.values) }));
    const unnamable = files.filter(({ partition }) => tooLongFolder(partition) !== undefined);
    const named = files.filter((file) => !unnamable.includes(file));
    const placed = named.map(({ path, partition }) => ({ from: path, partition }));
    await publish(writer, placed, batchId);
    await tellRenamed(placed.map(({ partition }) => partition));
    for (const { partition } of placed) {
      open.add(partition);
      fresh.add(partition);
    }
    return { bytes: named.reduce((total, { sizeBytes }) => total + sizeBytes, 0), unnamable };
  };

  /** Which of these are complete after the batch; all at the end of the input where no rule tells. */
  const completeOf = async (paths: readonly string[], batch: TableBatch, bound: Bound) =>
    rule === undefined ? (batch.endsInput ? paths : []) : rule.complete(paths, bound);

  const writeWaiting = async (rows: BufferedRows, batch: TableBatch, bound: Bound, late: Sql | undefined) => {
    if (batch.rows > 0) await rows.add(rowsOf(batch.relation, late), batch.plannedAtMs);
    const unnamable = rows.keys().filter((key) => tooLongFolder(pathOfKey(key)) !== undefined);
    const refused = new Set(unnamable);
    const keys = rows.keys().filter((key) => !refused.has(key));
    if (unnamable.length > 0) warnOfFolder(pathOfKey(unnamable[0] ?? ""), rows.countOf(unnamable));
    const unnamed = unnamable.length === 0 ? undefined : rows.rowsOf(unnamable);
    if (keys.length === 0) {
      await rows.keep(unnamable, batch.id);
      return { taken: unnamable, unnamed };
    }
    const columnNames = columns.map(({ name }) => name);
    bytesPerRow ??= await sampleBytesPerRow(database, rows.rowsOf(keys), columnNames, writer.staging);
    const complete = new Set(await completeOf(keys.map(pathOfKey), batch, bound));
    const due = new Set(batch.endsInput ? keys : rows.dueKeys(batch.plannedAtMs, bytesPerRow));
    const taken = keys.filter((key) => due.has(key) || complete.has(pathOfKey(key)));
    if (taken.length > 0)
      bytesPerRow = (await writeFiles(rows.rowsOf(taken), batch.id)).bytes / rows.countOf(taken);
    await rows.keep([...taken, ...unnamable], batch.id);
    return { taken: [...taken, ...unnamable], unnamed };
  };

  const writeAtOnce = async ({ id: batchId, relation }: TableBatch, late: Sql | undefined) => {
    const { unnamable } = await writeFiles(rowsOf(relation, late), batchId);
    if (unnamable.length === 0) return undefined;
    const list = (values: readonly Sql[]): Sql => sql`[${values.map((value) => sql`${value}::VARCHAR`)}]`;
    const lists = unnamable.map(({ values }) => list(values.map((value) => sql`${value}`)));
    const isTaken = late === undefined ? raw("true") : sql`NOT (${late})`;
    const unnamed = sql`SELECT * FROM ${id(relation)}
      WHERE ${isTaken} AND ${list(partitioning.expressions)} IN (${lists})`;
    const count = unnamable.reduce((total, { rows }) => total + rows, 0);
    const { found } = await database.row(sql`SELECT count(*) AS found FROM (${unnamed})`);
    if (Number(found) !== count)
      throw new StreamkitError("bug", `${count} rows without a folder were expected: found ${found}`);
    warnOfFolder(unnamable[0]?.partition ?? "", count);
    return unnamed;
  };

  const unfitOf = ({ relation }: TableBatch) => takeUnfit(database, relation, unfitOptions);

  const writeFitting = async (given: TableBatch, unfit: UnfitRows | undefined): Promise<void> => {
    const batch = unfit === undefined ? given : { ...given, relation: unfit.fitting, rows: unfit.rows };
    const bound = (await rule?.boundAt(batch.after, options.completionDelayMs)) ?? "none";
    const late =
      rule === undefined || !options.divertsLate || batch.rows === 0
        ? undefined
        : rule.isLate(await rule.boundAt(batch.before, options.completionDelayMs));
    const filesBefore = open.size;
    const { taken, unnamed } =
      waiting === undefined
        ? { taken: [], unnamed: batch.rows > 0 ? await writeAtOnce(batch, late) : undefined }
        : await writeWaiting(waiting, batch, bound, late);
    last = { batch, taken };
    for (const { rows, reason } of unfit?.unfit ?? []) divertedRows += await divert(rows, batch.id, reason);
    if (late !== undefined)
      divertedRows += await divert(
        sql`SELECT * FROM ${id(batch.relation)} WHERE ${late}`,
        batch.id,
        "its partition is complete",
      );
    if (unnamed !== undefined) divertedRows += await divert(unnamed, batch.id, TOO_LONG);
    const isSame = JSON.stringify(bound) === JSON.stringify(toldBound) && open.size === filesBefore;
    completed = isSame && !batch.endsInput ? [] : await completeOf([...open], batch, bound);
    toldBound = bound;
    for (const name of completed) open.delete(name);
    if (rule === undefined)
      for (const name of [...open].slice(0, Math.max(0, open.size - MAX_OPEN_WITHOUT_RULE)))
        open.delete(name);
  };

  const tell = async (how: keyof PartitionObserver, paths: readonly string[]): Promise<void> => {
    if (paths.length === 0) return;
    for (const observer of observers) await observer[how]?.(paths.map((name) => ({ path: name })));
  };
  const tellOpened = async (): Promise<void> => {
    const unknown = [...open, ...completed].filter((name) => !known.has(name));
    await tell("opened", unknown);
    for (const name of unknown) known.add(name);
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
      divertedRows = 0;
      if (batch.rows > 0) fresh = new Set();
      // Of rows that wait the values are written long after: what can't be is found before.
      const mustCheck = waiting !== undefined && columns.some(({ mayFail }) => mayFail);
      const unfit = mustCheck && batch.rows > 0 ? await unfitOf(batch) : undefined;
      try {
        await writeFitting(batch, unfit);
      } catch (error) {
        const found = isAboutValues(error) && unfit === undefined ? await unfitOf(batch) : undefined;
        if (found === undefined) throw error;
        await writeFitting(batch, found);
      }
      lastBatch = batch.id;
      isBetweenBatches = true;
    },
    divertedRows: () => divertedRows,
    position: () => ({
      batch: lastBatch,
      ...(open.size > 0 ? { open: [...open] } : {}),
      ...(completed.length > 0 ? { completed } : {}),
      ...(bytesPerRow === undefined ? {} : { bytesPerRow }),
    }),
    commit() {
      if (last === undefined) return [];
      return waiting?.commit(last.taken) ?? [];
    },
    async committed() {
      await waiting?.committed();
      await committedNow();
      if (last === undefined) return;
      const { before, plannedAtMs } = last.batch;
      const removed = (await options.retention?.apply(before, plannedAtMs, fresh)) ?? [];
      for (const name of removed) known.delete(name);
    },
    isDue: (nowMs) => waiting?.isOverdue(nowMs) === true,
    heldRows: () => (waiting?.keys() ?? []).reduce((sum, key) => sum + (waiting?.countOf([key]) ?? 0), 0),
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

const MAX_SHOWN_LETTERS = 40;

function warnOfFolder(path: string, rows: number): void {
  const folder = tooLongFolder(path) ?? "";
  const shown = Array.from(folder).slice(0, MAX_SHOWN_LETTERS).join("");
  logger("parquet").warn(
    `${counted(rows, "row")} became dead letters: a folder "${shown}…" would have a name of ` +
      `${Buffer.byteLength(folder)} bytes, and file systems take ${MAX_FOLDER_BYTES}; partition by what is ` +
      "shorter, like the column's first letters or its md5",
  );
}

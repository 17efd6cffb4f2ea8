/**
 * The checkpoint: one DuckDB database with the state, and in the same transaction how far every source was
 * read, the watermarks and what sinks must remember. Beside it lie the plan of the batch under way and the
 * segments of sources that can't be read again. Without a folder the same database lives in memory.
 */

import { existsSync, statSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { messageOf, StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import type { Column, Database, Row } from "../duckdb/database.ts";
import { id, join, literal, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { Position, Range } from "../sources/source.ts";
import { CHECKPOINT } from "../sql/stream.ts";
import { openPlanFile, readPlanFile } from "./batch-plan-file.ts";
import type { SavedPlan } from "./state-compatibility.ts";
import { cutTornLog } from "./torn-log.ts";

/** The layout of what is in a checkpoint. A new one must still read the old; 2: rows may wait in files. */
const FORMAT_VERSION = 2;

/**
 * The write-ahead log goes into the database file when it is as large as that, within these bounds: a small
 * state has small files, a large one is not folded in with every batch, and a restart reads the log in a
 * moment. Where commits are large beside it, as with many rows that wait, it is folded in less often.
 */
const MIN_LOG_BYTES = 2 ** 20;
const MAX_LOG_BYTES = 2 ** 26;
const MIN_LOG_COMMITS = 8;
const MAX_LOG_COMMITS = 64;
/**
 * Each table takes two of these at least. A quarter of DuckDB's own: the file of eight small tables went
 * from 4.8 to 1.3 MB, and a large state was neither larger nor slower; with smaller ones it was.
 */
const BLOCK_BYTES = 65_536;
/** What every database file of DuckDB begins with: its main header, and two that are written in turn. */
const HEADERS_BYTES = 3 * 4096;

/**
 * Everything that a restart needs beside the state tables. Times are microseconds as text: JSON has no
 * bigint.
 */
interface Progress {
  readonly formatVersion: number;
  readonly batch: number;
  /** Of the last batch; left out by older versions. */
  readonly plannedAtMs?: number;
  readonly sources: Readonly<Record<string, SourceProgress>>;
  /** By source names joined with `+`: what the least watermark has reached. */
  readonly watermarksUs: Readonly<Record<string, string>>;
  readonly sinks: Readonly<Record<string, unknown>>;
  /** Set while the input has ended. */
  readonly hasEnded?: boolean;
  /** By query, up to which watermark an end of the input has closed it; once that is reached, left out. */
  readonly closedUs?: Readonly<Record<string, string>>;
}

export interface SourceProgress {
  readonly position: Position | undefined;
  readonly columns: readonly Column[];
  readonly maxEventTimeUs: string | undefined;
  readonly watermarkUs: string | undefined;
  /** By partition, the highest event time; left out by a source that has none. */
  readonly partitions?: Readonly<Record<string, string | null>>;
}

/** By source, names of partitions. */
export type ActivePartitions = Readonly<Record<string, readonly string[]>>;

/**
 * By source, the earliest event time (microseconds as text) that comes after the batch, for the watermark to
 * stop there; null where it is not known, and the watermark stays. Sources without such a bound are left out.
 */
export type ToCome = Readonly<Record<string, string | null>>;

/** What a batch will read: written before it reads, so that after a crash the same batch reads the same. */
export interface BatchPlan {
  readonly batch: number;
  readonly ranges: Readonly<Record<string, Range>>;
  /** Sources that did not hold the watermark when the batch began. */
  readonly idle: readonly string[];
  /** By source, the partitions that the watermark waits for; left out by older versions. */
  readonly holding?: ActivePartitions;
  /** In a bounded run. */
  readonly toCome?: ToCome;
  readonly endsInput: boolean;
  /** The wall clock when it was planned, but never less than that of the batch before. */
  readonly plannedAtMs: number;
}

export interface Checkpoint {
  readonly isDurable: boolean;
  /** Where segments and other working files are. */
  readonly folder: string;
  readonly progress: Progress | undefined;
  /** Tells this checkpoint from all others, also from one that was in the same folder. */
  readonly id: string;
  /** What the job was called when it began; undefined in memory, and where an older version made it. */
  readonly jobName: string | undefined;
  /** The id of the one that was in the folder until it was reset just now. */
  readonly formerId: string | undefined;
  /** What the state belongs to; undefined in a new checkpoint, and in one that does not say it. */
  readonly savedPlan: SavedPlan | undefined;
  /** The plan of a batch that was not committed. */
  readonly pendingPlan: BatchPlan | undefined;
  writePlan(plan: BatchPlan): void;
  /** All or nothing: drops tables of state, and notes what the rest belongs to. Before the first batch. */
  adopt(plan: SavedPlan, droppedTables: readonly string[]): Promise<void>;
  /** All or nothing: the statements and the progress. */
  commit(statements: readonly Sql[], progress: Omit<Progress, "formatVersion">): Promise<void>;
  close(): Promise<void>;
}

/**
 * Attaches the checkpoint to `database` under the name `ckpt`. Throws code `io` where the folder can't be
 * used.
 */
export async function openCheckpoint(
  database: Database,
  folder: string | undefined,
  { isReset = false, jobName = "job" }: { readonly isReset?: boolean; readonly jobName?: string } = {},
): Promise<Checkpoint> {
  if (folder === undefined) {
    await database.run(sql`ATTACH ':memory:' AS ${id(CHECKPOINT)}`);
    const working = await temporaryFolder("run");
    return {
      ...fromFolder(database, working, {
        id: "",
        jobName: undefined,
        formerId: undefined,
        progress: undefined,
        savedPlan: undefined,
        pendingPlan: undefined,
      }),
      isDurable: false,
      writePlan: () => {},
      adopt: async () => {},
      // Nobody will read it after a crash, but a statement that fails must leave nothing of those before it.
      commit: async (statements) =>
        statements.length > 1
          ? allOrNothing(database, statements)
          : statements[0] === undefined
            ? undefined
            : database.run(statements[0]),
      close: () => rm(working, { recursive: true, force: true }),
    };
  }
  await mkdir(folder, { recursive: true });
  const formerId = isReset ? await removeCheckpoint(database, folder) : undefined;
  try {
    await attach(database, folder);
  } catch (error) {
    const isLocked = /lock/i.test(messageOf(error));
    const reason = isLocked ? "another process is using it" : messageOf(error);
    throw new StreamkitError("io", `The checkpoint "${folder}" can't be opened: ${reason}`, {
      component: "checkpoint",
      retryable: isLocked,
      cause: error,
    });
  }
  await database.run(sql`CREATE TABLE IF NOT EXISTS ${id(CHECKPOINT, "progress")} (json VARCHAR)`);
  const identity = id(CHECKPOINT, "identity");
  const own = await database.row(
    sql`CREATE TABLE IF NOT EXISTS ${identity} AS SELECT uuid()::VARCHAR AS id, ${jobName} AS job;
    SELECT * FROM ${identity}`,
  );
  const progress = await readProgress(database, folder);
  const pendingPlan = pendingPlanOf(folder, progress);
  const savedPlan = await readSavedPlan(database);
  return fromFolder(database, folder, {
    id: String(own["id"]),
    jobName: own["job"] === undefined ? undefined : String(own["job"]),
    formerId,
    progress,
    savedPlan,
    pendingPlan,
  });
}

async function attach(database: Database, folder: string): Promise<void> {
  const file = databaseFile(folder);
  // One that was never whole holds nothing: its making was cut short, as by a full disk.
  if (sizeOf(file) < HEADERS_BYTES) await rm(file, { force: true });
  const asNew = existsSync(file) ? raw("") : raw(`(BLOCK_SIZE ${BLOCK_BYTES})`);
  const attachment = sql`ATTACH ${file} AS ${id(CHECKPOINT)} ${asNew}`;
  try {
    await database.run(attachment);
  } catch (error) {
    if (!(await cutTornLog(`${file}.wal`, error))) throw error;
    await database.run(attachment);
  }
}

/**
 * All that a job keeps in the folder, and nothing else. Returns the id of what was there, where it can be
 * read. Throws where another process is using it.
 */
async function removeCheckpoint(database: Database, folder: string): Promise<string | undefined> {
  let former: Row | undefined;
  try {
    await attach(database, folder);
    [former] = await database.rows(sql`SELECT id FROM ${id(CHECKPOINT, "identity")}`).catch(() => []);
    await database.run(sql`DETACH ${id(CHECKPOINT)}`);
  } catch (error) {
    // Damaged ones are what a reset is for; the caller tells of a lock when it opens the database.
    if (/lock/i.test(messageOf(error))) return undefined;
  }
  for (const name of await readdir(folder))
    if (OWN_NAMES.test(name)) await rm(path.join(folder, name), { recursive: true });
  return former === undefined ? undefined : String(former["id"]);
}

const OWN_NAMES = /^(?:checkpoint\.duckdb.*|plan\.json|live\.ndjson.*|segments|waiting)$/;

type Found = Pick<Checkpoint, "id" | "jobName" | "formerId" | "progress" | "savedPlan" | "pendingPlan">;

function fromFolder(database: Database, folder: string, found: Found): Checkpoint {
  const { savedPlan } = found;
  const log = openLog(database, folder);
  const planFile = openPlanFile(folder);
  return {
    isDurable: true,
    folder,
    ...found,
    writePlan: (plan) => planFile.write(plan),
    async adopt(plan, droppedTables) {
      const drops = droppedTables.map((table) => sql`DROP TABLE IF EXISTS ${id(CHECKPOINT, table)}`);
      const text = JSON.stringify(plan);
      if (drops.length > 0 || text !== JSON.stringify(savedPlan))
        await commitAll(database, drops, { table: "plan", json: text });
    },
    async commit(statements, next) {
      const json = JSON.stringify({ formatVersion: FORMAT_VERSION, ...next } satisfies Progress);
      await log.adapt();
      return commitAll(database, statements, { table: "progress", json });
    },
    async close() {
      planFile.close();
      await database.run(sql`CHECKPOINT ${id(CHECKPOINT)}`);
      failpoint("state-folded");
    },
  };
}

function databaseFile(folder: string): string {
  return path.join(folder, "checkpoint.duckdb");
}

/** Keeps the log's bound at the size of the database, and at some commits, as those grow and shrink. */
function openLog(database: Database, folder: string): { adapt(): Promise<void> } {
  const file = databaseFile(folder);
  let boundBytes = 0;
  let logBytes = -1;
  let commits = 0;
  let factor = 1;
  return {
    async adapt() {
      const before = logBytes;
      logBytes = sizeOf(`${file}.wal`);
      commits += 1;
      if (logBytes <= before) {
        if (commits < MIN_LOG_COMMITS) factor = Math.min(2 * factor, MAX_LOG_BYTES / MIN_LOG_BYTES);
        if (commits > MAX_LOG_COMMITS) factor = Math.max(factor / 2, 1);
        commits = 0;
      }
      const wantedBytes = Math.min(factor * Math.max(sizeOf(file), MIN_LOG_BYTES), MAX_LOG_BYTES);
      if (wantedBytes < 2 * boundBytes && wantedBytes > boundBytes / 2) return;
      boundBytes = wantedBytes;
      await database.run(sql`SET checkpoint_threshold = ${`${boundBytes}B`}`);
    },
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

async function readProgress(database: Database, folder: string): Promise<Progress | undefined> {
  const [row] = await database.rows(sql`SELECT json FROM ${id(CHECKPOINT, "progress")}`);
  if (row === undefined) return undefined;
  const progress = JSON.parse(String(row["json"])) as Progress;
  if (progress.formatVersion > FORMAT_VERSION)
    throw new StreamkitError(
      "io",
      `The checkpoint "${folder}" was made by a newer streamkit: ` +
        `its format is ${progress.formatVersion}, this one reads up to ${FORMAT_VERSION}`,
    );
  return progress;
}

async function readSavedPlan(database: Database): Promise<SavedPlan | undefined> {
  const tables = sql`SELECT table_name FROM duckdb_tables() WHERE database_name = ${CHECKPOINT}`;
  const isThere = (await database.rows(tables)).some((row) => row["table_name"] === "plan");
  if (!isThere) return undefined;
  const row = await database.row(sql`SELECT json FROM ${id(CHECKPOINT, "plan")}`);
  return JSON.parse(String(row["json"])) as SavedPlan;
}

/**
 * A batch is planned when the one before it is committed. A plan further ahead tells that commits are gone:
 * the log is shorter than it was, which DuckDB takes for the end of it, or an older database was put in its
 * place. To go on from there would cut sinks back and lose what sources have forgotten.
 */
function pendingPlanOf(folder: string, progress: Progress | undefined): BatchPlan | undefined {
  const plan = readPlanFile(folder) as BatchPlan | undefined;
  const committed = progress?.batch ?? 0;
  if (plan !== undefined && plan.batch > committed + 1)
    throw new StreamkitError(
      "io",
      `The checkpoint "${folder}" is older than what was written: it ends with batch ${committed}, but ` +
        `batch ${plan.batch} was begun. Its database or its log was damaged or replaced: restore the whole ` +
        "folder, or start anew with --reset-checkpoint",
      { component: "checkpoint" },
    );
  return plan?.batch === committed + 1 ? plan : undefined;
}

async function allOrNothing(database: Database, statements: readonly Sql[]): Promise<void> {
  try {
    await database.run(sql`BEGIN; ${join(statements, ";\n")}; COMMIT`);
  } catch (error) {
    await database.run(raw("ROLLBACK")).catch(() => undefined);
    throw error;
  }
}

/**
 * One transaction, of which the last statement replaces what the one-row table holds; a statement that fails
 * throws, and nothing is kept.
 *
 * After an error in a transaction DuckDB's COMMIT says that it succeeded: where a statement failed while it
 * ran, nothing is kept; where it failed before it ran (a parser or binder error), all but that statement.
 * Only what is read back is known to be kept, and where the last statement is kept, all before it ran.
 */
async function commitAll(
  database: Database,
  statements: readonly Sql[],
  last: { readonly table: string; readonly json: string },
): Promise<void> {
  const table = id(CHECKPOINT, last.table);
  const keep = sql`CREATE OR REPLACE TABLE ${table} AS SELECT ${literal(last.json)} AS json`;
  let kept: Row | undefined;
  try {
    await database.run(sql`BEGIN; ${join([...statements, keep], ";\n")}`);
    failpoint("commit-open");
    [kept] = await database.rows(sql`COMMIT; SELECT json FROM ${table}`);
  } catch (error) {
    await database.run(raw("ROLLBACK")).catch(() => undefined);
    throw error;
  }
  if (kept?.["json"] === last.json) return;
  throw new StreamkitError(
    "engine",
    "A commit kept nothing, though DuckDB said that it succeeded: start again, the batch will be repeated",
    { component: "checkpoint" },
  );
}

/**
 * The checkpoint: one DuckDB database with the state, and in the same transaction how far every source was
 * read, the watermarks and what sinks must remember. Beside it lie the plan of the batch under way and the
 * segments of sources that can't be read again. Without a folder the same database lives in memory.
 */

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { messageOf, StreamkitError } from "../base/error.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, join, literal, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { Position, Range } from "../sources/source.ts";
import { CHECKPOINT } from "./stream.ts";

/** The layout of what is in a checkpoint. A new one must still read the old. */
const FORMAT_VERSION = 1;

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
}

export interface SourceProgress {
  readonly position: Position | undefined;
  readonly columns: readonly Column[];
  readonly maxEventTimeUs: string | undefined;
  readonly watermarkUs: string | undefined;
}

/** What a batch will read: written before it reads, so that after a crash the same batch reads the same. */
export interface BatchPlan {
  readonly batch: number;
  readonly ranges: Readonly<Record<string, Range>>;
  /** Sources that did not hold the watermark when the batch began. */
  readonly idle: readonly string[];
  readonly endsInput: boolean;
  /** The wall clock when it was planned, but never less than that of the batch before. */
  readonly plannedAtMs: number;
}

export interface Checkpoint {
  readonly isDurable: boolean;
  /** Where segments and other working files are. */
  readonly folder: string;
  readonly progress: Progress | undefined;
  /** The plan of a batch that was not committed. */
  readonly pendingPlan: BatchPlan | undefined;
  writePlan(plan: BatchPlan): void;
  /** All or nothing: the statements and the progress. */
  commit(statements: readonly Sql[], progress: Omit<Progress, "formatVersion">): Promise<void>;
  close(): Promise<void>;
}

/**
 * Attaches the checkpoint to `database` under the name `ckpt`. Throws code `io` where the folder can't be
 * used.
 */
export async function openCheckpoint(database: Database, folder: string | undefined): Promise<Checkpoint> {
  if (folder === undefined) {
    await database.run(sql`ATTACH ':memory:' AS ${id(CHECKPOINT)}`);
    const working = await mkdtemp(path.join(tmpdir(), "streamkit-"));
    return {
      ...fromFolder(database, working, undefined, undefined),
      isDurable: false,
      writePlan: () => {},
      // Nobody will read it again after a crash: a transaction would only cost time.
      commit: async (statements) =>
        statements.length > 0 ? database.run(join(statements, ";\n")) : undefined,
      close: () => rm(working, { recursive: true, force: true }),
    };
  }
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, "checkpoint.duckdb");
  try {
    await database.run(sql`ATTACH ${file} AS ${id(CHECKPOINT)}`);
  } catch (error) {
    const isLocked = /lock/i.test(messageOf(error));
    const reason = isLocked ? "another process is using it" : messageOf(error);
    throw new StreamkitError("io", `The checkpoint "${folder}" can't be opened: ${reason}`, { cause: error });
  }
  await database.run(sql`CREATE TABLE IF NOT EXISTS ${id(CHECKPOINT, "progress")} (json VARCHAR)`);
  const progress = await readProgress(database, folder);
  return fromFolder(database, folder, progress, readPlan(folder, progress));
}

function fromFolder(
  database: Database,
  folder: string,
  progress: Progress | undefined,
  pendingPlan: BatchPlan | undefined,
): Checkpoint {
  return {
    isDurable: true,
    folder,
    progress,
    pendingPlan,
    writePlan: (plan) => writeDurably(planFile(folder), JSON.stringify(plan)),
    commit(statements, next) {
      const json = JSON.stringify({ formatVersion: FORMAT_VERSION, ...next } satisfies Progress);
      const table = id(CHECKPOINT, "progress");
      const keep = sql`CREATE OR REPLACE TABLE ${table} AS SELECT ${literal(json)} AS json`;
      return commitAll(database, [...statements, keep]);
    },
    async close() {
      await database.run(sql`CHECKPOINT ${id(CHECKPOINT)}`);
    },
  };
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

function planFile(folder: string): string {
  return path.join(folder, "plan.json");
}

function readPlan(folder: string, progress: Progress | undefined): BatchPlan | undefined {
  if (!existsSync(planFile(folder))) return undefined;
  const plan = JSON.parse(readFileSync(planFile(folder), "utf8")) as BatchPlan;
  return plan.batch === (progress?.batch ?? 0) + 1 ? plan : undefined;
}

/** Written beside, synced, renamed: a reader sees the old text or the new one, after whatever crash. */
function writeDurably(file: string, text: string): void {
  const temporary = `${file}.new`;
  writeFileSync(temporary, text);
  const descriptor = openSync(temporary, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
}

/**
 * DuckDB stops at the first statement that fails; the transaction is then rolled back, never committed in
 * part.
 */
async function commitAll(database: Database, statements: readonly Sql[]): Promise<void> {
  try {
    await database.run(sql`BEGIN; ${join(statements, ";\n")}; COMMIT`);
  } catch (error) {
    await database.run(raw("ROLLBACK")).catch(() => undefined);
    throw error;
  }
}

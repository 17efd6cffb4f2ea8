/**
 * A job run batch by batch, cut as the caller wants it, with the real sources, engine and sinks, in a folder
 * of its own. What the job's paths say of its input and its tables stays as it is; sinks write below the
 * folder.
 */

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type Database, openDatabase } from "../duckdb/database.ts";
import type { BatchProgress } from "../engine/batch-progress.ts";
import { type BatchRunner, openRunner } from "../engine/batch-runner.ts";
import { type OpenSink, openSinks } from "../engine/open-sinks.ts";
import { type PreparedJob, prepareJob } from "../engine/prepare.ts";
import type { Ranges } from "../ingest/read-ahead.ts";
import type { LoadedJob } from "../job/load.ts";
import type { SinkConfig } from "../job/schema.ts";
import { NO_OUTPUT } from "../runtime/stdio.ts";
import type { Range } from "../sources/source.ts";

/** Bytes of each source that a batch takes at most; a source that is left out gives nothing. */
export type Share = Readonly<Record<string, number>>;

export interface Run {
  /** The job as it is open now. */
  open(): OpenRun;
  /** Runs the next batch over its share of the input; meanwhile the share `ahead` is read. */
  batch(share: Share, endsInput: boolean, ahead?: Share): Promise<BatchProgress>;
  /**
   * Closes everything and opens it again from the checkpoint; a batch that was not committed is run again, as
   * the loop does. `isCrash`: the checkpoint is left as it is.
   */
  restart(isCrash?: boolean): Promise<void>;
  /** The text of a query's file, where `rowFiles` are the job's sinks. */
  written(query: string): string;
  close(): Promise<void>;
}

export interface RunOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Whether the checkpoint is on disk, so that the run may be restarted. */
  readonly isDurable: boolean;
  /** Whether stateful queries keep all their rows, and run over them: slow, and surely right. */
  readonly isGeneral?: boolean | undefined;
  readonly threads?: number;
  /** Stands between the engine and what it writes to: for tests that put faults there. */
  readonly through?: (parts: WrittenTo) => WrittenTo;
}

export interface WrittenTo {
  readonly checkpoint: Checkpoint;
  readonly sinks: readonly OpenSink[];
}

export interface OpenRun {
  readonly database: Database;
  readonly prepared: PreparedJob;
  readonly runner: BatchRunner;
  close(isCrash: boolean): Promise<void>;
}

/** Rewrites of the state are rare in long runs: in one that looks for faults they happen all the time. */
const MIN_ROWS_TO_REWRITE = 5;

/** One file of NDJSON for each of these names, below the run's folder. */
export function rowFiles(names: readonly string[]): readonly SinkConfig[] {
  return names.map((name) => ({ from: name, to: `file:${rowFile(name)}` }));
}

function rowFile(name: string): string {
  return `out/${name}.ndjson`;
}

export async function openRun(job: LoadedJob, options: RunOptions): Promise<Run> {
  let open = await openJob(job, options);
  let planned: { readonly share: Share; readonly ranges: Ranges } | undefined;

  const plan = async (share: Share, after: Ranges): Promise<Ranges> => {
    const ranges: Record<string, Range> = {};
    for (const { name, source } of open.prepared.readers) {
      const maxBytes = share[name] ?? 0;
      if (maxBytes <= 0) continue;
      const range = await source.plan({ maxBytes, maxLines: Number.POSITIVE_INFINITY }, after[name]);
      if (range !== undefined) ranges[name] = range;
    }
    return ranges;
  };

  return {
    open: () => open,
    async batch(share, endsInput, ahead) {
      // What was read ahead is known by being the same object.
      const ranges = planned?.share === share ? planned.ranges : await plan(share, {});
      planned = ahead === undefined ? undefined : { share: ahead, ranges: await plan(ahead, ranges) };
      const { runner } = open;
      const upcoming = planned === undefined ? [] : [planned.ranges];
      return runner.run(runner.plan({ ranges, idle: [], endsInput }), 0, async () => upcoming);
    },
    async restart(isCrash = false) {
      planned = undefined;
      await open.close(isCrash);
      open = await openJob(job, options);
      const { pendingPlan } = open.prepared.checkpoint;
      if (pendingPlan !== undefined) await open.runner.run(pendingPlan, 0);
    },
    written(query) {
      const file = path.join(options.folder, rowFile(query));
      return existsSync(file) ? readFileSync(file, "utf8") : "";
    },
    close: () => open.close(false),
  };
}

async function openJob(job: LoadedJob, options: RunOptions): Promise<OpenRun> {
  const { folder, clock, isDurable, isGeneral, threads } = options;
  const database = await openDatabase(threads === undefined ? {} : { threads });
  try {
    const prepared = await prepareJob(job, isDurable ? path.join(folder, "state") : undefined, {
      database,
      clock,
      freshSeed: () => 1,
      minRowsToRewrite: MIN_ROWS_TO_REWRITE,
      isGeneral,
      isBounded: true,
      allowsEmpty: true,
      notify: () => {},
      waitForNews: () => Promise.resolve(),
      isStopped: () => false,
    });
    if (prepared === undefined) throw new StreamkitError("input", "The input has no line");
    const sinks = await openSinks({
      sinks: job.config.sinks,
      outputs: prepared.outputs,
      errorAt: job.errorAt,
      baseFolder: folder,
      database,
      saved: prepared.checkpoint.progress?.sinks ?? {},
      contextOf: (input) => ({
        input,
        writer: job.config.name,
        baseFolder: folder,
        bareRows: false,
        committedBatch: 0,
        plannedBatch: 0,
        checkpointId: "",
        claimant: { owner: { job: job.config.name, checkpoint: "", folder: "", host: "" }, isReset: false },
        isDurable: false,
        stdout: NO_OUTPUT,
        clock,
        stop: new AbortController().signal,
        database,
        workingFolder: prepared.checkpoint.folder,
        env: {},
      }),
    });
    const parts = { checkpoint: prepared.checkpoint, sinks };
    const { checkpoint, sinks: writtenTo } = options.through?.(parts) ?? parts;
    const runner = await openRunner({
      database,
      clock,
      prepared: { ...prepared, job: keepingAllLetters(prepared.job), checkpoint },
      sinks: writtenTo,
      observed: [],
    });
    return {
      database,
      prepared,
      runner,
      async close(isCrash) {
        await runner.close();
        for (const { sink } of sinks) await sink.close();
        if (!isCrash) await prepared.close();
        database.close();
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What was put aside is left out of the batch's side too: all of it must be known. */
function keepingAllLetters(job: LoadedJob): LoadedJob {
  const all = Number.MAX_SAFE_INTEGER;
  return { ...job, config: { ...job.config, dead_letters: { keep: { rows: all, size: all, age: all } } } };
}

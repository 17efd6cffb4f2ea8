/** Runs a job from its loaded file to its end: the one call that commands make. */

import { availableParallelism, hostname } from "node:os";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { openDatabase } from "../duckdb/database.ts";
import type { LoadedJob } from "../job/load.ts";
import type { SinkConfig } from "../job/schema.ts";
import type { ByteOutput } from "../runtime/stdio.ts";
import type { Membership } from "../sources/source.ts";
import type { BatchProgress } from "./batch-progress.ts";
import { openRunner } from "./batch-runner.ts";
import { openBoundedInput } from "./bounded-input.ts";
import { runLoop } from "./loop.ts";
import { openSinks } from "./open-sinks.ts";
import type { Output } from "./outputs.ts";
import { MAX_SEGMENT_BYTES, type PreparedJob, prepareJob } from "./prepare.ts";

export interface RunOptions {
  readonly clock: Clock;
  readonly stop: AbortSignal;
  readonly stdout: ByteOutput;
  readonly freshSeed: () => number;
  readonly checkpointFolder: string | undefined;
  /** Where sinks find credentials. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Queries that begin anew: their state in the checkpoint is dropped. */
  readonly resets?: readonly string[];
  readonly resetsCheckpoint?: boolean;
  readonly batchMs: number;
  /** `once`: what is there now is the whole input. `available`: take it, and leave windows open. */
  readonly until: "stopped" | "once" | "available";
  /** A batch's bytes of a source, and the rows that a bounded run holds, at most: small ones for tests. */
  readonly bounds?: { readonly segmentBytes?: number; readonly heldRows?: number };
  /** Where what is there is all: files that are not there are no mistake. */
  readonly allowsEmpty?: boolean | undefined;
  /** Rows on standard output without query and batch. */
  readonly bareRows: boolean;
  /** Given every batch; with `observesRows` also rows: of queries that a sink reads, or no other query. */
  readonly observe: (outcome: BatchProgress) => void;
  readonly observesRows: boolean;
  /** Told each time that the sources were asked, whether one of them had something. */
  readonly asked?: (hadInput: boolean) => void;
  /** Of an input that several processes share: the partition to read, and who knows the others. */
  readonly shard?: number;
  readonly membership?: Membership;
  /** Called when everything is checked and the first batch is about to be planned. */
  readonly started?: (prepared: PreparedJob, observed: readonly Output[]) => void;
}

/** Resolves when the input ended or `stop` aborted, with everything committed. */
export async function runJob(job: LoadedJob, options: RunOptions): Promise<void> {
  const { clock, stop } = options;
  // Several connections work at a time: some read ahead, one executes. A thread that waits for another one's
  // task keeps its core busy all the same, so each of them has half of the cores at most.
  const database = await openDatabase({ threads: Math.max(1, Math.floor(availableParallelism() / 2)) });
  const news = newsBell(clock, stop);
  try {
    const prepared = await prepareJob(job, options.checkpointFolder, {
      database,
      clock,
      freshSeed: options.freshSeed,
      isBounded: options.until !== "stopped",
      allowsEmpty: options.allowsEmpty,
      notify: news.ring,
      waitForNews: () => {
        options.asked?.(false);
        return news.wait(100);
      },
      isStopped: () => stop.aborted,
      resets: options.resets ?? [],
      resetsCheckpoint: options.resetsCheckpoint ?? false,
      partitions: options.shard === undefined ? undefined : [options.shard],
      membership: options.membership,
      maxSegmentBytes: options.bounds?.segmentBytes,
    });
    if (prepared === undefined) {
      if (!stop.aborted) logger("engine").info("The input ended without a line");
      return;
    }
    await thenClosed(
      () => runPrepared(prepared, options, database, news),
      () => prepared.close(),
    );
  } finally {
    database.close();
  }
}

async function runPrepared(
  prepared: PreparedJob,
  options: RunOptions,
  database: Awaited<ReturnType<typeof openDatabase>>,
  news: NewsBell,
): Promise<void> {
  const { clock, stop } = options;
  const { job, checkpoint } = prepared;
  const maxSegmentBytes = options.bounds?.segmentBytes ?? MAX_SEGMENT_BYTES;
  const maxHeldRows = options.bounds?.heldRows;
  for (const { output, warnings } of prepared.queries)
    for (const warning of warnings)
      logger("engine").warn(job.withoutSecrets(`Query ${output.name}: ${warning}`));
  const leaves = leafOutputs(prepared);
  const configs: readonly SinkConfig[] =
    job.config.sinks.length > 0 ? job.config.sinks : leaves.map(({ name }) => ({ from: name, to: "-" }));
  const { shard } = options;
  const runName = checkpoint.isDurable ? "" : `_${options.freshSeed().toString(36)}`;
  const shardName = shard === undefined ? "" : `.${shard}`;
  const sinks = await openSinks({
    sinks: configs,
    outputs: prepared.outputs,
    errorAt: job.errorAt,
    baseFolder: job.folder,
    database,
    saved: checkpoint.progress?.sinks ?? {},
    contextOf: (input) => ({
      input,
      writer: `${job.config.name}${runName}${shardName}`,
      shard,
      baseFolder: job.folder,
      bareRows: options.bareRows,
      committedBatch: checkpoint.progress?.batch ?? 0,
      plannedBatch: checkpoint.pendingPlan?.batch ?? checkpoint.progress?.batch ?? 0,
      plannedAtMs: checkpoint.pendingPlan?.plannedAtMs,
      checkpointId: checkpoint.id,
      claimant: {
        owner: {
          job: job.config.name,
          checkpoint: checkpoint.id,
          folder: checkpoint.isDurable ? path.resolve(checkpoint.folder) : "",
          host: hostname(),
        },
        isReset: options.resetsCheckpoint === true,
        formerId: checkpoint.formerId,
      },
      isDurable: checkpoint.isDurable,
      stdout: options.stdout,
      clock,
      stop,
      database,
      workingFolder: checkpoint.folder,
      env: options.env ?? {},
    }),
  });
  const observed = options.observesRows ? observedOutputs(prepared, leaves, configs) : [];
  const run = async (): Promise<void> => {
    const runner = await openRunner({ database, clock, prepared, sinks, observed });
    await thenClosed(
      async () => {
        options.started?.(prepared, observed);
        await runLoop(prepared, runner, {
          clock,
          batchMs: options.batchMs,
          closesAtEnd: options.until !== "available",
          bounded:
            options.until === "once"
              ? openBoundedInput({ database, prepared, sinks, maxSegmentBytes, maxHeldRows, stop })
              : undefined,
          maxSegmentBytes,
          stop,
          waitForNews: news.wait,
          observe: options.observe,
          asked: options.asked,
        });
      },
      () => runner.close(),
    );
  };
  await thenClosed(run, async () => {
    for (const { sink } of sinks) await sink.close();
  });
}

/** What ended it is told, and not what then can't be closed either: where the disk is full, say. */
async function thenClosed(action: () => Promise<void>, close: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    await close().catch((also: unknown) => logger("engine").debug(messageOf(also)));
    throw error;
  }
  await close();
}

/** Queries that no other query reads; the sources where there is no query. */
function leafOutputs({ outputs, queries, readers }: PreparedJob): readonly Output[] {
  const isRead = (name: string): boolean => queries.some(({ reads }) => reads.includes(name));
  const names = queries.map(({ output }) => output.name).filter((name) => !isRead(name));
  const leaves = names.length === 0 ? readers.map(({ name }) => name) : names;
  return leaves.flatMap((name) => outputs.get(name) ?? []);
}

function observedOutputs(
  { outputs, queries }: PreparedJob,
  leaves: readonly Output[],
  sinks: readonly SinkConfig[],
): readonly Output[] {
  const names = new Set(leaves.map(({ name }) => name));
  for (const { output } of queries)
    if (sinks.some(({ from }) => from === output.name)) names.add(output.name);
  return [...names].flatMap((name) => outputs.get(name) ?? []);
}

interface NewsBell {
  readonly ring: () => void;
  /** Resolves at the next ring, after `timeoutMs`, or when the job is stopped. */
  readonly wait: (timeoutMs: number) => Promise<void>;
}

function newsBell(clock: Clock, stop: AbortSignal): NewsBell {
  let rung = new AbortController();
  let hasNews = false;
  return {
    ring() {
      hasNews = true;
      rung.abort();
    },
    async wait(timeoutMs) {
      if (!hasNews) await clock.sleep(timeoutMs, AbortSignal.any([rung.signal, stop]));
      hasNews = false;
      rung = new AbortController();
    },
  };
}

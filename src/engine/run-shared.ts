/**
 * A job whose input several processes share. Each partition is run as a job of its own, with a checkpoint of
 * its own in the shared folder: whoever gets the partition goes on with it. A checkpoint is open in one
 * process at a time, so that nobody goes on with a partition before the one before has let it go.
 */

import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { messageOf, StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { LoadedJob } from "../job/load.ts";
import type { Membership } from "../sources/source.ts";
import { type RunOptions, runJob } from "./run-job.ts";
import type { Shared } from "./shared-sources.ts";

/** A partition's run. */
interface Shard {
  readonly number: number;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  hasEnded: boolean;
}

export async function runShared(job: LoadedJob, shared: Shared, options: RunOptions): Promise<void> {
  const { stop, clock } = options;
  const folder = options.checkpointFolder;
  if (folder === undefined)
    throw job.errorAt(
      ["sources"],
      "a source that is shared needs a checkpoint that all processes reach: give checkpoint: or --checkpoint",
    );
  if ((options.resets ?? []).length > 0)
    throw new StreamkitError(
      "usage",
      "--reset can't drop the state of a shared job: others may be going on with it. Take a new checkpoint",
    );
  await mkdir(folder, { recursive: true });
  const shards = new Map<number, Shard>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const ended = Promise.withResolvers<void>();
  let membership: Membership | undefined;

  const run = async (number: number, shardStop: AbortController): Promise<void> => {
    const own = {
      ...options,
      checkpointFolder: path.join(folder, shardName(number)),
      stop: AbortSignal.any([stop, shardStop.signal]),
      shard: number,
      ...(membership === undefined ? {} : { membership }),
    };
    for (;;) {
      try {
        return await runJob(job, own);
      } catch (error) {
        // The one that had the partition before has not let go of it yet: it may be ending its last batch.
        if (!isInUse(error)) throw error;
        if (own.stop.aborted) return;
        await clock.sleep(RETRY_MS, own.stop);
        if (own.stop.aborted) return;
      }
    }
  };
  const start = (number: number): void => {
    const shardStop = new AbortController();
    const shard: Shard = {
      number,
      stop: shardStop,
      hasEnded: false,
      done: run(number, shardStop)
        .then(() => {
          shard.hasEnded = !shardStop.signal.aborted;
          if ([...shards.values()].every(({ hasEnded }) => hasEnded)) ended.resolve();
        })
        .catch((error: unknown) => failed.reject(error as Error)),
    };
    shards.set(number, shard);
  };
  /** Grows when partitions are given back: what was told before it is out of date. */
  let revocations = 0;
  let isClosing = false;
  const stopAll = async (): Promise<void> => {
    revocations += 1;
    const running = [...shards.values()];
    for (const shard of running) shard.stop.abort("revoked");
    await Promise.all(running.map(({ done }) => done));
    shards.clear();
  };

  const stopped = Promise.withResolvers<void>();
  if (stop.aborted) return;
  stop.addEventListener("abort", () => stopped.resolve());
  let opened: Membership | undefined;
  try {
    opened = await shared.sharing.open({
      job: job.config.name,
      clock,
      baseFolder: job.folder,
      options: shared.options,
      assigned(partitions, count) {
        const known = revocations;
        const begin = async (): Promise<void> => {
          await keepCount(folder, count);
          if (isClosing || revocations !== known) return;
          membership = opened;
          for (const number of partitions) start(number);
          // Nothing to do while others have all of it; with --once that is the end.
          if (partitions.length === 0 && options.until !== "stopped") ended.resolve();
        };
        begin().catch((error: unknown) => failed.reject(error as Error));
      },
      revoked: stopAll,
    });
    await Promise.race([stopped.promise, ended.promise, failed.promise, opened.failed]);
  } finally {
    isClosing = true;
    await stopAll();
    await opened?.close();
  }
}

const RETRY_MS = 200;

function shardName(number: number): string {
  return `shard-${String(number).padStart(4, "0")}`;
}

function isInUse(error: unknown): boolean {
  return (
    error instanceof StreamkitError &&
    error.code === "io" &&
    error.retryable &&
    error.component === "checkpoint"
  );
}

/** With another number of partitions, keys move from one to another, and their state would not. */
async function keepCount(folder: string, count: number): Promise<void> {
  const file = path.join(folder, "shards.json");
  if (existsSync(file)) {
    const { partitions } = JSON.parse(await readFile(file, "utf8")) as { readonly partitions: number };
    if (partitions === count) return;
    throw new StreamkitError(
      "input",
      `The shared checkpoint "${folder}" is of ${partitions} partitions, and there are ${count} now: ` +
        "keys may have moved to others, and their state can't. A new checkpoint reads everything again",
    );
  }
  try {
    await writeFile(`${file}.${process.pid}`, `${JSON.stringify({ partitions: count })}\n`);
    await rename(`${file}.${process.pid}`, file);
  } catch (error) {
    throw new StreamkitError(
      "io",
      `The shared checkpoint "${folder}" can't be written: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
  logger("engine").info(`The checkpoint is shared by ${count} partitions, each in a folder of its own`);
}

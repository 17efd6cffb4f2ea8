/**
 * A job whose input several processes share. Each partition is run as a job of its own, with a checkpoint of
 * its own in the shared folder: whoever gets the partition goes on with it. A checkpoint is open in one
 * process at a time, so that nobody goes on with a partition before the one before has let it go.
 */

import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { LoadedJob } from "../job/load.ts";
import type { Membership, PartitionEnds } from "../sources/source.ts";
import { withoutExcerpt } from "../sql/query-texts.ts";
import { type RunOptions, runJob } from "./run-job.ts";
import { openSharedFolder, type SharedFolder } from "./shared-folder.ts";
import type { Shared } from "./shared-sources.ts";

/** A partition's run. */
interface Shard {
  readonly stop: AbortController;
  readonly done: Promise<void>;
  hasEnded: boolean;
}

/**
 * Takes part until `stop` aborts. Where what is there now is all, until each partition has been taken that
 * far, by whomever: one that dies leaves its partitions to those that wait.
 */
export async function runShared(job: LoadedJob, shared: Shared, options: RunOptions): Promise<void> {
  const { stop, clock, until } = options;
  const folder = await openSharedFolder(checkedFolder(job, options));
  const shards = new Map<number, Shard>();
  /** Partitions that this process has taken to their ends: nothing is left to do there. */
  const ended = new Set<number>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const opened = Promise.withResolvers<Membership>();
  opened.promise.catch(() => undefined);

  const run = async (number: number, shardStop: AbortSignal): Promise<void> => {
    const membership = await opened.promise;
    const own = {
      ...options,
      checkpointFolder: folder.shard(number),
      stop: AbortSignal.any([stop, shardStop]),
      shard: number,
      membership,
    };
    const ends = until === "stopped" ? {} : await membership.ends(number);
    let hasSaid = false;
    while (!own.stop.aborted) {
      try {
        await runJob(job, own);
        if (until !== "stopped" && !own.stop.aborted) await folder.finish(number, until, ends);
        return;
      } catch (error) {
        if (isStopped(error)) {
          logger("engine").info(`Partition ${number}: ${error.message}`);
          return;
        }
        if (!isInUse(error)) throw ofPartition(number, error);
        if (!hasSaid)
          logger("engine").info(
            `Partition ${number} is still open in the process that had it before: waiting until it lets go`,
          );
        hasSaid = true;
        await clock.sleep(RETRY_MS, own.stop);
      }
    }
  };
  const start = (number: number): void => {
    const shardStop = new AbortController();
    const shard: Shard = {
      stop: shardStop,
      hasEnded: false,
      done: run(number, shardStop.signal)
        .then(() => {
          shard.hasEnded = !shardStop.signal.aborted;
          if (shard.hasEnded) ended.add(number);
        })
        .catch((error: unknown) => failed.reject(error as Error)),
    };
    shards.set(number, shard);
  };
  /** Grows when partitions are given back: what was told before it is out of date. */
  let revocations = 0;
  let isClosing = false;
  let isAssigned = false;
  const stopAll = async (): Promise<void> => {
    revocations += 1;
    isAssigned = false;
    const running = [...shards.values()];
    for (const shard of running) shard.stop.abort("revoked");
    await Promise.all(running.map(({ done }) => done));
    shards.clear();
  };
  const assigned = async (partitions: readonly number[], count: number): Promise<void> => {
    const known = revocations;
    await folder.keepCount(count);
    if (isClosing || revocations !== known) return;
    for (const number of partitions) if (!ended.has(number)) start(number);
    isAssigned = true;
  };

  const stopped = Promise.withResolvers<void>();
  if (stop.aborted) return;
  stop.addEventListener("abort", () => stopped.resolve());
  let membership: Membership | undefined;
  try {
    membership = await shared.sharing.open({
      job: job.config.name,
      clock,
      baseFolder: job.folder,
      options: shared.options,
      assigned(partitions, count) {
        assigned(partitions, count).catch((error: unknown) => failed.reject(error as Error));
      },
      revoked: stopAll,
    });
    opened.resolve(membership);
    const closed = new AbortController();
    const isIdle = (): boolean => isAssigned && [...shards.values()].every(({ hasEnded }) => hasEnded);
    const all =
      until === "stopped"
        ? stopped.promise
        : allFinished({ folder, membership, options, isIdle, closed: closed.signal });
    all.catch(() => undefined);
    try {
      await Promise.race([stopped.promise, all, failed.promise, membership.failed]);
    } finally {
      closed.abort();
    }
  } finally {
    isClosing = true;
    await stopAll();
    await membership?.close();
  }
}

const RETRY_MS = 200;

/** Throws codes `job` and `usage`. */
function checkedFolder(job: LoadedJob, { checkpointFolder, resets, resetsCheckpoint }: RunOptions): string {
  if (checkpointFolder === undefined)
    throw job.errorAt(
      ["sources"],
      "a source that is shared needs a checkpoint that all processes reach: give checkpoint: or --checkpoint",
    );
  if ((resets ?? []).length > 0 || resetsCheckpoint === true)
    throw new StreamkitError(
      "usage",
      "--reset and --reset-checkpoint can't drop the state of a shared job: others may be going on with " +
        "it. Take a new checkpoint",
    );
  return checkpointFolder;
}

interface Waiting {
  readonly folder: SharedFolder;
  readonly membership: Membership;
  readonly options: RunOptions;
  /** Whether this process has nothing left to do of its own. */
  readonly isIdle: () => boolean;
  readonly closed: AbortSignal;
}

/** Resolves when every partition has been taken to where it ends now, whoever had it. */
async function allFinished({ folder, membership, options, isIdle, closed }: Waiting): Promise<void> {
  const { clock, stop, until } = options;
  if (until === "stopped") return;
  const either = AbortSignal.any([stop, closed]);
  const wanted = new Map<number, PartitionEnds>();
  for (let number = 0; number < membership.count; number += 1)
    wanted.set(number, await membership.ends(number));
  let hasSaid = false;
  while (!either.aborted) {
    if (isIdle()) {
      const left = [...wanted].filter(([number, ends]) => !folder.isFinished(number, until, ends));
      if (left.length === 0) return;
      if (!hasSaid)
        logger("engine").info(
          "The partitions of this process are done, others have " +
            `${left.map(([number]) => number).join(", ")}: waiting until those are done too, or come here`,
        );
      hasSaid = true;
    }
    await clock.sleep(RETRY_MS, either);
  }
}

const TOLD_AS_THEY_ARE: ReadonlySet<string> = new Set(["usage", "job", "closed_pipe", "bug"]);

/** What can happen in one partition alone is told with its number, in one line. */
function ofPartition(number: number, error: unknown): unknown {
  if (!(error instanceof StreamkitError) || TOLD_AS_THEY_ARE.has(error.code)) return error;
  const { code, component, retryable } = error;
  return new StreamkitError(code, `Partition ${number}: ${withoutExcerpt(error.message)}`, {
    ...(component === undefined ? {} : { component }),
    retryable,
    cause: error,
  });
}

function isInUse(error: unknown): boolean {
  return (
    error instanceof StreamkitError &&
    error.code === "io" &&
    error.retryable &&
    error.component === "checkpoint"
  );
}

/** What was given up after a signal, or to give the partition back: whoever has it next repeats it. */
function isStopped(error: unknown): error is StreamkitError {
  return error instanceof StreamkitError && error.code === "stopped";
}

/**
 * From a channel to its output, for as long as there is something: deliver, commit now and then, and try
 * again where the receiver is away. A block that can't be delivered is never dropped: the channel fills and
 * pushes back.
 */

import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { logger } from "../base/log.ts";
import { durationText } from "../base/units.ts";
import type { Channel, Place } from "./channel/channel.ts";
import type { Output } from "./outputs/output.ts";

export interface PumpOptions {
  readonly channel: Channel;
  readonly output: Output;
  readonly clock: Clock;
  /** Ends it after what is under way; the rest stays in the channel. */
  readonly stop: AbortSignal;
}

const BATCH_BYTES = 4 * 1024 * 1024;
const COMMIT_BYTES = 64 * 1024 * 1024;
const COMMIT_MS = 1000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** Resolves when the channel was ended and is drained, or after `stop`. */
export async function runPump({ channel, output, clock, stop }: PumpOptions): Promise<void> {
  // Before anything is delivered, it is saved what the output holds: what a crash leaves can be told from it.
  let delivered: Place | undefined = channel.start;
  let place: Place = channel.start;
  let deliveredBytes = 0;
  let committedAtMs = clock.monotonicMs();

  const isDue = (): boolean => (output.dueInMs?.() ?? 1) <= 0;
  /** False where it was stopped before that was done. */
  const commit = async (): Promise<boolean> => {
    const end = delivered ?? (isDue() ? place : undefined);
    if (end === undefined) return true;
    const isDone = await inTheEnd(`${output.name}: its position can't be saved`, async () => {
      const state = await output.sync();
      failpoint("channel-output-synced");
      await channel.commit(end, state);
      await output.committed?.();
    });
    if (!isDone) return false;
    delivered = undefined;
    deliveredBytes = 0;
    committedAtMs = clock.monotonicMs();
    return true;
  };

  /** False where it was stopped before it was done. */
  const inTheEnd = async (what: string, action: () => Promise<void>): Promise<boolean> => {
    const log = logger("collect");
    for (let retryMs = FIRST_RETRY_MS, failures = 0; ; retryMs = Math.min(MAX_RETRY_MS, 2 * retryMs)) {
      try {
        await action();
        if (failures > 0) log.info(`${output.name} takes blocks again after ${failures} failed tries`);
        return true;
      } catch (error) {
        if (isFinal(error)) throw error;
        failures += 1;
        if (failures === 1)
          log.warn(
            `${what}: {reason}; ${channel.waitingBytes()} bytes wait, and it is tried again after ` +
              `${durationText(retryMs)}, then ever later up to every ${durationText(MAX_RETRY_MS)}`,
            { reason: messageOf(error) },
          );
        await clock.sleep(retryMs, stop);
        if (stop.aborted) return false;
      }
    }
  };

  if (!(await commit())) return;
  for (;;) {
    const sinceMs = clock.monotonicMs() - committedAtMs;
    const isTime = sinceMs >= COMMIT_MS || channel.isAwaited() || isDue();
    if ((deliveredBytes >= COMMIT_BYTES || isTime) && !(await commit())) return;
    const batch = await takeSoon();
    if (batch === undefined && (stop.aborted || channel.isDrained())) break;
    if (batch === undefined) {
      if (!(await commit())) return;
      continue;
    }
    const isEmpty = batch.blocks.length === 0;
    if (!isEmpty && !(await inTheEnd(`${output.name} fails`, () => output.deliver(batch.blocks)))) break;
    failpoint("channel-delivered");
    delivered = batch.end;
    place = batch.end;
    channel.release(batch.end);
    deliveredBytes += batch.sizeBytes;
  }
  await commit();

  /** Undefined where nothing more comes for a while, so that what was delivered is committed. */
  async function takeSoon(): ReturnType<Channel["take"]> {
    const dueInMs = output.dueInMs?.();
    const waitsMs = delivered === undefined ? dueInMs : Math.min(channel.idleCommitMs, dueInMs ?? Infinity);
    if (waitsMs === undefined || channel.hasMore()) return channel.take(BATCH_BYTES, stop);
    const idle = new AbortController();
    const taken = new AbortController();
    void clock.sleep(Math.max(1, waitsMs), taken.signal).then(() => idle.abort());
    try {
      return await channel.take(BATCH_BYTES, AbortSignal.any([stop, idle.signal]));
    } finally {
      taken.abort();
    }
  }
}

/** Trying again would not help. */
function isFinal(error: unknown): boolean {
  return error instanceof StreamkitError && (error.code === "closed_pipe" || error.code === "bug");
}

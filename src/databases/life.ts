/**
 * How a writer lives with a server that is away: it says so at once and once, waits, and lets go when the job
 * is stopped. What is let go is safe: the transaction is there or it is not, and its mark tells which.
 */

import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";

const POLL_MS = 100;
/** Work that takes longer is told. */
const LONG_MS = 1500;
/** Of work under way, after a signal. */
const MAX_AFTER_STOP_MS = 4000;
const MAX_OPENING_MS = 10_000;

export interface Life {
  /** The first connection: a server that comes soon is waited for, one that refuses us is not. */
  opening<T>(open: () => Promise<T>): Promise<T>;
  /** The work's result, or code `stopped` where `stop` aborts and it does not end: then `cut` is called. */
  orGiveUp<T>(batch: number, work: Promise<T>, cut: () => Promise<void> | undefined): Promise<T>;
  isWell(): void;
  isBad(reason: string): void;
  /** Throws code `stopped` when the work was given up: it must begin nothing new. */
  check(): void;
}

export interface LifeOptions {
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** The table, as messages call it. */
  readonly name: string;
}

export function openLife({ clock, stop, name }: LifeOptions): Life {
  let givenUpAs: string | undefined;
  let told: string | undefined;
  const check = (): void => {
    if (givenUpAs !== undefined) throw new StreamkitError("stopped", givenUpAs, { component: "database" });
  };
  const isBad = (reason: string): void => {
    if (told === reason) return;
    told = reason;
    logger("database").warn(`${name} can't be written, trying again: ${reason}`);
  };
  const isWell = (): void => {
    if (told !== undefined) logger("database").info(`${name} is written again`);
    told = undefined;
  };
  /** Never resolves where the work ends first. */
  const watched = async (batch: number, ended: AbortSignal): Promise<void> => {
    const startedMs = clock.monotonicMs();
    let stoppedMs: number | undefined;
    let isTold = false;
    while (!ended.aborted) {
      await clock.sleep(POLL_MS, ended);
      const nowMs = clock.monotonicMs();
      if (ended.aborted) return;
      if (!isTold && nowMs - startedMs > LONG_MS) {
        isTold = true;
        logger("database").info(`${name} takes long to write batch ${batch}: waiting for its answer`);
      }
      if (!stop.aborted) continue;
      stoppedMs ??= nowMs;
      if (told !== undefined || nowMs - stoppedMs > MAX_AFTER_STOP_MS) return;
    }
  };
  return {
    check,
    isBad,
    isWell,
    async opening(open) {
      const startedMs = clock.monotonicMs();
      for (;;) {
        try {
          const opened = await open();
          isWell();
          return opened;
        } catch (error) {
          const isComing = error instanceof StreamkitError && error.retryable;
          if (!isComing || clock.monotonicMs() - startedMs > MAX_OPENING_MS) throw error;
          if (stop.aborted)
            throw new StreamkitError("stopped", `The job was stopped before ${name} could be written`);
          isBad(messageOf(error));
          await clock.sleep(POLL_MS * 5, stop);
        }
      }
    },
    async orGiveUp(batch, work, cut) {
      const ended = new AbortController();
      const watching = watched(batch, ended.signal).then(async () => {
        if (ended.signal.aborted) return work;
        givenUpAs =
          `${name} could not be written when the job was stopped, and the batch under way was given up: ` +
          "with a checkpoint, the next start repeats it";
        await cut();
        throw new StreamkitError("stopped", givenUpAs, { component: "database" });
      });
      work.catch(() => undefined);
      try {
        return await Promise.race([work, watching]);
      } finally {
        ended.abort();
        watching.catch(() => undefined);
      }
    },
  };
}

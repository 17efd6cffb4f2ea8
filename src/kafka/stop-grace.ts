/**
 * How long a writer waits after a signal. What goes well is ended; what waits for a broker that is away is
 * let alone at once: a transaction that is not committed is not there, and the next start repeats the batch.
 */

import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";

const STOP_POLL_MS = 100;
/** An open broker answers sooner. */
const MAX_OPENING_MS = 1000;
const LONG_MS = 3_600_000;

export interface StopGrace {
  /** The work's result, or code `stopped` where `stop` aborts while it goes badly: then it is let alone. */
  orGiveUp<T>(work: Promise<T>, goesBadly: () => boolean): Promise<T>;
  /** The same for what is under way before anything is written: a moment after `stop` it goes badly. */
  orGiveUpOpening<T>(work: Promise<T>): Promise<T>;
  /** The work is let alone for this reason. */
  giveUp(error: StreamkitError): void;
  /** Throws when something was given up: what is let alone must begin nothing new. */
  check(): void;
  /** Waits only where nothing was given up. */
  closed(close: () => Promise<void>): Promise<void>;
}

interface StopGraceOptions {
  readonly clock: Clock;
  readonly topic: string;
  readonly stop: AbortSignal;
}

export function openStopGrace({ clock, topic, stop }: StopGraceOptions): StopGrace {
  let reason: StreamkitError | undefined;
  const check = (): void => {
    if (reason !== undefined) throw reason;
  };
  const givenUp = async (goesBadly: () => boolean, ended: AbortSignal, words: string): Promise<void> => {
    const either = AbortSignal.any([stop, ended]);
    while (!either.aborted) await clock.sleep(LONG_MS, either);
    while (!ended.aborted && !goesBadly()) await clock.sleep(STOP_POLL_MS, ended);
    if (ended.aborted) return;
    reason = new StreamkitError("stopped", words, { component: "kafka" });
    check();
  };
  async function unlessGivenUp<T>(work: Promise<T>, goesBadly: () => boolean, words: string): Promise<T> {
    const ended = new AbortController();
    try {
      return await Promise.race([work, givenUp(goesBadly, ended.signal, words).then(() => work)]);
    } finally {
      ended.abort();
    }
  }
  return {
    check,
    giveUp(error) {
      reason ??= error;
    },
    orGiveUp: (work, goesBadly) =>
      unlessGivenUp(
        work,
        goesBadly,
        `The topic "${topic}" could not be written when the job was stopped, and the batch under way was ` +
          "given up: with a checkpoint, the next start repeats it",
      ),
    orGiveUpOpening(work) {
      let polls = 0;
      const isLong = (): boolean => {
        polls += 1;
        return polls * STOP_POLL_MS > MAX_OPENING_MS;
      };
      return unlessGivenUp(work, isLong, `The job was stopped before the topic "${topic}" could be written`);
    },
    async closed(close) {
      const closing = close();
      if (reason !== undefined) closing.catch(() => undefined);
      else await closing;
    },
  };
}

/** After a signal, a command comes to its end in time, whoever it waits for. */

import { StreamkitError } from "../base/error.ts";
import { durationText } from "../base/units.ts";
import type { Context } from "./context.ts";

export interface Deadline {
  /** How long it may go on after the signal. */
  readonly timeoutMs: number;
  /** As in "The batch under way". */
  readonly what: string;
  /** What becomes of it. */
  readonly outlook: string;
}

/** Resolves with the work, or rejects with it; with code `stopped` where it goes on for too long. */
export async function endedInTime(
  work: Promise<void>,
  { clock, stop }: Pick<Context, "clock" | "stop">,
  { timeoutMs, what, outlook }: Deadline,
): Promise<void> {
  const ended = new AbortController();
  const late = async (): Promise<void> => {
    const either = AbortSignal.any([stop, ended.signal]);
    while (!either.aborted) await clock.sleep(LONG_MS, either);
    if (!ended.signal.aborted) await clock.sleep(timeoutMs, ended.signal);
    if (ended.signal.aborted) return;
    throw new StreamkitError(
      "stopped",
      `${what} did not end within ${durationText(timeoutMs)} after ${String(stop.reason)} and was given ` +
        `up: ${outlook}`,
    );
  };
  const working = work.finally(() => ended.abort());
  await Promise.race([working, late()]);
  await working;
}

const LONG_MS = 3_600_000;

/** How far a query is, on a terminal, when it takes longer than a moment: until its answer begins. */

import type { ByteOutput } from "../runtime/stdio.ts";
import { openRegion } from "../terminal/region.ts";
import type { Context } from "./context.ts";

/** Before that nobody wonders. */
const PATIENCE_MS = 1000;
const TICK_MS = 250;

export interface QueryProgress {
  /** Standard output: the first of an answer takes the line away. */
  readonly stdout: ByteOutput;
  /** Until the answer begins, or the work ends. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

export function openQueryProgress(
  percentDone: () => number | undefined,
  { clock, stdout, progressOutput }: Pick<Context, "clock" | "stdout" | "progressOutput">,
): QueryProgress {
  const line = progressOutput === undefined ? undefined : openRegion(progressOutput);
  let ended = new AbortController();
  const end = (): void => {
    ended.abort();
    line?.erase();
  };
  const tick = async ({ signal }: AbortController): Promise<void> => {
    const startedMs = clock.monotonicMs();
    await clock.sleep(PATIENCE_MS, signal);
    while (!signal.aborted) {
      const percent = percentDone();
      const seconds = Math.round((clock.monotonicMs() - startedMs) / 1000);
      line?.show([
        percent === undefined || percent === 0 ? `${seconds} s` : `${Math.floor(percent)} % · ${seconds} s`,
      ]);
      await clock.sleep(TICK_MS, signal);
    }
  };
  return {
    stdout: {
      ...stdout,
      write(bytes) {
        end();
        stdout.write(bytes);
      },
      send(bytes) {
        end();
        return stdout.send(bytes);
      },
    },
    async during(work) {
      ended = new AbortController();
      if (line !== undefined) void tick(ended);
      try {
        return await work();
      } finally {
        end();
      }
    },
  };
}

/** How far a query is, until its answer begins. */

import type { ByteOutput } from "../runtime/stdio.ts";
import type { Context } from "./context.ts";
import { openWorkLine, type WorkLine } from "./work-line.ts";

const TICK_MS = 250;

export interface QueryProgress {
  /** Standard output: the first of an answer takes the line away. */
  readonly stdout: ByteOutput;
  /** Until the answer begins, or the work ends. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

export function openQueryProgress(
  percentDone: () => number | undefined,
  context: Pick<Context, "clock" | "stdout" | "progressOutput">,
): QueryProgress {
  const { clock, stdout } = context;
  let line: WorkLine | undefined;
  const end = (): void => {
    line?.end();
    line = undefined;
  };
  const follow = async (of: WorkLine): Promise<void> => {
    while (line === of) {
      const percent = Math.floor(percentDone() ?? 0);
      of.tell(percent > 0 ? `${percent} %` : "");
      await clock.sleep(TICK_MS);
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
      line = openWorkLine(context);
      if (context.progressOutput !== undefined) void follow(line);
      try {
        return await work();
      } finally {
        end();
      }
    },
  };
}

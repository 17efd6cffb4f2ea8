/** How far a long work is: a line on the terminal, when it takes longer than a moment, gone at the end. */

import { openRegion, sizeOf } from "../terminal/region.ts";
import { cutTo } from "../terminal/text.ts";
import type { Context } from "./context.ts";
import { spanText } from "./job-figures.ts";

/** Before that nobody wonders. */
const PATIENCE_MS = 1000;
const TICK_MS = 250;

export interface WorkLine {
  /** What is done now, as in "cut 2 of 4". */
  tell(words: string): void;
  end(): void;
}

export function openWorkLine(
  { clock, progressOutput }: Pick<Context, "clock" | "progressOutput">,
  quiet = false,
): WorkLine {
  const output = quiet ? undefined : progressOutput;
  const line = output === undefined ? undefined : openRegion(output);
  const startedMs = clock.monotonicMs();
  const ended = new AbortController();
  let words = "";
  const tick = async (): Promise<void> => {
    await clock.sleep(PATIENCE_MS, ended.signal);
    while (!ended.signal.aborted && output !== undefined) {
      const text = [words, spanText(clock.monotonicMs() - startedMs)]
        .filter((part) => part !== "")
        .join(" · ");
      line?.show([cutTo(text, sizeOf(output).columns)]);
      await clock.sleep(TICK_MS, ended.signal);
    }
  };
  if (line !== undefined) void tick();
  return {
    tell(now) {
      words = now;
    },
    end() {
      ended.abort();
      line?.erase();
    },
  };
}

/** A job over files of a test's own: cut as the test wants, restarted and killed, and what it wrote. */

import { stringify } from "yaml";
import { rowFiles } from "../../src/verify/run.ts";
import { type CrashPoint, openStreamingJob } from "../equation/streaming.ts";

export type Files = Readonly<Record<string, string | Uint8Array>>;

export interface Taking {
  /** The source's keys beside `from`. */
  readonly source?: Readonly<Record<string, unknown>>;
  readonly from?: unknown;
  /** What each batch takes, in bytes of content; the last size holds for all that follow. */
  readonly cuts?: readonly number[];
  /** What happens to the batch of this number, from 0. */
  readonly faults?: Readonly<Record<number, CrashPoint | "restart">>;
}

interface Taken {
  /** As JSON, in the order in which they were written. */
  readonly rows: readonly string[];
  readonly deadLetters: readonly Readonly<Record<string, unknown>>[];
  readonly batches: number;
}

const WHOLE = 16 * 1024 * 1024;
/** More batches than any test has: one that takes nothing for ever is seen. */
const MAX_BATCHES = 2000;

export async function take(
  files: Files,
  { source = {}, from = "in/*", cuts = [], faults = {} }: Taking = {},
) {
  const text = stringify({
    sources: { input: { from, ...source } },
    sinks: rowFiles(["input", "dead_letters"]),
  });
  const job = await openStreamingJob({ text, source: "input", files }, { isDurable: true, threads: 1 });
  try {
    let end = 0;
    let batches = 0;
    for (; batches < MAX_BATCHES; batches += 1) {
      const fault = faults[batches];
      end += cuts[Math.min(batches, cuts.length - 1)] ?? WHOLE;
      if (fault === "restart") await job.restart();
      if (fault === undefined || fault === "restart") await job.batch(end, false);
      else await job.crash(end, false, fault);
      if (job.isEnded()) break;
    }
    await job.batch(undefined, true);
    const lines = (name: string): string[] => job.written(name).split("\n").slice(0, -1);
    const deadLetters = lines("dead_letters").map((line) => JSON.parse(line) as Record<string, unknown>);
    return { rows: lines("input"), deadLetters, batches } satisfies Taken;
  } finally {
    await job.close();
  }
}

/** What a run tells of itself: dead letters as they come, and its last words. */

import { logger } from "../base/log.ts";
import { openTally } from "../base/tally.ts";
import { counted } from "../base/units.ts";
import type { BatchProgress } from "../engine/batch-progress.ts";
import type { LoadedJob } from "../job/load.ts";
import { resolveSource } from "../sources/list.ts";
import type { Context } from "./context.ts";
import { openLateWords } from "./late-words.ts";
import { type LetterTally, letterWords } from "./letter-words.ts";

export interface Account {
  add(outcome: BatchProgress): void;
  /** The last words. */
  finish(): void;
  close(): void;
}

const MAX_SUMMARY_LINES = 10;

/** Counts over all batches, and tells of what was left out on the way. */
export function openAccount(
  job: LoadedJob,
  { clock, say }: Context,
  { quiet, whereLetters }: { readonly quiet: boolean; readonly whereLetters: string },
): Account {
  const log = logger("process");
  const startedMs = clock.monotonicMs();
  const lateWords = openLateWords(clock);
  const letters = openTally<LetterTally>({
    clock,
    together: (earlier, later) => ({ ...later, count: earlier.count + later.count }),
    tell(seen, total) {
      const inAll = total === undefined ? "" : ` (${total.count} in all)`;
      log.warn(`${seen.words(seen.count)}${inAll}`.replaceAll(/[{}]/g, "$&$&"));
    },
  });
  let batches = 0;
  let rows = 0;
  let late = 0;
  let dead = 0;
  return {
    add(outcome) {
      const { report, letters: kinds = [] } = outcome;
      batches += 1;
      rows += report.inputRows;
      late += report.lateRows;
      const isFirst = dead === 0 && report.deadLetters > 0;
      dead += report.deadLetters;
      if (quiet) return;
      lateWords.see(outcome);
      for (const kind of kinds) {
        const tallied = letterWords(kind, offsetName(job, kind.source));
        letters.add(tallied.kind, tallied);
      }
      if (isFirst) log.info(whereLetters);
    },
    finish() {
      if (quiet) return;
      const seconds = (clock.monotonicMs() - startedMs) / 1000;
      const left = [
        late > 0 ? counted(late, "late row") : "",
        dead > 0 ? counted(dead, "dead letter") : "",
      ].filter((text) => text !== "");
      const parts = [
        `${counted(rows, "row")} in ${counted(batches, "batch", "batches")}`,
        `${seconds.toFixed(1)} s`,
        ...left,
      ];
      letters.finish();
      say(`streamkit: ${parts.join(", ")}`);
      const lines = letters
        .totals()
        .toSorted((a, b) => b.count - a.count)
        .map(({ words, count }) => words(count));
      for (const line of lines.slice(0, MAX_SUMMARY_LINES)) say(`  ${line}`);
      if (lines.length > MAX_SUMMARY_LINES) say(`  and ${lines.length - MAX_SUMMARY_LINES} kinds more`);
    },
    close() {
      letters.close();
      lateWords.close();
    },
  };
}

/** Where the dead letters can be looked at. */
export function whereLettersAre(job: LoadedJob, checkpointFolder: string | undefined): string {
  const sink = job.config.sinks.find(({ from }) => from === "dead_letters");
  if (sink?.to !== undefined) return `Dead letters are written to ${sink.to}`;
  if (sink !== undefined) return "Dead letters are written to the sink from: dead_letters";
  if (checkpointFolder !== undefined)
    return `Dead letters are kept: streamkit query "FROM dead_letters" --checkpoint ${checkpointFolder}`;
  return "Dead letters are only counted here: --checkpoint FOLDER keeps each with its reason";
}

/** What a place in a source's input is called. */
function offsetName({ config }: LoadedJob, source: string | null): string {
  const from = config.sources[source ?? ""]?.from;
  return from !== undefined && resolveSource(from).kind.hasPartitions === true ? "offset" : "byte";
}

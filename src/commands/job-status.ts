/**
 * What a person is told of a job while it runs: on a terminal a line that is kept up, and once, on stderr,
 * what a job waits for that has nothing to do.
 */

import { counted } from "../base/units.ts";
import type { BatchOutcome } from "../engine/outcome.ts";
import type { LoadedJob } from "../job/load.ts";
import { liveViewOf } from "../sinks/live-view.ts";
import { bytesOfFiles } from "../sources/files-size.ts";
import { resolveSource } from "../sources/list.ts";
import { openRegion, sizeOf } from "../terminal/region.ts";
import { cutTo } from "../terminal/text.ts";
import type { Context } from "./context.ts";
import { openJobFigures, WAITING_MS } from "./job-figures.ts";

/** How often the line is drawn anew where no batch does it. */
const TICK_MS = 500;

export interface JobStatus {
  add(outcome: BatchOutcome): void;
  /** What was shown of tables stays, the line goes. */
  end(): void;
}

export interface StatusOptions {
  readonly until: "stopped" | "once" | "available";
  readonly quiet: boolean;
  /** Whether it begins anew, so that the bytes of its files tell how far it is. */
  readonly isFresh: boolean;
}

export function openJobStatus(job: LoadedJob, options: StatusOptions, context: Context): JobStatus {
  const { clock, stdout, progressOutput } = context;
  const figures = openJobFigures(clock);
  const ended = new AbortController();
  const line = progressOutput === undefined ? undefined : openRegion(progressOutput);
  let hasSaidWhat = false;

  const draw = (): void => {
    if (options.quiet) return;
    const text = figures.text();
    const view = stdout.isTerminal ? liveViewOf(stdout) : undefined;
    if (view !== undefined && view.tables.some(({ rows }) => rows.size > 0)) {
      view.status = text;
      line?.erase();
      view.draw();
    } else if (line !== undefined && progressOutput !== undefined && figures.rows > 0)
      line.show([cutTo(text, sizeOf(progressOutput).columns)]);
  };
  const tick = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await clock.sleep(TICK_MS, ended.signal);
      if (ended.signal.aborted || context.stop.aborted) return;
      if (!options.quiet && !hasSaidWhat && options.until === "stopped" && figures.silentMs() >= WAITING_MS) {
        hasSaidWhat = true;
        for (const text of waitingLines(job, figures.rows, context.isStdinTerminal === true))
          context.say(text);
      }
      draw();
    }
  };
  if (options.until !== "stopped" && options.isFresh)
    void totalBytes(job).then((bytes) => {
      figures.totalBytes = bytes;
    });
  void tick();
  return {
    add({ report }) {
      figures.add(report);
      draw();
    },
    end() {
      ended.abort();
      line?.erase();
      if (stdout.isTerminal) liveViewOf(stdout).leave();
    },
  };
}

/** Undefined where other sources than files are read too. */
async function totalBytes({ config, folder }: LoadedJob): Promise<number | undefined> {
  let sum = 0;
  for (const { from } of Object.values(config.sources)) {
    const { kind, options } = resolveSource(from);
    const bytes =
      kind.name === "files"
        ? await bytesOfFiles((options as { readonly path: string }).path, folder)
        : undefined;
    if (bytes === undefined) return undefined;
    sum += bytes;
  }
  return sum;
}

const EXAMPLES = [
  "  streamkit simulate quotes | streamkit process",
  "  streamkit process < quotes.ndjson",
  '  streamkit process --in quotes.ndjson --once --sql "FROM input"',
];

function waitingLines({ config }: LoadedJob, rows: number, isStdinTerminal: boolean): readonly string[] {
  const kinds = Object.values(config.sources).map(({ from }) => resolveSource(from).kind);
  const names = new Set(kinds.map(({ name }) => name));
  const read = rows === 0 ? "nothing has come yet" : `${counted(rows, "row")} read`;
  if (names.has("stdin") && isStdinTerminal)
    return [
      `streamkit: ${read}; waiting for lines typed here (Ctrl-D ends them)`,
      "Usually a pipe or a file gives them:",
      ...EXAMPLES,
    ];
  const what = [...new Set(kinds.map(({ waitsFor }) => waitsFor))].join(" and ");
  const takesAll = ["files", "tail", "kafka"].some((name) => names.has(name));
  const way = takesAll && !names.has("stdin") ? "; --once ends here" : "";
  return [`streamkit: ${read}; waiting for ${what}${way}`];
}

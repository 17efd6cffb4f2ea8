/**
 * What a person is told of a job while it runs: on a terminal a line that is kept up, and once, on stderr,
 * what a job waits for that has nothing to do.
 */

import { counted } from "../base/units.ts";
import type { BatchProgress } from "../engine/batch-progress.ts";
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
/** That a pipe is silent at its start is usual: the program before it starts too. */
const PIPE_PATIENCE_MS = 10_000;

export interface JobStatus {
  /** The sources were asked: whether one of them had something. */
  asked(hadInput: boolean): void;
  add(outcome: BatchProgress): void;
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
  const patienceMs = isFedByPipe(job, context) ? PIPE_PATIENCE_MS : WAITING_MS;

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
      if (
        !options.quiet &&
        !hasSaidWhat &&
        options.until === "stopped" &&
        figures.waitingMs() >= patienceMs
      ) {
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
    asked: figures.asked,
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

/** Of the sources that are right: what is wrong with the others is told where they are opened. */
function sourcesOf({ config }: LoadedJob): readonly ReturnType<typeof resolveSource>[] {
  return Object.values(config.sources).flatMap(({ from }) => {
    try {
      return [resolveSource(from)];
    } catch {
      return [];
    }
  });
}

/** Others have the other end, who may take their time. */
function isFedByPipe(job: LoadedJob, { isStdinTerminal }: Context): boolean {
  return sourcesOf(job).some(({ kind }) => kind.name === "stdin") && isStdinTerminal !== true;
}

/** Undefined where other sources than files are read too. */
async function totalBytes(job: LoadedJob): Promise<number | undefined> {
  let sum = 0;
  for (const { kind, options } of sourcesOf(job)) {
    const bytes =
      kind.name === "files"
        ? await bytesOfFiles((options as { readonly path: string }).path, job.folder)
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

function waitingLines(job: LoadedJob, rows: number, isStdinTerminal: boolean): readonly string[] {
  const kinds = sourcesOf(job).map(({ kind }) => kind);
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

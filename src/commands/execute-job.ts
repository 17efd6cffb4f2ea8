/** A loaded job, run with everything around it: dashboard, journal, words on stderr. */

import { existsSync } from "node:fs";
import path from "node:path";
import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";
import type { BatchOutcome } from "../engine/outcome.ts";
import type { PreparedJob } from "../engine/prepare.ts";
import { type RunOptions, runJob } from "../engine/run-job.ts";
import { runShared } from "../engine/run-shared.ts";
import { sharingOf } from "../engine/shared-sources.ts";
import type { LoadedJob } from "../job/load.ts";
import { type Hub, openHub } from "../server/hub.ts";
import { type Journal, openJournal, replayJournal } from "../server/journal.ts";
import { type DashboardServer, DEFAULT_HOST, startServer } from "../server/server.ts";
import type { Context } from "./context.ts";
import { openJobStatus } from "./job-status.ts";
import { endedInTime } from "./stop-deadline.ts";

export interface Execution {
  readonly batchMs: number | undefined;
  readonly checkpoint: string | undefined;
  /** Queries whose state in the checkpoint is dropped. */
  readonly resets: readonly string[];
  /** How long a batch may go on after a signal. */
  readonly stopTimeoutMs: number;
  readonly until: "stopped" | "once" | "available";
  /** Where the dashboard listens; undefined for none. */
  readonly serve: DashboardAddress | undefined;
  readonly bareRows: boolean;
  readonly quiet: boolean;
}

export const DEFAULT_STOP_TIMEOUT_MS = 30_000;

export interface DashboardAddress {
  readonly host: string;
  readonly port: number;
  /** Goes on to the next port where one is taken, instead of failing. */
  readonly takesNextFreePort: boolean;
}

/**
 * Runs the job to its end. With a dashboard, that stays up after the input's end until a person stops it.
 * Throws code `stopped` where the batch under way does not end in time after a signal.
 */
export async function executeJob(job: LoadedJob, context: Context, execution: Execution): Promise<void> {
  await endedInTime(execute(job, context, execution), context, {
    timeoutMs: execution.stopTimeoutMs,
    what: "The batch under way",
    outlook: "with a checkpoint, the next start repeats it",
  });
}

async function execute(job: LoadedJob, context: Context, execution: Execution): Promise<void> {
  const checkpointFolder = checkpointOf(job, execution);
  const [reset] = execution.resets;
  if (reset !== undefined && checkpointFolder === undefined)
    throw new StreamkitError(
      "usage",
      `--reset ${reset} has no effect without a checkpoint: name it with --checkpoint`,
    );
  const hub = execution.serve === undefined ? undefined : openHub();
  const server =
    hub === undefined || execution.serve === undefined ? undefined : await listen(hub, execution.serve);
  let journal: Journal | undefined;
  const tally = openTally(context, execution.quiet);
  const hasState = checkpointFolder !== undefined && existsSync(checkpointFolder);
  const status = openJobStatus(job, { ...execution, isFresh: !hasState }, context);
  let hasSaidStart = false;
  try {
    const shared = sharingOf(job);
    const run =
      shared === undefined ? runJob : (of: LoadedJob, how: RunOptions) => runShared(of, shared, how);
    await run(job, {
      clock: context.clock,
      stop: context.stop,
      stdout: context.stdout,
      env: context.env,
      freshSeed: context.freshSeed,
      checkpointFolder,
      resets: execution.resets,
      batchMs: execution.batchMs ?? job.config.batch,
      until: execution.until,
      bareRows: execution.bareRows,
      observesRows: hub !== undefined || checkpointFolder !== undefined,
      observe(outcome) {
        hub?.publish(outcome);
        journal?.append(outcome);
        tally.add(outcome);
        status.add(outcome);
      },
      started(prepared) {
        // A partition's run comes and goes: whoever follows a checkpoint follows one of those.
        if (checkpointFolder !== undefined && shared === undefined) {
          // What a page was shown before a restart, it is shown again.
          if (hub !== undefined) replayJournal(checkpointFolder, (outcome) => hub.publish(outcome));
          journal = openJournal(checkpointFolder);
        }
        // Once a process, not once a partition.
        if (hasSaidStart) return;
        hasSaidStart = true;
        sayStart(prepared, server, { ...execution, isShared: shared !== undefined }, context);
      },
    });
    status.end();
    tally.finish();
    hub?.setFeed({ ended: true });
    if (server !== undefined) await stayUp(server, context);
  } finally {
    status.end();
    journal?.close();
    await server?.close();
  }
}

/** The flag's folder is relative to where we are, the job's to the job. */
function checkpointOf(job: LoadedJob, { checkpoint }: Execution): string | undefined {
  if (checkpoint !== undefined) return path.resolve(checkpoint);
  return job.config.checkpoint === undefined ? undefined : path.resolve(job.folder, job.config.checkpoint);
}

function sayStart(
  { checkpoint }: PreparedJob,
  server: DashboardServer | undefined,
  execution: Execution & { readonly isShared: boolean },
  { say, stdout }: Context,
): void {
  if (execution.quiet) return;
  if (server !== undefined) say(`streamkit: dashboard at ${server.url}`);
  if (!checkpoint.isDurable && (stdout.isTerminal || execution.serve !== undefined))
    say("streamkit: state is in memory only: --checkpoint FOLDER keeps it over a restart");
  const committed = checkpoint.progress?.batch;
  if (committed === undefined) return;
  if (execution.isShared) say("streamkit: each partition goes on where its checkpoint ends");
  else say(`streamkit: going on after batch ${committed} of the checkpoint`);
}

const LONG_MS = 3_600_000;

async function stayUp(server: DashboardServer, { clock, stop, say }: Context): Promise<void> {
  if (stop.aborted) return;
  say(`streamkit: the input ended; the dashboard stays at ${server.url} until Ctrl-C`);
  while (!stop.aborted) await clock.sleep(LONG_MS, stop);
}

/** `8080`, `0.0.0.0:8080`, `[::1]:8080`. Throws code `usage`. */
export function addressFlag(text: string): DashboardAddress {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535)
    throw new StreamkitError("usage", `--serve takes PORT or HOST:PORT: found "${text}"`);
  const host = match[1]?.replace(/^\[(.*)\]$/, "$1") ?? DEFAULT_HOST;
  return { host, port, takesNextFreePort: false };
}

const MAX_PORTS_TRIED = 20;

async function listen(
  hub: Hub,
  { host, port, takesNextFreePort }: DashboardAddress,
): Promise<DashboardServer> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await startServer({ hub, host, port: port + tried - 1 });
    } catch (error) {
      const isTaken = error instanceof StreamkitError && error.code === "io";
      if (!takesNextFreePort || !isTaken || port === 0 || tried === MAX_PORTS_TRIED) throw error;
    }
  }
}

interface Tally {
  add(outcome: BatchOutcome): void;
  finish(): void;
}

/** Broken lines seen in one batch are told with their reasons, but not more often than this. */
const WARNING_INTERVAL_MS = 10_000;

/** Counts over all batches, for the words at the end, and warnings about what was left out on the way. */
function openTally({ clock, say }: Context, quiet: boolean): Tally {
  const log = logger("process");
  const startedMs = clock.monotonicMs();
  let warnedMs = Number.NEGATIVE_INFINITY;
  let batches = 0;
  let rows = 0;
  let late = 0;
  let dead = 0;
  return {
    add({ report }) {
      batches += 1;
      rows += report.inputRows;
      late += report.lateRows;
      dead += report.deadLetters;
      const isSoon = clock.monotonicMs() - warnedMs < WARNING_INTERVAL_MS;
      if (quiet || report.deadLetters === 0 || isSoon) return;
      warnedMs = clock.monotonicMs();
      log.warn(`${counted(report.deadLetters, "line")} could not be read in batch ${report.batch}${hint()}`);
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
      say(`streamkit: ${parts.join(", ")}`);
    },
  };
}

function hint(): string {
  return ": the reasons go to a sink with from: dead_letters, and to a checkpoint's table dead_letters";
}

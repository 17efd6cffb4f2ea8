/** A loaded job, run with everything around it: dashboard, journal, words on stderr. */

import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { messageOf, StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { PreparedJob } from "../engine/prepare.ts";
import { type RunOptions, runJob } from "../engine/run-job.ts";
import { runShared } from "../engine/run-shared.ts";
import { sharingOf } from "../engine/shared-sources.ts";
import type { LoadedJob } from "../job/load.ts";
import type { Access } from "../server/access.ts";
import { type Hub, openHub } from "../server/hub.ts";
import { graphOf, localWarehouseOf } from "../server/job-graph.ts";
import { type Journal, openOptionalJournal, replayJournal } from "../server/journal.ts";
import { type DashboardServer, DEFAULT_HOST, startServer } from "../server/server.ts";
import { openAccount, whereLettersAre } from "./account.ts";
import type { Context } from "./context.ts";
import { accessTo, type DashboardFlags, sayWhoSees } from "./dashboard-flags.ts";
import { openJobStatus } from "./job-status.ts";
import { endedInTime } from "./stop-deadline.ts";

export interface Execution {
  readonly batchMs: number | undefined;
  readonly checkpoint: string | undefined;
  /** Queries whose state in the checkpoint is dropped. */
  readonly resets: readonly string[];
  readonly resetsCheckpoint?: boolean;
  /** How long a batch may go on after a signal. */
  readonly stopTimeoutMs: number;
  readonly until: "stopped" | "once" | "available";
  readonly allowsEmpty: boolean;
  /** Where the dashboard listens; undefined for none. */
  readonly serve: DashboardAddress | undefined;
  /** Whether the dashboard outlives the input; it does if left out. */
  readonly staysUp?: boolean;
  readonly bareRows: boolean;
  readonly quiet: boolean;
}

export const DEFAULT_STOP_TIMEOUT_MS = 30_000;

export interface DashboardAddress extends Access {
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
  refuseFile(checkpointFolder);
  const [reset] = execution.resets;
  if (reset !== undefined && checkpointFolder === undefined)
    throw new StreamkitError(
      "usage",
      `--reset ${reset} has no effect without a checkpoint: name it with --checkpoint`,
    );
  const hub = execution.serve === undefined ? undefined : openHub();
  const server =
    hub === undefined || execution.serve === undefined
      ? undefined
      : await listen(hub, execution.serve, localWarehouseOf(job));
  let journal: Journal | undefined;
  const account = openAccount(job, context, {
    quiet: execution.quiet,
    whereLetters: whereLettersAre(job, checkpointFolder),
  });
  const hasState = checkpointFolder !== undefined && existsSync(checkpointFolder);
  const status = openJobStatus(job, { ...execution, isFresh: !hasState }, context);
  let hasSaidStart = false;
  /** For whoever looks on: here, or by the checkpoint. */
  const ended = (reason: string): void => {
    hub?.setFeed({ ended: true, reason });
    journal?.end(reason);
  };
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
      resetsCheckpoint: execution.resetsCheckpoint ?? false,
      batchMs: execution.batchMs ?? job.config.batch,
      until: execution.until,
      allowsEmpty: execution.allowsEmpty,
      bareRows: execution.bareRows,
      observesRows: hub !== undefined || checkpointFolder !== undefined,
      observe(outcome) {
        hub?.publish(outcome);
        journal?.append(outcome);
        account.add(outcome);
        status.add(outcome);
      },
      asked: status.asked,
      started(prepared, observed) {
        // A partition's run comes and goes: whoever follows a checkpoint follows one of those.
        if (checkpointFolder !== undefined && shared === undefined) {
          // What a page was shown before a restart, it is shown again.
          if (hub !== undefined) replay(checkpointFolder, hub);
          journal = openOptionalJournal(checkpointFolder, (words) =>
            logger("process").warn(plainWords(words)),
          );
        }
        hub?.describe(
          job.config.name,
          observed.map((output) => ({ ...output, query: output.name })),
          graphOf(prepared, observed),
        );
        // Once a process, not once a partition.
        if (hasSaidStart) return;
        hasSaidStart = true;
        sayStart(prepared, server, { ...execution, isShared: shared !== undefined }, context);
      },
    });
    status.end();
    account.finish();
    ended(context.stop.aborted ? `stopped by ${String(context.stop.reason)}` : "the input ended");
    if (server !== undefined && execution.staysUp !== false) await stayUp(server, context);
  } catch (error) {
    try {
      ended(`failed: ${job.withoutSecrets(messageOf(error))}`);
    } catch {
      // What went wrong is told, not that it can't be noted either: where the disk is full, say.
    }
    throw error;
  } finally {
    status.end();
    account.close();
    journal?.close();
    await server?.close();
  }
}

/** What a page was shown before is a help to it, and no more. */
function replay(folder: string, hub: Hub): void {
  try {
    replayJournal(folder, (outcome) => hub.publish(outcome));
  } catch (error) {
    logger("process").warn(plainWords(`Cannot read the journal of ${folder}: ${messageOf(error)}`));
  }
}

/** The log takes braces for places of values. */
function plainWords(text: string): string {
  return text.replaceAll(/[{}]/g, "$&$&");
}

/** The flag's folder is relative to where we are, the job's to the job. */
function checkpointOf(job: LoadedJob, { checkpoint }: Execution): string | undefined {
  if (checkpoint !== undefined) return path.resolve(checkpoint);
  return job.config.checkpoint === undefined ? undefined : path.resolve(job.folder, job.config.checkpoint);
}

function refuseFile(folder: string | undefined): void {
  if (folder !== undefined && existsSync(folder) && !statSync(folder).isDirectory())
    throw new StreamkitError("usage", `The checkpoint is a folder: found "${folder}", which is a file`);
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

/** `8080`, `0.0.0.0:8080`, `[::1]:8080`, and who may see what is there. Throws code `usage`. */
export function addressFlag(text: string, flags: DashboardFlags): DashboardAddress {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535)
    throw new StreamkitError("usage", `--serve takes PORT or HOST:PORT: found "${text}"`);
  const host = match[1]?.replace(/^\[(.*)\]$/, "$1") ?? DEFAULT_HOST;
  return { ...accessTo(host, flags), port, takesNextFreePort: false };
}

const MAX_PORTS_TRIED = 20;

async function listen(
  hub: Hub,
  { port, takesNextFreePort, ...access }: DashboardAddress,
  warehouse: string | undefined,
): Promise<DashboardServer> {
  for (let tried = 1; ; tried += 1) {
    try {
      const server = await startServer({ hub, ...access, warehouse, port: port + tried - 1 });
      sayWhoSees(access);
      return server;
    } catch (error) {
      const isTaken = error instanceof StreamkitError && error.code === "io";
      if (!takesNextFreePort || !isTaken || port === 0 || tried === MAX_PORTS_TRIED) throw error;
    }
  }
}

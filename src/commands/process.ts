/** `streamkit process`: runs a job. */

import { Command } from "commander";
import { StreamkitError } from "../base/error.ts";
import { durationFlagMs } from "../base/units.ts";
import type { Context } from "./context.ts";
import { addDashboardFlags, type DashboardFlags } from "./dashboard-flags.ts";
import { jobRules, refuseIdleFlags } from "./idle-flags.ts";
import { addJobFlags, collect, type JobFlags } from "./job-flags.ts";
import { withHintForMore } from "./more-arguments.ts";

interface ProcessFlags extends JobFlags, DashboardFlags {
  readonly batch?: string;
  readonly checkpoint?: string;
  readonly once?: boolean;
  readonly availableNow?: boolean;
  readonly stopTimeout?: string;
  readonly reset?: readonly string[];
  readonly resetCheckpoint?: boolean;
  readonly serve?: string;
  readonly quiet?: boolean;
  readonly allowEmpty?: boolean;
}

const HELP = `
Examples:
  Candles by minute and day of a simulated market, as a live table:
    streamkit simulate quotes | streamkit process
  One query over standard input; its columns are found from the first lines:
    cat quotes.ndjson | streamkit process --sql "SELECT symbol, count(*) AS quotes FROM input GROUP BY symbol"
  Windows: a row comes when the watermark passes the window's end, or the input ends:
    streamkit simulate quotes | streamkit process --watermark 2s --sql "
      SELECT symbol, window_start, max(price) AS high FROM tumble(input, ts, INTERVAL 10 SECOND) GROUP BY ALL"
  A job file with state that outlives a crash, and the dashboard:
    streamkit process market.yaml --checkpoint ./state --serve 8080

See also: streamkit check JOB (the plan), streamkit check --json-schema (the job file's schema).`;

export function processCommand(context: Context): Command {
  const command = withHintForMore(
    new Command("process"),
    (word) => `what a job reads stands in it, or comes on standard input, as with < ${word}`,
  )
    .summary("runs a job: read, aggregate in micro-batches, write")
    .description(
      "Runs a job file; without one, a query (--sql) over the standard input, or the built-in market job.",
    );
  const withFlags = addJobFlags(
    command,
    "a job file: YAML, JSON or TypeScript",
    "what to read: -, a file or glob, tail:GLOB, kafka://…, http://…, tcp://… or syslog://… (default: -)",
  )
    .option("--batch <duration>", "time between micro-batches; 0 = as soon as there is input")
    .option("--checkpoint <folder>", "save state and progress here, and resume from it")
    .option(
      "--reset <query>",
      "discard this query's state in the checkpoint, so that it starts anew; repeatable",
      collect,
    )
    .option("--reset-checkpoint", "discard the whole checkpoint, so that the job starts anew")
    .option(
      "--once",
      "treat what is there now as the whole input (no row is late): close every window, then stop",
    )
    .option(
      "--available-now",
      "process what is there now, commit, then stop; open windows stay in the checkpoint",
    )
    .option("--allow-empty", "with --once or --available-now: accept that there is no file to read")
    .option(
      "--stop-timeout <duration>",
      "after a signal, abandon a batch that takes longer than this (default: 30s)",
    )
    .option("--serve <[host:]port>", "serve the live dashboard on this port")
    .option("--quiet", "print only errors");
  return addDashboardFlags(withFlags)
    .addHelpText("after", HELP)
    .action((job: string | undefined, flags: ProcessFlags, given: Command) => {
      refuseIdleFlags(given, jobRules(given, job));
      return runProcess(job, flags, context);
    });
}

async function runProcess(file: string | undefined, flags: ProcessFlags, context: Context): Promise<void> {
  if (flags.once === true && flags.availableNow === true)
    throw new StreamkitError("usage", "--once and --available-now exclude each other");
  const { jobOf } = await import("./load-job.ts");
  const { addressFlag, DEFAULT_STOP_TIMEOUT_MS, executeJob } = await import("./execute-job.ts");
  const job = await jobOf(file, flags, context);
  await executeJob(job, context, {
    batchMs: flags.batch === undefined ? undefined : durationFlagMs("--batch", flags.batch),
    checkpoint: flags.checkpoint,
    resets: flags.reset ?? [],
    resetsCheckpoint: flags.resetCheckpoint === true,
    stopTimeoutMs:
      flags.stopTimeout === undefined
        ? DEFAULT_STOP_TIMEOUT_MS
        : durationFlagMs("--stop-timeout", flags.stopTimeout),
    until: flags.once === true ? "once" : flags.availableNow === true ? "available" : "stopped",
    serve: flags.serve === undefined ? undefined : addressFlag(flags.serve, flags),
    bareRows: flags.sql !== undefined && file === undefined,
    quiet: flags.quiet === true,
    allowsEmpty: flags.allowEmpty === true,
  });
}

/** `streamkit demo`: everything at once with no other server. */

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import type { Context } from "./context.ts";
import { accessTo, addDashboardFlags, type DashboardFlags } from "./dashboard-flags.ts";

interface DemoFlags extends DashboardFlags {
  readonly port: string;
  readonly host: string;
  readonly folder?: string;
  readonly rate: string;
  readonly for?: string;
}

const HELP = `
The demo is an ordinary job; it is written to the folder as demo.yaml, to be read, changed and run:
  streamkit process FOLDER/demo.yaml --serve 8080
What it stores can be asked at any time:
  streamkit query "SELECT symbol, max(high) AS high FROM candles GROUP BY ALL" --warehouse FOLDER/warehouse`;

export function demoCommand(context: Context): Command {
  const command = new Command("demo")
    .summary("simulator → processor → Parquet → dashboard, in one process")
    .description(
      "Simulates a market, forty times faster than the clock and with a day of history, and a web server; " +
        "aggregates both, stores Parquet, and shows it all in a browser.",
    )
    .option("--port <port>", "the dashboard's port; the next free one if it is taken", "8080")
    .option("--host <host>", "the address that the dashboard listens on", "127.0.0.1")
    .option("--folder <folder>", "where to store the data (default: a new temporary folder)")
    .option("--rate <n>", "quotes a second", "250")
    .option("--for <duration>", "stop after this time (default: when you press Ctrl-C)");
  return addDashboardFlags(command)
    .addHelpText("after", HELP)
    .action((flags: DemoFlags) => runDemo(flags, context));
}

async function runDemo(flags: DemoFlags, context: Context): Promise<void> {
  const { countFlag, durationFlagMs } = await import("../base/units.ts");
  const { demoJobText } = await import("../job/demo.ts");
  const { loadJobText } = await import("../job/load.ts");
  const { writeFile, mkdir } = await import("node:fs/promises");
  const { wholeJobSchema } = await import("./load-job.ts");
  const { DEFAULT_STOP_TIMEOUT_MS, executeJob } = await import("./execute-job.ts");
  const { portFlag } = await import("./serve.ts");
  const access = accessTo(flags.host, flags);
  const port = portFlag("--port", flags.port);
  const rate = countFlag("--rate", flags.rate, 1);
  if (flags.for !== undefined) durationFlagMs("--for", flags.for);
  const folder =
    flags.folder === undefined
      ? await mkdtemp(path.join(tmpdir(), "streamkit-demo-"))
      : path.resolve(flags.folder);
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, "demo.yaml");
  const text = demoJobText({ rate, nowMs: context.clock.nowMs(), forText: flags.for });
  await writeFile(file, text);
  const job = loadJobText(text, file, wholeJobSchema(), { env: context.env, overrides: [] });
  context.say(`streamkit: the job is ${file}`);
  context.say(`streamkit: Parquet goes to ${path.join(folder, "warehouse")}; Ctrl-C stops`);
  await executeJob(job, context, {
    batchMs: undefined,
    checkpoint: undefined,
    resets: [],
    stopTimeoutMs: DEFAULT_STOP_TIMEOUT_MS,
    until: "stopped",
    allowsEmpty: false,
    serve: { ...access, port, takesNextFreePort: true },
    // Who says how long it goes on does not want to end it by hand.
    staysUp: flags.for === undefined,
    bareRows: false,
    quiet: false,
  });
}

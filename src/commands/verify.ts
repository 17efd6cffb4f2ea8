/** `streamkit verify`: a job's answers, batch by batch and all at once, over the same input. */

import { Command } from "commander";
import { StreamkitError } from "../base/error.ts";
import { countFlag, timeFlagMs } from "../base/units.ts";
import type { Context } from "./context.ts";
import { jobRules, refuseIdleFlags } from "./idle-flags.ts";
import { addJobFlags, collect, type JobFlags } from "./job-flags.ts";
import { withHintForMore } from "./more-arguments.ts";
import { openWorkLine } from "./work-line.ts";

interface VerifyFlags extends JobFlags {
  readonly input?: readonly string[];
  readonly seed?: string;
  readonly now?: string;
  readonly cuts: string;
}

const HELP = `
A query is right if the stream's rows equal those of the same SQL over the whole input, however the input is
cut into batches. This command checks that with your own job and files: the engine reads them in random
batches and is restarted in between, plain DuckDB reads them at once in a single thread. The job's sinks and
checkpoint are not touched.

No row is late here: if the input is more out of order than watermark: allows, the watermark is raised, and
the number of rows that would have been late is printed. DOUBLEs may differ in their last digits. Results
that depend on row order (first, last, list without ORDER BY) follow the input's order, except over hop(…).

Both sides use the engine's reader. Therefore an independent second reader parses the same lines (json, csv
and lines) and compares every number, text, date, time and boolean, and which lines became dead letters; of
more than 200,000 lines it takes a sample.

If rows depend on the clock (received:, max_ahead:), the batch uses the times of the stream's batches.

Examples:
  A job that reads standard input, over a file of yesterday:
    streamkit verify market.yaml --input quotes.ndjson
  Several sources, ten cuts:
    streamkit verify join.yaml --input orders='in/orders-*.csv' --input payments=payments.ndjson --cuts 10
  One query:
    streamkit verify --sql "SELECT symbol, window_start, max(price) AS high
      FROM tumble(input, ts, INTERVAL 1 MINUTE) GROUP BY ALL" --input quotes.ndjson

Exit codes: 0 equal, 1 a query or a value that was read differs, 2 wrong usage or wrong job.`;

export function verifyCommand(context: Context): Command {
  const command = withHintForMore(
    new Command("verify"),
    (word) => `--input ${word} says what a source reads here`,
  )
    .summary("runs a job as a stream and as a batch, and compares the rows")
    .description(
      "Checks that a job's rows over random batches equal those of the same SQL over the whole input.",
    )
    .option(
      "--input <[source=]files>",
      "what a source reads: a file, a folder or a glob; repeatable; file sources keep their own input",
      collect,
    )
    .option("--cuts <n>", "how many ways of cutting the input into batches to try", "4")
    .option("--now <time>", "the clock at the start, for received: and max_ahead: (default: the time now)")
    .option("--seed <n>", "seed of the first cut; later cuts count up from it (default: random)");
  return addJobFlags(command, "a job file: YAML, JSON or TypeScript")
    .addHelpText("after", HELP)
    .action((file: string | undefined, flags: VerifyFlags, given: Command) => {
      refuseIdleFlags(given, jobRules(given, file));
      return runVerify(file, flags, context);
    });
}

/** Short enough to be typed again. */
const SEEDS = 1_000_000;

async function runVerify(file: string | undefined, flags: VerifyFlags, context: Context): Promise<void> {
  const cuts = countFlag("--cuts", flags.cuts, 1);
  const seed = flags.seed === undefined ? context.freshSeed() % SEEDS : countFlag("--seed", flags.seed, 0);
  const startMs = flags.now === undefined ? context.clock.nowMs() : timeFlagMs("--now", flags.now);
  const { jobOf } = await import("./load-job.ts");
  const { withInputs } = await import("../verify/inputs.ts");
  const { verifyJob } = await import("../verify/verify.ts");
  const { isReadOtherwise, verificationText } = await import("../verify/report.ts");
  const { withGuessedFormats } = await import("./guess-formats.ts");
  const loaded = await jobOf(file, flags, context);
  const job = await withGuessedFormats(withInputs(loaded, flags.input ?? [], process.cwd()));
  const line = openWorkLine(context);
  line.tell("reading the input");
  const { clock, stop } = context;
  const found = await verifyJob(job, { clock, stop, seed, cuts, startMs, tell: line.tell }).finally(line.end);
  if (found === undefined) return;
  context.stdout.write(job.withoutSecrets(verificationText(found)));
  if (found.differingCut === undefined) {
    const differing = found.inputs.filter(isReadOtherwise).map(({ source }) => source);
    if (differing.length === 0) return;
    throw new StreamkitError("failed", `Lines of ${differing.join(", ")} are not read as they say`);
  }
  const repeated = found.dependsOnClock ? { ...flags, now: new Date(startMs).toISOString() } : flags;
  context.stdout.write(`Repeat it: ${repeatCommand(file, repeated, found.differingCut.seed)}\n`);
  const different = found.queries.filter(
    ({ difference, fault }) => (difference ?? fault) !== undefined,
  ).length;
  const all = found.queries.length;
  throw new StreamkitError(
    "failed",
    all === 1 ? "The query differs from the batch" : `${different} of ${all} queries differ from the batch`,
  );
}

/** The same command line for the cut that differed. */
function repeatCommand(file: string | undefined, flags: VerifyFlags, seed: number): string {
  const { input, set, cuts: _cuts, seed: _seed, ...others } = flags;
  const words = [
    "streamkit",
    "verify",
    ...(file === undefined ? [] : [file]),
    ...Object.entries(others).flatMap(([name, value]) => [`--${name}`, value]),
    ...(set ?? []).flatMap((value) => ["--set", value]),
    ...(input ?? []).flatMap((value) => ["--input", value]),
    "--seed",
    String(seed),
    "--cuts",
    "1",
  ];
  return words.map(shellWord).join(" ");
}

function shellWord(word: string): string {
  return /^[\w./:=,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

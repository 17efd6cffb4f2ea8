/** `streamkit test`: the examples inside a job file. */

import { Command } from "commander";
import { StreamkitError } from "../base/error.ts";
import type { Context } from "./context.ts";
import { collect, type JobFlags } from "./job-flags.ts";

const HELP = `
Examples stand in the job itself:
  tests:
    - name: a candle closes when its minute is over
      input:
        ticks:
          - { ts: 2026-01-05T14:30:01Z, symbol: ACME, price: 10, volume: 5 }
          - { ts: 2026-01-05T14:30:59Z, symbol: ACME, price: 12, volume: 1 }
      expect:
        ohlc:
          - { symbol: ACME, window_start: 2026-01-05T14:30:00Z, open: 10, close: 12, volume: 6 }
    - name: a broken line costs its neighbours nothing
      input: { ticks: ["no JSON", '{"ts":"2026-01-05T14:30:01Z","symbol":"ACME","price":1}'] }
      expect: { clean: [{ symbol: ACME }], dead_letters: [{ line: no JSON }] }

Each test runs twice, with all rows in one batch and with one row a batch; then the input ends, and every
window closes. batches: one, each or [2, 1] fixes the cut where it matters, as for late rows. For update and
complete queries, the table that results from their changes is compared. The job's sources and sinks are not
touched.

Exit codes: 0 all as expected, 1 one is not, 2 wrong job, or no tests in it.`;

export function testCommand(context: Context): Command {
  return new Command("test")
    .summary("runs the examples inside a job file")
    .description(
      "Runs a job's tests (input rows, expected rows) through the real engine and prints the differences.",
    )
    .argument("<job>", "a job file: YAML, JSON or TypeScript")
    .option("--set <key=value>", "replace a value of the job file; repeatable", collect)
    .addHelpText("after", HELP)
    .action((file: string, flags: JobFlags) => runTests(file, flags, context));
}

async function runTests(file: string, flags: JobFlags, context: Context): Promise<void> {
  const { jobOf } = await import("./load-job.ts");
  const { runExamples } = await import("../verify/examples.ts");
  const { exampleText } = await import("../verify/report.ts");
  const job = await jobOf(file, flags, context);
  const all = job.config.tests.length;
  if (all === 0)
    throw job.errorAt([], "it has no tests: add examples with tests: (streamkit test --help shows some)");
  let failed = 0;
  for await (const result of runExamples(job, context.clock)) {
    if (result.failures.length > 0) failed += 1;
    context.stdout.write(job.withoutSecrets(exampleText(result)));
    if (context.stop.aborted) return;
  }
  if (failed > 0) throw new StreamkitError("failed", `${failed} of ${all} tests failed`);
  context.stdout.write(`${all} of ${all} tests passed\n`);
}

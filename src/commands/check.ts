/** `streamkit check`: validates a job and prints its plan. */

import { Command } from "commander";
import { StreamkitError } from "../base/error.ts";
import type { Context } from "./context.ts";
import { jobRules, refuseIdleFlags } from "./idle-flags.ts";
import { addJobFlags, type JobFlags } from "./job-flags.ts";
import { withHintForMore } from "./more-arguments.ts";

interface CheckFlags extends JobFlags {
  readonly jsonSchema?: boolean;
}

const HELP = `
No input is processed and nothing is written; files are sampled if the job does not declare their columns. All
mistakes are listed at once, each with file, line, column and the way to fix it.

Examples:
  Is it right, and how will it run?
    streamkit check market.yaml
  The same with another value in it:
    streamkit check market.yaml --set sources.ticks.watermark=10s
  One query:
    streamkit check --in quotes.ndjson --sql "SELECT symbol, max(price) AS high FROM input GROUP BY symbol"
  Completion and errors in an editor:
    streamkit check --json-schema > streamkit.schema.json

Exit codes: 0 right, 2 wrong.`;

export function checkCommand(context: Context): Command {
  const command = withHintForMore(new Command("check"), () => "one job file is checked at a time")
    .summary("validates a job and prints its plan")
    .description("Validates a job and prints, for each query, the chosen execution, its state, and why.");
  return addJobFlags(
    command,
    "a job file; the built-in market job if left out",
    "what would be read (default: -)",
  )
    .option("--json-schema", "print the JSON Schema of job files, for editors")
    .addHelpText("after", HELP)
    .action(async (file: string | undefined, flags: CheckFlags, given: Command) => {
      refuseBesideSchema(file, flags, given);
      refuseIdleFlags(given, jobRules(given, file));
      const { jobOf, wholeJobSchema } = await import("./load-job.ts");
      if (flags.jsonSchema === true) {
        const { jobJsonSchema } = await import("../job/json-schema.ts");
        const schema = jobJsonSchema(wholeJobSchema());
        context.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
        return;
      }
      const job = await jobOf(file, flags, context);
      const { explainJob } = await import("../engine/explain.ts");
      context.stdout.write(await explainJob(job, context));
    });
}

/** The schema is that of all job files. */
function refuseBesideSchema(file: string | undefined, { jsonSchema }: CheckFlags, given: Command): void {
  if (jsonSchema !== true) return;
  if (file !== undefined)
    throw new StreamkitError(
      "usage",
      `--json-schema is that of all job files: leave "${file}" out, or check it`,
    );
  const flags = given.options.flatMap(({ long }) =>
    long === undefined || long === "--json-schema" ? [] : [long],
  );
  refuseIdleFlags(given, [
    { when: true, flags, because: "with --json-schema, which is that of all job files" },
  ]);
}

/** `streamkit check`: validates a job and prints its plan. */

import { Command } from "commander";
import type { Context } from "./context.ts";
import type { JobFlags } from "./load-job.ts";

interface CheckFlags extends JobFlags {
  readonly jsonSchema?: boolean;
}

export function checkCommand(context: Context): Command {
  return new Command("check")
    .summary("validates a job and prints its plan")
    .description(
      "Validates a job and prints, for each query, the execution picked, the state it keeps, and why.",
    )
    .argument("[job]", "a job file; the built-in market job if left out")
    .option("--sql <query>", "a job of one query over the stream `input`")
    .option("--mode <mode>", "with --sql: append, update or complete (default: append)")
    .option("--in <url>", "with --sql: what would be read (default: -)")
    .option("--format <format>", "with --sql: how a line becomes a record (default: json)")
    .option("--schema <columns>", 'with --sql: "ts TIMESTAMP, price DOUBLE"')
    .option("--time <column>", "with --sql: the event-time column (default: ts)")
    .option(
      "--set <key=value>",
      "replace a value of the job file; repeatable",
      (value, all: readonly string[] | undefined) => [...(all ?? []), value],
    )
    .option("--json-schema", "print the JSON Schema of job files, for editors")
    .action(async (file: string | undefined, flags: CheckFlags) => {
      const { jobOf, wholeJobSchema } = await import("./load-job.ts");
      if (flags.jsonSchema === true) {
        const { z } = await import("zod");
        const schema = z.toJSONSchema(wholeJobSchema(), { io: "input", unrepresentable: "any" });
        context.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
        return;
      }
      const job = await jobOf(file, flags, context);
      const { explainJob } = await import("../engine/explain.ts");
      context.stdout.write(await explainJob(job, context));
    });
}

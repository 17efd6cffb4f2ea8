/** The flags of every command that takes a job. Nothing heavy is imported here: `--help` should be quick. */

import type { Command } from "commander";

export interface JobFlags {
  readonly set?: readonly string[];
  readonly sql?: string;
  readonly mode?: string;
  readonly format?: string;
  readonly schema?: string;
  readonly time?: string;
  readonly watermark?: string;
  readonly pattern?: string;
  readonly timezone?: string;
  readonly maxBad?: string;
  readonly logFormat?: string;
  readonly delimiter?: string;
  readonly in?: string;
}

/** Adds the argument and the flags that `jobOf` understands; `--in` is told in the command's own words. */
export function addJobFlags(command: Command, argument: string, inUrl?: string): Command {
  command
    .argument("[job]", argument)
    .option("--sql <query>", "a job of one query over the stream `input`")
    .option("--mode <mode>", "with --sql: append, update or complete (default: append)");
  if (inUrl !== undefined) command.option("--in <url>", `with --sql: ${inUrl}`);
  return command
    .option(
      "--format <format>",
      "with --sql: json, csv, combined … as `streamkit formats` says (default: what files are, else json)",
    )
    .option("--schema <columns>", 'with --sql: "ts TIMESTAMP, price DOUBLE"; else found from the first lines')
    .option("--pattern <regex>", "with --sql and --format regex: the pattern, with named groups")
    .option(
      "--log-format <text>",
      "with --sql and --format nginx or apache: the log_format of its configuration",
    )
    .option(
      "--delimiter <character>",
      "with --sql and --format csv: what separates values, or tab (default: found from the header)",
    )
    .option("--time <column>", 'with --sql: the event-time column, or "epoch_ms(COLUMN)" (default: ts)')
    .option(
      "--timezone <zone>",
      "with --sql: what times without a UTC offset are in, like Europe/Berlin (default: UTC)",
    )
    .option("--watermark <duration>", "with --sql: how far out of order events may come (default: 0)")
    .option(
      "--max-bad <share>",
      "with --sql: how many of 100,000 lines may be unreadable, like 50%, or off (default: not all of them)",
    )
    .option("--set <key=value>", "replace a value of the job file; repeatable", collect);
}

/** For a flag that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

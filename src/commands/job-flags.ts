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
    .option("--sql <query>", "a single query over the stream `input`, in place of a job file")
    .option("--mode <mode>", "with --sql: append, update or complete (default: append)");
  if (inUrl !== undefined) command.option("--in <url>", `with --sql: ${inUrl}`);
  return command
    .option(
      "--format <format>",
      "with --sql: json, csv, combined … (see `streamkit formats`; default: detected in files, else json)",
    )
    .option(
      "--schema <columns>",
      'with --sql: "ts TIMESTAMP, price DOUBLE" (default: inferred from the first lines)',
    )
    .option("--pattern <regex>", "with --sql and --format regex: the pattern, with named groups")
    .option(
      "--log-format <text>",
      "with --sql and --format nginx or apache: log_format from the server's configuration",
    )
    .option(
      "--delimiter <character>",
      "with --sql and --format csv: the separator, or tab (default: detected in the header)",
    )
    .option("--time <column>", 'with --sql: the event-time column, or "epoch_ms(COLUMN)" (default: ts)')
    .option(
      "--timezone <zone>",
      "with --sql: the time zone of times without a UTC offset, like Europe/Berlin (default: UTC)",
    )
    .option("--watermark <duration>", "with --sql: how far out of order events may arrive (default: 0)")
    .option(
      "--max-bad <share>",
      "with --sql: stop if a larger share of 100,000 lines is unreadable, or off (default: all of them)",
    )
    .option("--set <key=value>", "replace a value of the job file; repeatable", collect);
}

/** For a flag that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

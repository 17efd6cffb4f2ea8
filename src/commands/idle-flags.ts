/** Flags that would be passed over are refused: whoever gives one believes that it does something. */

import type { Command, Option } from "commander";
import { StreamkitError } from "../base/error.ts";

export interface IdleRule {
  /** Whether the flags have no effect here. */
  readonly when: boolean;
  /** Names as in `--late-by`; all that the rule is about. */
  readonly flags: readonly string[];
  /** Goes on from "--late-by has no effect …". */
  readonly because: string;
}

/** Throws code `usage` for the first flag that is given and does nothing. */
export function refuseIdleFlags(command: Command, rules: readonly IdleRule[]): void {
  for (const { when, flags, because } of rules) {
    if (!when) continue;
    const idle = command.options.find(
      (option) => flags.includes(option.long ?? "") && isGiven(command, option),
    );
    if (idle !== undefined) throw new StreamkitError("usage", `${idle.long ?? ""} has no effect ${because}`);
  }
}

export function isGiven(command: Command, option: Option): boolean {
  return command.getOptionValueSource(option.attributeName()) === "cli";
}

/** The flags of a command that say of themselves what they go with, as in "with --sql: …". */
export function flagsThatGoWith(command: Command, other: string): readonly string[] {
  return command.options.flatMap(({ long, description }) =>
    long !== undefined && description.startsWith(`with ${other}`) ? [long] : [],
  );
}

/** Of a command that takes a job file, `--sql`, or nothing for the built-in market. */
export function jobRules(command: Command, file: string | undefined): readonly IdleRule[] {
  const { sql, format } = command.opts<{ readonly sql?: string; readonly format?: string }>();
  const flags = flagsThatGoWith(command, "--sql");
  return [
    {
      when: file !== undefined,
      flags,
      because: "with a job file, which says that itself: --set KEY=VALUE changes what stands there",
    },
    {
      when: file === undefined && sql === undefined,
      flags,
      because:
        "without --sql: the built-in market job reads quotes from standard input; " +
        "--set sources.ticks.KEY=VALUE changes that",
    },
    { when: format !== "regex", flags: ["--pattern"], because: "but with --format regex" },
  ];
}

/** Of a command that writes to `--out`. */
export function kafkaRule(out: readonly string[]): IdleRule {
  return {
    when: !out.some((url) => url.startsWith("kafka:")),
    flags: ["--kafka-options"],
    because: "without --out kafka://…",
  };
}

/** Which flags of `streamkit write` mean something in which of the three things that it does. */

import type { Command, Option } from "commander";
import { StreamkitError } from "../base/error.ts";
import { isGiven, refuseIdleFlags } from "./idle-flags.ts";

/** What a run is for. */
export type Purpose = "write" | "ddl" | "compact" | "retention";

const ALL: readonly Purpose[] = ["write", "ddl", "compact", "retention"];
/** Retention takes the flags of the run that it is to be like: nothing is read. */
const TABLE: readonly Purpose[] = ["write", "ddl", "retention"];
const KEEP: readonly Purpose[] = ["write", "retention"];
const RUN: readonly Purpose[] = ["write"];
const COMPACT: readonly Purpose[] = ["compact"];

/** By the options' names in commander. */
const PURPOSES: Readonly<Record<string, readonly Purpose[]>> = {
  table: TABLE,
  warehouse: ALL,
  partitionBy: TABLE,
  rollRows: KEEP,
  rollBytes: KEEP,
  rollEvery: KEEP,
  in: TABLE,
  format: TABLE,
  schema: TABLE,
  pattern: TABLE,
  delimiter: TABLE,
  time: TABLE,
  timezone: TABLE,
  maxBad: TABLE,
  watermark: KEEP,
  checkpoint: KEEP,
  name: KEEP,
  once: KEEP,
  availableNow: KEEP,
  stopTimeout: RUN,
  metastore: ["write", "compact", "retention"],
  keep: KEEP,
  retention: ["retention"],
  dryRun: ["retention"],
  location: ALL,
  ddl: ["ddl"],
  compact: COMPACT,
  targetBytes: COMPACT,
  idle: COMPACT,
  delay: COMPACT,
  wait: COMPACT,
  set: TABLE,
  quiet: ALL,
};

/** Throws code `usage` where a flag is given that would be passed over. */
export function refuseIdleWriteFlags(command: Command, purpose: Purpose): void {
  const idle = command.options.find(
    (option) => isGiven(command, option) && !purposesOf(option).includes(purpose),
  );
  if (idle === undefined) {
    const { format, metastore } = command.opts<{ readonly format: string; readonly metastore?: string }>();
    return refuseIdleFlags(command, [
      { when: format !== "regex", flags: ["--pattern"], because: "but with --format regex" },
      {
        when: metastore === undefined && purpose !== "ddl",
        flags: ["--location"],
        because: "but with --metastore or --ddl: it is what those who read the table are told",
      },
    ]);
  }
  const { long } = idle;
  throw new StreamkitError(
    "usage",
    purpose === "write"
      ? `${long ?? ""} goes with ${purposesOf(idle)
          .map((other) => `--${other}`)
          .join(" or ")}, and means nothing where rows are written`
      : `${long ?? ""} means nothing with --${purpose}: leave it out`,
  );
}

function purposesOf(option: Option): readonly Purpose[] {
  const purposes = PURPOSES[option.attributeName()];
  if (purposes === undefined) throw new StreamkitError("bug", `What is ${option.flags} for?`);
  return purposes;
}

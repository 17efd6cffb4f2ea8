/** The flags of every command that opens the dashboard: who may see it. */

import { type Command, Option } from "commander";
import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { isLoopback } from "../base/loopback.ts";
import type { Access } from "../server/access.ts";
import { collect } from "./job-flags.ts";

export interface DashboardFlags {
  readonly token?: string;
  readonly insecure?: boolean;
  readonly allowHost?: readonly string[];
}

export function addDashboardFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--token <token>",
        "the token that the dashboard asks for; required if other machines can connect",
      ).env("STREAMKIT_TOKEN"),
    )
    .option("--insecure", "serve other machines without a token")
    .option(
      "--allow-host <name>",
      "a host name under which the dashboard may be opened; repeatable",
      collect,
    );
}

/** Throws code `usage` for an address that is no one's, or that is open to others without a token. */
export function accessTo(host: string, flags: DashboardFlags): Access {
  if (host.trim() === "")
    throw new StreamkitError(
      "usage",
      'the dashboard needs an address to listen at, found "": 127.0.0.1 is this machine alone, 0.0.0.0 is ' +
        "every address that it has",
    );
  if (!isLoopback(host) && flags.token === undefined && flags.insecure !== true)
    throw new StreamkitError(
      "usage",
      `the dashboard at ${host} could be read by every machine that reaches it: give a token with --token ` +
        "or in STREAMKIT_TOKEN, or say --insecure",
    );
  const allowedHosts = (flags.allowHost ?? []).map((name) => name.toLowerCase());
  return { host, token: flags.token, allowedHosts };
}

/** Loudly, where others can see it. */
export function sayWhoSees({ host, token }: Access): void {
  if (isLoopback(host)) return;
  const terms =
    token === undefined
      ? "anybody who reaches it sees everything, without a token"
      : "whoever has the token sees it";
  logger("serve").warning(`the dashboard listens at ${host}, beyond this machine: ${terms}`);
}

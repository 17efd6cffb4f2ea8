/** `streamkit serve`: the dashboard, fed by a pipe or by the journal of a running job. */

import { existsSync, read } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { messageOf, StreamkitError } from "../base/error.ts";
import { counted, countFlag } from "../base/units.ts";
import { followJournal } from "../server/follower.ts";
import { openHub } from "../server/hub.ts";
import { JOURNAL_FILE, ROTATED_FILE } from "../server/journal.ts";
import { openLineFeed } from "../server/line-feed.ts";
import { DEFAULT_HOST, DEFAULT_PORT, startServer } from "../server/server.ts";
import type { Context } from "./context.ts";
import { accessTo, addDashboardFlags, type DashboardFlags, sayWhoSees } from "./dashboard-flags.ts";
import { withHintForMore } from "./more-arguments.ts";

const STDIN_FD = 0;
/** What a checkpoint has from its start. */
const DATABASE_FILE = "checkpoint.duckdb";
const CHUNK_BYTES = 256 * 1024;
const RETRY_MS = 5;
const MAX_PORT = 65_535;

const HELP = `
Examples:
  What a job prints, in a browser at http://127.0.0.1:8080:
    streamkit simulate quotes | streamkit process | streamkit serve
  A job that runs elsewhere on this machine, as often as you like; closing the page does not touch it:
    streamkit process market.yaml --checkpoint ./state/market &
    streamkit serve --follow ./state/market --port 8081
  The same in one process:
    streamkit process market.yaml --serve 8080`;

interface ServeFlags extends DashboardFlags {
  readonly port: string;
  readonly host: string;
  readonly follow?: string;
}

export function serveCommand(context: Context): Command {
  const command = withHintForMore(
    new Command("serve"),
    (word) => `process ${word} --serve 8080 runs a job and shows it; --follow FOLDER shows one that runs`,
  )
    .summary("serves the live dashboard")
    .description("Serves the live dashboard for the rows on stdin or for a running job's checkpoint.")
    .option("--port <port>", "the port to listen on; 0 picks a free one", String(DEFAULT_PORT))
    .option(
      "--host <address>",
      "the address to listen on; other machines can connect only if you change it",
      DEFAULT_HOST,
    )
    .option("--follow <checkpoint>", "follow the job with this checkpoint folder instead of reading stdin");
  return addDashboardFlags(command)
    .addHelpText("after", HELP)
    .action((flags: ServeFlags) => serve(flags, context));
}

async function serve(flags: ServeFlags, context: Context): Promise<void> {
  const port = portFlag("--port", flags.port);
  if (flags.follow === undefined && context.isStdinTerminal === true) {
    throw new StreamkitError(
      "usage",
      "serve needs rows on stdin, or a job's checkpoint:\n" +
        "  streamkit simulate quotes | streamkit process | streamkit serve\n" +
        "  streamkit serve --follow ./state/market",
    );
  }
  if (flags.follow !== undefined) refuseNoCheckpoint(flags.follow);
  const access = accessTo(flags.host, flags);
  const hub = openHub({ feed: flags.follow === undefined ? "lines" : "engine" });
  const server = await startServer({ hub, ...access, port });
  sayWhoSees(access);
  context.say(`Dashboard on ${server.url} (Ctrl-C ends it)`);
  try {
    if (flags.follow === undefined) {
      const feed = openLineFeed(hub, context.clock);
      await Promise.race([pumpStdin((bytes) => feed.push(bytes), context), aborted(context.stop)]);
      feed.end();
      if (!context.stop.aborted) {
        context.say(
          `The input ended after ${counted(feed.rows, "row")} ` +
            `(${counted(feed.brokenLines, "broken line")}); the page stays up`,
        );
      }
    } else {
      await followJournal({
        folder: flags.follow,
        clock: context.clock,
        stop: context.stop,
        take: (outcome) => hub.publish(outcome),
        ended: (reason) => hub.setFeed({ ended: true, reason }),
        brokenLines: (count) => hub.setFeed({ brokenLines: count }),
      });
    }
    await aborted(context.stop);
  } finally {
    await server.close();
  }
}

/** A page that waits for ever for a folder that was mistyped tells nobody why. */
function refuseNoCheckpoint(folder: string): void {
  if (!existsSync(folder))
    throw new StreamkitError(
      "usage",
      `--follow: there is no folder "${folder}": start the job with it first`,
    );
  const isOne = [JOURNAL_FILE, ROTATED_FILE, DATABASE_FILE].some((file) => existsSync(join(folder, file)));
  if (!isOne)
    throw new StreamkitError(
      "usage",
      `--follow: "${folder}" is no checkpoint: the folder is expected that process --checkpoint names, or ` +
        "checkpoint: of the job; of a job that processes share, that of one partition",
    );
}

/** A TCP port, or 0. Throws a usage error that names the flag. */
export function portFlag(flag: string, text: string): number {
  const port = countFlag(flag, text, 0);
  if (port > MAX_PORT) {
    throw new StreamkitError("usage", `${flag} must be a port from 0 to ${MAX_PORT}: found "${text}"`);
  }
  return port;
}

/** Gives `take` every chunk of stdin until it ends; the event loop turns in between. */
async function pumpStdin(take: (bytes: Uint8Array) => void, { clock, stop }: Context): Promise<void> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  while (!stop.aborted) {
    const bytesRead = await readStdin(chunk);
    if (bytesRead === "later") await clock.sleep(RETRY_MS, stop);
    else if (bytesRead === 0) return;
    else take(chunk.subarray(0, bytesRead));
  }
}

function readStdin(chunk: Buffer): Promise<number | "later"> {
  return new Promise((resolve, reject) => {
    read(STDIN_FD, chunk, 0, chunk.length, null, (error, bytesRead) => {
      if (error === null) resolve(bytesRead);
      else if (error.code === "EAGAIN") resolve("later");
      else if (error.code === "EOF") resolve(0);
      else reject(new StreamkitError("io", `Cannot read stdin: ${messageOf(error)}`, { cause: error }));
    });
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

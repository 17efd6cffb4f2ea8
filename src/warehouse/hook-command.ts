/**
 * A shell command that ends with us: it and whatever it starts are a group of processes, and a watcher in
 * that group ends all of it when our end of a pipe closes without a word. The kernel closes it for whoever
 * dies, be it of `kill -9`.
 */

import { spawn } from "node:child_process";
import type { Writable } from "node:stream";

export interface HookEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** The watcher's descriptor of the pipe. */
const PIPE = 3;
const WATCHER = `(read -r word <&${PIPE} || kill -s KILL 0) >/dev/null 2>&1 &`;
const WATCHED = `${WATCHER} exec ${PIPE}<&-; exec sh -c "$1"`;

/** Resolves when the command has ended; after the timeout it is killed. Rejects where it can't be run. */
export function runHookCommand(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  timeoutMs: number,
): Promise<HookEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn("sh", ["-c", WATCHED, "sh", command], {
      env,
      // Our stdout is the rows': what the command prints goes to stderr.
      stdio: ["ignore", 2, 2, "pipe"],
      detached: true,
      timeout: timeoutMs,
    });
    const pipe = child.stdio[PIPE] as Writable | null;
    // The watcher may have been killed with the command.
    pipe?.on("error", () => {});
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      // What the command has put into the background may go on, but not what it left when it was ended.
      if (code === null) pipe?.end();
      else pipe?.end("over\n");
      resolve({ code, signal });
    });
  });
}

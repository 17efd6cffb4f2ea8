/** A server's program that runs beside the tests and never outlives them, as a user of its own. */

import { closeSync, openSync, readFileSync } from "node:fs";
import { until } from "../support/until.ts";
import type { Jvm } from "./jvm.ts";

const MAX_START_MS = 90_000;

export interface ProgramOptions {
  readonly program: readonly string[];
  /** The user that it runs as: some refuse to be root's. */
  readonly user: string;
  readonly cwd: string;
  readonly logFile: string;
  /** What SIGTERM is for it: to end without waiting for clients. */
  readonly stopSignal: NodeJS.Signals;
  /** Whether it serves by now. */
  readonly isReady: () => Promise<boolean>;
}

/** What a signal goes to is the program and all that it has started. `says` waits until it serves. */
export function startProgram({ program, user, cwd, logFile, stopSignal, isReady }: ProgramOptions): Jvm {
  const log = openSync(logFile, "w");
  const asUser = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--pdeathsig", "KILL"];
  const child = Bun.spawn([...asUser, ...program], { cwd, stdin: "ignore", stdout: log, stderr: log });
  closeSync(log);
  child.unref();
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const said = (): string => readFileSync(logFile, "utf8").slice(-4000);
  return {
    pid: child.pid,
    hasEnded,
    async says(what) {
      await until(
        () => `${what}: ${said()}`,
        async () => hasEnded() || (await isReady()),
        MAX_START_MS,
      );
      if (hasEnded()) throw new Error(`${what} ended: ${said()}`);
    },
    kill(signal) {
      if (hasEnded()) return;
      if (signal === "SIGTERM") return sent(child.pid, stopSignal);
      for (const pid of [child.pid, ...childrenOf(child.pid)]) sent(pid, signal);
    },
    exited: child.exited,
  };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .filter(Boolean)
    .map(Number);
}

/** It may be gone by then. */
function sent(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}

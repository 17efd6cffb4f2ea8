/** A Java server that tests break: killed, stopped, paused, and started again where it was. */

import { type Jvm, tailOf } from "./jvm.ts";

export interface Breakable {
  /** Of the program that runs now, or of the last one; -1 where there was none. */
  readonly pid: number;
  /** SIGKILL, as a crash; resolves when it is gone. */
  kill(): Promise<void>;
  /** A clean stop. */
  stop(): Promise<void>;
  /** Again, on the same ports and data; resolves when clients are served. */
  start(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): void;
  resume(): void;
  /** The last lines of its log. */
  logTail(): string;
}

export interface BreakableOptions {
  /** As in "The broker doesn't run". */
  readonly name: string;
  /** Of the first start, the second, and so on. */
  readonly logFile: (start: number) => string;
  readonly launch: (logFile: string) => Jvm;
  /** Resolves when clients are served. */
  readonly ready: (jvm: Jvm, logFile: string) => Promise<void>;
}

/** Runs nothing yet. */
export function breakable({ name, logFile, launch, ready }: BreakableOptions): Breakable {
  let jvm: Jvm | undefined;
  let starts = 0;
  const running = (): Jvm => {
    if (jvm === undefined || jvm.hasEnded()) throw new Error(`The ${name} doesn't run`);
    return jvm;
  };
  return {
    get pid() {
      return jvm?.pid ?? -1;
    },
    async kill() {
      jvm?.kill("SIGKILL");
      await jvm?.exited;
    },
    async stop() {
      running().kill("SIGTERM");
      await jvm?.exited;
    },
    async start() {
      if (jvm !== undefined && !jvm.hasEnded()) throw new Error(`The ${name} runs already`);
      starts++;
      jvm = launch(logFile(starts));
      await ready(jvm, logFile(starts));
    },
    pause: () => running().kill("SIGSTOP"),
    resume: () => running().kill("SIGCONT"),
    logTail: () => tailOf(logFile(starts)),
  };
}

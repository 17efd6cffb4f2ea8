/** A Java program that runs beside the tests and never outlives them. */

import { closeSync, openSync, readFileSync } from "node:fs";
import { until } from "../support/until.ts";

export interface JvmOptions {
  /** Main class, or `-jar` and its file, then the program's arguments. */
  readonly program: readonly string[];
  readonly jvmFlags: readonly string[];
  readonly cwd: string;
  /** What it says on stdout and stderr is written here. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Jvm {
  readonly pid: number;
  hasEnded(): boolean;
  /** Resolves when the log says `text`; rejects with the log's tail when the program ends before. */
  says(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<unknown>;
}

/** Flags of a small JVM that starts fast; the heap's bound is the caller's. */
export const SMALL_JVM = ["-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.awt.headless=true"] as const;

/** The kernel kills it when the thread that started it ends, however that ends. */
export function dyingWithParent(program: readonly string[]): string[] {
  for (const [name, debianPackage] of [
    ["setpriv", "util-linux"],
    ["java", "default-jdk-headless"],
  ] as const)
    if (Bun.which(name) === null)
      throw new Error(`${name} is missing: install it with apt-get install ${debianPackage}`);
  return ["setpriv", "--pdeathsig", "KILL", ...program];
}

export function startJvm({ program, jvmFlags, cwd, logFile, env }: JvmOptions): Jvm {
  const log = openSync(logFile, "w");
  const child = Bun.spawn(dyingWithParent(["java", ...SMALL_JVM, ...jvmFlags, ...program]), {
    cwd,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: log,
    stderr: log,
  });
  closeSync(log);
  child.unref();
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid,
    hasEnded,
    async says(text) {
      const found = (): boolean => readFileSync(logFile, "utf8").includes(text);
      try {
        await until(`"${text}" in ${logFile}`, () => found() || hasEnded(), MAX_START_MS);
        if (!found()) throw new Error(`${program[0] ?? "java"} ended with exit code ${child.exitCode}`);
      } catch (cause) {
        throw new Error(`${String(cause)}\n${tailOf(logFile)}`, { cause });
      }
    },
    kill: (signal) => child.kill(signal),
    exited: child.exited,
  };
}

/** A busy machine starts a JVM slowly. */
const MAX_START_MS = 90_000;
const MAX_TAIL_LINES = 60;

export function tailOf(logFile: string): string {
  return readFileSync(logFile, "utf8").split("\n").slice(-MAX_TAIL_LINES).join("\n");
}

/** Programs that are still running: fed, watched and stopped as a shell and a person do it. */

import { join } from "node:path";
import { binary, type RunOptions, type RunResult, run } from "./binary.ts";
import { until } from "./until.ts";

/** The finished program with these arguments, run to its end. */
export async function streamkit(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return run(await binary(), args, options);
}

/** The same, where anything but success is a fault of the test: returns stdout. */
export async function output(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await streamkit(args, options);
  if (code !== 0) throw new Error(`streamkit ${args.join(" ")}: exit code ${code}\n${stderr}`);
  return stdout;
}

/** Runs a bash script in which `$S` is the binary. */
export async function shell(script: string, options: RunOptions = {}): Promise<RunResult> {
  const env = { ...process.env, ...options.env, S: await binary() } as Record<string, string>;
  return run("bash", ["-c", script], { ...options, env });
}

export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** What has been written to stdout so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when the program's side of the pipe has taken the text. */
  feed(text: string): Promise<void>;
  endInput(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Undefined while it runs, and where a signal ended it. */
  exitCode(): number | undefined;
  /** Waits for its end, within the bound of `until`. */
  finished(): Promise<RunResult>;
}

/** Starts the binary with open pipes. Leaving the block kills what is left of it. */
export async function start(
  args: readonly string[],
  { cwd, env }: Pick<RunOptions, "cwd" | "env"> = {},
): Promise<Running> {
  const child = Bun.spawn([await binary(), ...args], {
    cwd: cwd ?? join(import.meta.dirname, "../.."),
    env: { ...process.env, ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const stdout = collected(child.stdout);
  const stderr = collected(child.stderr);
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid,
    stdout: () => stdout.text(),
    stderr: () => stderr.text(),
    async feed(text) {
      await child.stdin.write(text);
      await child.stdin.flush();
    },
    async endInput() {
      await child.stdin.end();
    },
    kill: (signal) => child.kill(signal),
    exitCode: () => child.exitCode ?? undefined,
    async finished() {
      await until(`the end of streamkit ${args.join(" ")}\n${stderr.text()}`, ended);
      const code = await child.exited;
      await Promise.all([stdout.done, stderr.done]);
      return { code, stdout: stdout.text(), stderr: stderr.text() };
    },
    async [Symbol.asyncDispose]() {
      if (!ended()) child.kill("SIGKILL");
      await child.exited;
      await Promise.all([stdout.done, stderr.done]);
    },
  };
}

function collected(stream: ReadableStream<Uint8Array>): { text: () => string; done: Promise<void> } {
  let text = "";
  const decoder = new TextDecoder();
  const read = async (): Promise<void> => {
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  return { text: () => text, done: read() };
}

/** The objects of NDJSON text. */
export function rowsOf<Row = Record<string, unknown>>(text: string): Row[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}

/** Rows as a multiset: their texts, sorted. */
export function multiset(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

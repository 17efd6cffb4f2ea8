/** Runs a command and tells how long it took and how much memory it had; the middle of several runs. */

import { openSync } from "node:fs";

export interface Run {
  readonly seconds: number;
  readonly peakBytes: number;
  readonly firstOutputSeconds: number;
}

/** One claim. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly reference: string;
  readonly ratio: string;
  readonly target: string;
}

/**
 * `stdinFile` is piped in by `cat`, as a user would; output is thrown away but for the time of its first
 * byte.
 */
export async function timed(command: readonly string[], stdinFile?: string): Promise<Run> {
  const started = performance.now();
  const feeder = stdinFile === undefined ? undefined : Bun.spawn(["cat", stdinFile], { stdout: "pipe" });
  const child = Bun.spawn([...command], {
    stdin: feeder?.stdout ?? "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  let firstOutputSeconds = Number.NaN;
  for await (const _chunk of child.stdout)
    if (Number.isNaN(firstOutputSeconds)) firstOutputSeconds = (performance.now() - started) / 1000;
  const code = await child.exited;
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}`);
  const seconds = (performance.now() - started) / 1000;
  return { seconds, peakBytes: child.resourceUsage()?.maxRSS ?? 0, firstOutputSeconds };
}

/**
 * The same with stdin and stdout as the shell gives them: a real pipe from `cat`, and a file or /dev/null.
 */
export async function timedInShell(command: string): Promise<Run> {
  const started = performance.now();
  const sink = openSync("/dev/null", "w");
  const child = Bun.spawn(["bash", "-c", command], { stdin: "ignore", stdout: sink, stderr: "ignore" });
  const code = await child.exited;
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
  return {
    seconds: (performance.now() - started) / 1000,
    peakBytes: child.resourceUsage()?.maxRSS ?? 0,
    firstOutputSeconds: Number.NaN,
  };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}

/** Runs both `times` times by turns, so that a noisy neighbour disturbs them alike. */
export async function byTurns<T>(
  times: number,
  ours: () => Promise<T>,
  reference: () => Promise<number>,
): Promise<{ ours: T[]; reference: number[] }> {
  const result = { ours: [] as T[], reference: [] as number[] };
  for (let turn = 0; turn < times; turn += 1) {
    result.reference.push(await reference());
    result.ours.push(await ours());
  }
  return result;
}

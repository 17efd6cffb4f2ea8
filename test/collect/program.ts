/** The program in a process of its own, in each of the runtimes. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DENO } from "../runtimes/deno.ts";
import { binary } from "../support/binary.ts";
import { until, within } from "../support/until.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The program's own words on a command line, by what runs it. */
const RUNTIMES: Readonly<Record<"Bun's binary" | "Bun" | "Deno", () => Promise<readonly string[]>>> = {
  "Bun's binary": async () => [await binary()],
  Bun: async () => [process.execPath, join(ROOT, "src/main.ts")],
  Deno: async () => [DENO, "run", "-A", join(ROOT, "src/main.ts")],
};

export type Runtime = keyof typeof RUNTIMES;

export interface RunningProgram extends AsyncDisposable {
  /** Where a source listens. */
  address(source: string): Promise<URL>;
  /** For errors: the step, and how far the process has come by the time it is asked. */
  soFar(step: string): () => string;
  /** Resolves to its exit code. */
  end(signal: "SIGTERM" | "SIGKILL", maxMs?: number): Promise<number | null>;
}

/** Runs `tail --pipeline` in a folder. Leaving the block kills it. */
export function startPipelineProgram(
  runtime: Runtime,
  pipeline: object,
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningProgram> {
  writeFileSync(join(cwd, "p.json"), JSON.stringify(pipeline));
  return startProgram(runtime, ["tail", "--pipeline", "p.json"], cwd, env);
}

/** Runs `process` in a folder. Leaving the block kills it. */
export function startJobProgram(runtime: Runtime, job: object, cwd: string): Promise<RunningProgram> {
  writeFileSync(join(cwd, "job.json"), JSON.stringify(job));
  return startProgram(runtime, ["process", "job.json"], cwd, {});
}

async function startProgram(
  runtime: Runtime,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<RunningProgram> {
  const child = Bun.spawn([...(await RUNTIMES[runtime]()), ...args], {
    cwd,
    env: { ...process.env, ...env },
    stderr: "pipe",
    stdout: "ignore",
  });
  let said = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) said += decoder.decode(chunk);
  })();
  const soFar = (step: string) => () => `${step} (exit code ${child.exitCode}), when it had said: ${said}`;
  return {
    soFar,
    async address(source) {
      const found = () => new RegExp(`${source} listens at (\\S+)`).exec(said)?.[1];
      await until(soFar(`${source} listens`), () => found() !== undefined || child.exitCode !== null);
      return new URL(found() ?? `missing:${said}`);
    },
    async end(signal, maxMs) {
      child.kill(signal);
      await within(soFar("it ends"), child.exited, maxMs);
      return child.exitCode;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await within(soFar("its stderr ends"), reading);
    },
  };
}

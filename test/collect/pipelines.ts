/** Pipelines in the tests' own process: started, watched and stopped. */

import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { planPipeline } from "../../src/collect/plan.ts";
import { type RunOptions, runPipeline } from "../../src/collect/run-pipeline.ts";
import { NO_OUTPUT } from "../../src/runtime/stdio.ts";
import { until } from "../support/until.ts";

export interface RunningPipeline extends AsyncDisposable {
  /** Where a source listens. */
  address(source: string): Promise<URL>;
  stdout(): string;
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<void>;
  /** As a signal does; resolves when it has ended. */
  stop(): Promise<void>;
}

export function startPipeline(
  file: unknown,
  baseFolder: string,
  options: Partial<RunOptions> = {},
): RunningPipeline {
  const said: string[] = [];
  const written: string[] = [];
  const stop = new AbortController();
  const plan = planPipeline(file);
  let failure: string | undefined;
  const ended = runPipeline(plan, {
    clock: systemClock,
    random: Math.random,
    stop: stop.signal,
    isBounded: false,
    say: (line) => said.push(line),
    stdout: {
      ...NO_OUTPUT,
      async send(bytes) {
        written.push(Buffer.from(bytes).toString());
      },
    },
    kafka: { connection: { config: {} }, baseFolder },
    env: {},
    baseFolder,
    ...options,
  });
  ended.catch((error: unknown) => {
    failure = messageOf(error);
  });
  return {
    ended,
    stdout: () => written.join(""),
    async address(source) {
      const found = () => said.find((line) => line.includes(` ${source} listens at `));
      await until(`${source} listens`, () => found() !== undefined || failure !== undefined);
      if (failure !== undefined) throw new Error(failure);
      return new URL(found()?.split(" at ")[1] ?? "");
    },
    async stop() {
      stop.abort("SIGTERM");
      await ended;
    },
    async [Symbol.asyncDispose]() {
      stop.abort("SIGTERM");
      await ended.catch(() => {});
    },
  };
}

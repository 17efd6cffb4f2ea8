/** How a test runs a job in its own process: to the end of what is there, nothing kept and nothing said. */

import { systemClock } from "../../src/base/clock.ts";
import type { RunOptions } from "../../src/engine/run-job.ts";
import { NO_OUTPUT } from "../../src/runtime/stdio.ts";

export function silentRun() {
  return {
    clock: systemClock,
    stop: new AbortController().signal,
    stdout: NO_OUTPUT,
    freshSeed: () => 1,
    checkpointFolder: undefined,
    batchMs: 0,
    until: "once",
    bareRows: true,
    observesRows: false,
  } as const satisfies Omit<RunOptions, "observe">;
}

/** streamkit as a user runs it, without a build: the program from its source. */

import { join } from "node:path";
import { type RunOptions, type RunResult, run } from "../support/binary.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");

export function streamkit(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return run(process.execPath, [MAIN, ...args], options);
}

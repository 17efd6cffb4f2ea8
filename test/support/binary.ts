/** The finished binary, built once for all tests, and a way to run it as a user's shell would. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

let building: Promise<string> | undefined;

/** The path of `dist/streamkit`, built from the tree as it is now; at once where nothing has changed. */
export function binary(): Promise<string> {
  building ??= build();
  return building;
}

async function build(): Promise<string> {
  const { code, stderr } = await run(process.execPath, ["src/build/build.ts"], { cwd: ROOT });
  if (code !== 0) throw new Error(`The binary does not build:\n${stderr}`);
  return join(ROOT, "dist/streamkit");
}

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment; left out = that of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the program reads from stdin; left out = nothing. */
  readonly input?: string | Uint8Array<ArrayBuffer>;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const child = Bun.spawn([program, ...args], {
    cwd: options.cwd ?? ROOT,
    env: options.env ?? process.env,
    stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const texts = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  const [stdout, stderr] = await texts;
  return { code, stdout, stderr };
}

/** A folder of the test's own: `using folder = emptyFolder()` removes it at the end. */
export function emptyFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "streamkit-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A reader that takes nothing keeps no command from ending at a signal. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeFileSync } from "node:fs";
import path from "node:path";
import { binary, emptyFolder } from "../support/binary.ts";

const folder = emptyFolder();
const log = path.join(folder.path, "a.log");

beforeAll(() => writeFileSync(log, "a line that fills the pipe\n".repeat(100_000)));
afterAll(() => folder[Symbol.dispose]());

/** A pipe that is open on both sides, and that nobody reads. */
function stalledPipe(): Disposable & { readonly writer: number } {
  const fifo = path.join(folder.path, `fifo-${Math.random()}`);
  execFileSync("mkfifo", [fifo]);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(fifo, "w");
  return {
    writer,
    [Symbol.dispose]() {
      closeSync(writer);
      closeSync(reader);
    },
  };
}

const COMMANDS: readonly (readonly string[])[] = [
  ["tail", log],
  ["tail", log, "--header", "a=b", "--interceptor", "{ static: { headers: { b: c } } }"],
  ["simulate", "quotes", "--rate", "0"],
  ["query", `FROM read_csv('${log}', columns = {line: 'VARCHAR'})`, "--format", "ndjson"],
];

for (const command of COMMANDS)
  test(command.map((word) => path.basename(word)).join(" "), async () => {
    using pipe = stalledPipe();
    const child = Bun.spawn([await binary(), ...command], {
      cwd: folder.path,
      stdin: "ignore",
      stdout: pipe.writer,
      stderr: "ignore",
    });
    // Until the pipe is full, and a while longer.
    await Bun.sleep(1000);
    expect(child.exitCode).toBeNull();
    child.kill("SIGTERM");
    expect(await child.exited).toBe(143);
  });

test("process, at the second signal", async () => {
  using pipe = stalledPipe();
  const sql = ["--sql", "FROM input", "--in", `file:${log}`, "--format", "lines"];
  const child = Bun.spawn([await binary(), "process", ...sql], {
    stdin: "ignore",
    stdout: pipe.writer,
    stderr: "ignore",
  });
  await Bun.sleep(1000);
  child.kill("SIGTERM");
  await Bun.sleep(500);
  // The batch under way may need long.
  expect(child.exitCode).toBeNull();
  child.kill("SIGTERM");
  expect(await child.exited).toBe(143);
});

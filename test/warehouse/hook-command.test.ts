/** What a hook has started ends with the process that called it, however that ends. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runHookCommand } from "../../src/warehouse/hook-command.ts";
import { emptyFolder } from "../support/binary.ts";
import { until } from "../support/until.ts";

const MODULE = join(import.meta.dirname, "../../src/warehouse/hook-command.ts");
const LONG_MS = 60_000;

const env = process.env;

test("a command's end is told, and what it put into the background goes on", async () => {
  using folder = emptyFolder();
  const place = join(folder.path, "later");
  const after = `(while [ ! -e ${place}.go ]; do sleep 0.05; done; touch ${place}) & exit 3`;
  expect(await runHookCommand(after, env, LONG_MS)).toEqual({ code: 3, signal: null });
  writeFileSync(`${place}.go`, "");
  await until("the background", () => existsSync(place));
});

test("a command that takes too long ends with what it has started", async () => {
  using folder = emptyFolder();
  const pids = join(folder.path, "pids");
  const { code } = await runHookCommand(`sleep 300 & echo $! > ${pids}; wait`, env, 500);
  expect(code).toBe(null);
  const pid = Number(readFileSync(pids, "utf8"));
  await until("its end", () => !isAlive(pid));
});

test.each(["SIGKILL", "SIGTERM"] as const)("%s of the caller ends all of it", async (signal) => {
  using folder = emptyFolder();
  const pids = join(folder.path, "pids");
  const script = join(folder.path, "caller.ts");
  const noted = `echo $! > ${pids}.new; echo $$ >> ${pids}.new; mv ${pids}.new ${pids}`;
  const command = `sleep 300 & ${noted}; sleep 300; true`;
  writeFileSync(
    script,
    `import { runHookCommand } from ${JSON.stringify(MODULE)};
await runHookCommand(${JSON.stringify(command)}, process.env, ${LONG_MS});`,
  );
  const caller = Bun.spawn([process.execPath, script], { stdout: "ignore", stderr: "ignore" });
  await until("the command", () => existsSync(pids));
  caller.kill(signal);
  await caller.exited;
  for (const pid of readFileSync(pids, "utf8").trim().split("\n").map(Number))
    await until("its end", () => !isAlive(pid));
});

function isAlive(pid: number): boolean {
  try {
    // A zombie that nobody waits for is dead all the same.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

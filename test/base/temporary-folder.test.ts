/** Folders of runs that were killed are swept by the next one, and nothing else. */

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { sweep, temporaryFolder } from "../../src/base/temporary-folder.ts";
import { emptyFolder } from "../support/binary.ts";

test("only what is known to be a dead one's is removed", async () => {
  const own = await temporaryFolder("run");
  const name = basename(own);
  await rm(own, { recursive: true });
  const [, kind, place, pid = "", startedAt = "", letters] = name.split("-");
  expect([kind, pid]).toEqual(["run", String(process.pid)]);
  const named = (...parts: readonly (string | undefined)[]): string => ["streamkit", ...parts].join("-");
  const ended = Bun.spawn(["true"]);
  await ended.exited;
  const dead = [
    named("run", place, String(ended.pid), "1", "aaaaaa"),
    // The number is another process's now.
    named("query", place, pid, String(Number(startedAt) - 1), letters),
  ];
  const others = [
    name,
    // Of another host or container, which may be alive there.
    named("run", "01234567", String(ended.pid), "1", "aaaaaa"),
    // Of a version that did not say whose it is, of the tests, and of nobody.
    "streamkit-aB3xYz",
    "streamkit-test-aB3xYz",
    "streamkit-run-results",
  ];
  using folder = emptyFolder();
  for (const each of [...dead, ...others]) {
    mkdirSync(join(folder.path, each, "inner"), { recursive: true });
    writeFileSync(join(folder.path, each, "inner/file"), "x");
  }
  await sweep(folder.path);
  for (const each of dead) expect(existsSync(join(folder.path, each))).toBe(false);
  for (const each of others) expect(existsSync(join(folder.path, each, "inner/file"))).toBe(true);
});

/** A position file is one process's at a time, and no input; a file may not be ours to read any more. */

import { describe, expect, test } from "bun:test";
import { appendFileSync, chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { output, shell, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

const WAYS = { alone: [], "in a pipeline": ["--interceptor", "uuid"] };

for (const [way, more] of Object.entries(WAYS))
  describe(way, () => {
    test("a second process with the same position file is refused in words, also after kill -9", async () => {
      using folder = emptyFolder();
      const [log, position] = [path.join(folder.path, "a.log"), path.join(folder.path, "position")];
      writeFileSync(log, "1\n");
      const args = ["tail", log, "--position", position, ...more];
      const first = await start(args);
      await until("it is kept", () => existsSync(position));
      const { code, stdout, stderr } = await streamkit([...args, "--once"]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/The position file ".*" is in use by process \d+/);
      first.kill("SIGKILL");
      await first.finished();
      expect(await output([...args, "--once"])).toBe("");
      expect(readdirSync(folder.path).toSorted()).toEqual(["a.log", "position"]);
    });

    test("a glob that matches the position file does not follow it", async () => {
      using folder = emptyFolder();
      writeFileSync(path.join(folder.path, "a.log"), "1\n");
      const position = path.join(folder.path, "p");
      const args = ["tail", path.join(folder.path, "*"), "--position", position, ...more];
      expect(await output([...args, "--once"])).toBe("1\n");
      expect(await output([...args, "--once"])).toBe("");
    });
  });

test("--once ends where a followed file can't be read any more, says so, and goes on later", async () => {
  using folder = emptyFolder();
  chmodSync(folder.path, 0o777);
  const log = path.join(folder.path, "a.log");
  // The superuser may read everything.
  const asNobody = process.getuid?.() === 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups" : "";
  const once = () =>
    shell(`timeout -s KILL 20 ${asNobody} $S tail ${log} --position ${folder.path}/p --once`);
  writeFileSync(log, "1\n");
  expect((await once()).stdout).toBe("1\n");
  appendFileSync(log, "2\n");
  chmodSync(log, 0o000);
  const { code, stdout, stderr } = await once();
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toContain(`"${log}" is passed over: it can't be opened`);
  chmodSync(log, 0o644);
  expect((await once()).stdout).toBe("2\n");
});

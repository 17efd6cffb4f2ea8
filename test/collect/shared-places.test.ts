/** Where two would write to one place, they are refused in words. */

import { expect, test } from "bun:test";
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

test("unfinished files are one process's, and a second one is refused before it reads anything", async () => {
  using folder = emptyFolder();
  const cwd = folder.path;
  for (const name of ["a", "b"]) writeFileSync(join(cwd, `${name}.log`), `${name}\n`);
  const argsOf = (name: string) => [
    "tail",
    `${name}.log`,
    "--position",
    `${name}.position`,
    "--out",
    `roll:${name}`,
  ];
  const first = await start(argsOf("a"), { cwd });
  await until("it has begun", () => existsSync(join(cwd, "a.position")));
  const { code, stderr } = await streamkit([...argsOf("b"), "--once"], { cwd });
  expect({ code, hasRead: existsSync(join(cwd, "b.position")) }).toEqual({ code: 1, hasRead: false });
  expect(stderr).toMatch(/main-0" has unfinished files of process \d+: give this pipeline a `state`/);
  appendFileSync(join(cwd, "a.log"), "more\n");
  first.kill("SIGTERM");
  await first.finished();
  expect((await streamkit([...argsOf("a"), "--once"], { cwd })).code).toBe(0);
  const texts = readdirSync(join(cwd, "a")).toSorted();
  expect(texts.map((name) => readFileSync(join(cwd, "a", name), "utf8")).join("")).toBe("a\nmore\n");
});

test("two outputs to one file would write over each other, two channels in one folder too", async () => {
  using folder = emptyFolder();
  const cwd = folder.path;
  writeFileSync(join(cwd, "a.log"), "a\n");
  const twice = ["--out", "file:out", "--out", "file:./out", "--interceptor", "uuid"];
  const outputs = await streamkit(["tail", "a.log", "--once", ...twice], { cwd });
  expect(outputs.code).toBe(2);
  expect(outputs.stderr).toContain('sinks: two outputs write to "out"');
  const pipeline = {
    sources: { a: { from: "tail:a.log" } },
    channels: { one: { folder: "ch" }, two: { folder: "ch/." } },
    sinks: ["one", "two"].map((from) => ({ from, to: "null:" })),
  };
  writeFileSync(join(cwd, "pipeline.yaml"), JSON.stringify(pipeline));
  const channels = await streamkit(["tail", "--pipeline", "pipeline.yaml", "--once"], { cwd });
  expect(channels.code).toBe(2);
  expect(channels.stderr).toContain('channels: two have the folder "ch');
});

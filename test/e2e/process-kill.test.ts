/** kill -9 with lines in the spool. What it leaves at every other moment: test/crash. */

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

function linesIn(file: string): number {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
}

test("what a killed process had read from the pipe is not lost", async () => {
  using folder = emptyFolder();
  const at = (file: string) => join(folder.path, file);
  await Bun.write(
    at("job.yaml"),
    `
checkpoint: state
sources: { input: { from: "-", schema: { n: INTEGER } } }
sinks: [{ from: input, to: "file:out.ndjson" }]
`,
  );
  const numbers = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, index) => `{"n":${from + index}}\n`).join("");
  const spooled = (): string => {
    const spool = at("state/segments/input");
    const names = existsSync(spool) ? readdirSync(spool) : [];
    return names.map((name) => readFileSync(join(spool, name), "utf8")).join("");
  };
  await using first = await start(["process", at("job.yaml"), "--batch", "1h"]);
  await first.feed(numbers(0, 100));
  await until("the first batch", () => linesIn(at("out.ndjson")) === 100);
  await first.feed(numbers(100, 250));
  await until("the rest in the spool", () => spooled().includes('{"n":249}'));
  first.kill("SIGKILL");
  await first.finished();
  expect(linesIn(at("out.ndjson"))).toBe(100);

  const second = await streamkit(["process", at("job.yaml")], { input: numbers(250, 300) });
  expect(second).toMatchObject({ code: 0 });
  expect(readFileSync(at("out.ndjson"), "utf8")).toBe(numbers(0, 300));
  expect(spooled()).toBe("");
});

/** `help` as the binary prints it: every page is in it, and a mistyped topic is told what was meant. */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { streamkit } from "../support/running.ts";

const MANUAL = join(import.meta.dirname, "../../src/manual");
const topics = readdirSync(MANUAL).map((name) => name.slice(0, -3));

test("help lists the commands and every page with its title", async () => {
  const { code, stdout } = await streamkit(["help"]);
  expect(code).toBe(0);
  expect(stdout).toStartWith("Usage: streamkit");
  for (const topic of topics) {
    const title = /^# (.*)$/m.exec(readFileSync(join(MANUAL, `${topic}.md`), "utf8"))?.[1];
    expect(stdout).toMatch(new RegExp(`^  ${topic} +${title}$`, "m"));
  }
});

test("help TOPIC prints the page, in a pipe without styles, and names the pages it leads to", async () => {
  const pages = await Promise.all(topics.map((topic) => streamkit(["help", topic])));
  for (const { code, stdout } of pages) {
    expect(code).toBe(0);
    for (const mark of ["\u001b", "](", "<!--"]) expect(stdout).not.toContain(mark);
    expect(stdout.split("\n").length).toBeGreaterThan(10);
  }
  expect(pages[topics.indexOf("hive")]?.stdout).toContain("tables (streamkit help tables)");
});

test("help COMMAND is what the command's --help is", async () => {
  const [called, flagged] = [await streamkit(["help", "query"]), await streamkit(["query", "--help"])];
  expect(called).toEqual(flagged);
});

test("an unknown topic is a wrong usage, with the one that was meant", async () => {
  const { code, stderr } = await streamkit(["help", "tabels"]);
  expect(code).toBe(2);
  expect(stderr).toBe(
    'streamkit: The manual has no page "tabels", and no command is called so; did you mean tables?\n',
  );
});

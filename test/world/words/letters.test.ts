/** Dead letters tell their reason at once, with an example and its place; in the end how many there were. */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder, type RunResult } from "../../support/binary.ts";
import { streamkit } from "../../support/running.ts";

const LINES = [
  '{"ts":"2026-01-05T10:00:00Z","price":1,"v":"1"}',
  '{"ts":"2026-01-05T10:00:01Z","price":"n/a","v":"2"}',
  '{"ts":"2026-01-05T10:00:02Z","price":2,"v":"x"}',
  "broken",
  '{"ts":"2026-01-05T10:00:03Z","price":3,"v":"y"}',
];
const SQL = "SELECT price, v::INT AS v FROM input";
const SCHEMA = ["--schema", "ts TIMESTAMP, price DOUBLE, v VARCHAR"];

async function told(...flags: readonly string[]): Promise<RunResult> {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "in.ndjson"), `${LINES.join("\n")}\n`);
  const args = ["process", "--in", "file:in.ndjson", "--once", "--sql", SQL, ...SCHEMA, ...flags];
  return await streamkit(args, { cwd: folder.path });
}

test("each kind with its place and an example, in words that fit --sql", async () => {
  const { code, stdout, stderr } = await told();
  expect({ code, stdout }).toEqual({ code: 0, stdout: '{"price":1.0,"v":1}\n' });
  const lines = stderr.split("\n");
  expect(
    lines.some((line) =>
      /^\S+ warning: input: 1 line could not be read: "price" .*"n\/a".* \(in\.ndjson, byte 48\)$/.test(line),
    ),
  ).toBe(true);
  expect(
    lines.some((line) =>
      /^streamkit: warning: input: 1 line could not be read: .* \(in\.ndjson, byte \d+\)$/.test(line),
    ),
  ).toBe(true);
  expect(stderr).toContain(
    "streamkit: warning: sql: 2 rows were put aside, like: Could not convert string 'x' to INTEGER",
  );
  expect(stderr).toContain("--checkpoint FOLDER keeps each with its reason");
  expect(stderr).not.toContain("from: dead_letters");
  expect(stderr).toMatch(/1 row|5 rows|3 rows in .*, 4 dead letters/);
});

test("and how to look at them, where they are kept", async () => {
  const { stderr } = await told("--checkpoint", "state");
  expect(stderr).toMatch(/streamkit query "FROM dead_letters" --checkpoint \S+state/);
});

test("nothing with --quiet", async () => {
  const { code, stderr } = await told("--quiet");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});

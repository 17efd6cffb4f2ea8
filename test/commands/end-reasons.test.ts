/** A job notes in its checkpoint why it ended: whoever follows it is told. */

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnd } from "../../src/server/journal.ts";
import { emptyFolder } from "../support/binary.ts";
import { failure } from "./in-process.ts";

/** Runs a query over three rows, and gives its failure and the journal's last line. */
async function ended(sql: string) {
  using folder = emptyFolder();
  const job = join(folder.path, "job.yaml");
  writeFileSync(join(folder.path, "a.ndjson"), '{"a":"1"}\n{"a":"x"}\n{"a":"3"}\n');
  writeFileSync(
    job,
    `
sources: { input: { from: "file:a.ndjson", schema: { a: VARCHAR } } }
queries: { q: { on_error: stop, sql: "${sql}" } }
sinks: [{ from: q, to: "file:out.ndjson" }]
`,
  );
  const state = join(folder.path, "state");
  const fault = await failure("process", job, "--once", "--quiet", "--checkpoint", state);
  const lines = readFileSync(join(state, "live.ndjson"), "utf8").trimEnd().split("\n");
  return { fault, reason: parseEnd(lines.at(-1) ?? "") };
}

test("the input ended", async () => {
  expect(await ended("SELECT a FROM input")).toEqual({ fault: undefined, reason: "the input ended" });
});

test("it failed, with what", async () => {
  const { fault, reason } = await ended("SELECT a::INTEGER AS n FROM input");
  expect(fault).toContain('"x"');
  expect(reason).toBe(`failed: ${fault}`);
});

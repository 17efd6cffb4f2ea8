/** A place that is written to is one place, however a job spells it. */

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";

const TIMEOUT_MS = 30_000;

async function run(folder: string, sinks: readonly string[], input: string) {
  const job = {
    name: "job",
    checkpoint: "state",
    sources: { s: { from: "-", schema: { n: "BIGINT" } } },
    queries: { q: "SELECT n FROM s" },
    sinks: sinks.map((to) => ({ from: "q", to })),
  };
  writeFileSync(join(folder, "job.json"), JSON.stringify(job));
  return streamkit(["process", join(folder, "job.json"), "--available-now"], { input, cwd: folder });
}

test(
  "a file goes on where it was when its path is written in full",
  async () => {
    using folder = emptyFolder();
    expect(await run(folder.path, ["file:out.ndjson"], '{"n":1}\n')).toMatchObject({ code: 0 });
    const full = `file:${folder.path}/out.ndjson`;
    expect(await run(folder.path, [full], '{"n":2}\n')).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder.path, "out.ndjson"), "utf8")).toBe('{"n":1}\n{"n":2}\n');
    const both = await run(folder.path, ["file:out.ndjson", full], "");
    expect(both.stderr).toContain("sinks.0 writes to the same place");
  },
  TIMEOUT_MS,
);

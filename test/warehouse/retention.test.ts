/** `write --retention`: old partitions are removed at a command, or only told. */

import { beforeEach, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder, type RunResult } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";

let cwd: string;
const run = (args: readonly string[], input = ""): Promise<RunResult> =>
  streamkit(["write", ...args], { cwd, input });
const partitions = (): string[] => readdirSync(join(cwd, "warehouse/t")).filter((name) => name.includes("="));
const WRITER = ["--partition-by", "dt=ts::DATE", "--checkpoint", "state"];
const DAYS = ["2026-01-05", "2026-01-06", "2026-06-01"];

beforeEach(async () => {
  cwd = emptyFolder().path;
  for (const [n, day] of DAYS.entries()) {
    const input = `${JSON.stringify({ ts: `${day}T00:00:00Z`, n })}\n`.repeat(n + 1);
    const { code, stderr } = await run(
      ["--once", "--table", "t", "--schema", "ts TIMESTAMP, n INT", ...WRITER],
      input,
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
  }
});

test.each([
  [
    "as the table is written",
    ["--table", "t", "--retention", "--set", "sinks.0.parquet.keep=90d", ...WRITER],
  ],
  ["by its name alone", ["--retention", "t", "--keep", "90d"]],
])("a dry run tells what would be removed, %s, and removes nothing", async (_, args) => {
  const { code, stderr } = await run([...args, "--dry-run"]);
  expect(code).toBe(0);
  expect(stderr).toContain(
    "2 partitions of t would be removed: dt=2026-01-05 (1 row), dt=2026-01-06 (2 rows)",
  );
  expect(partitions()).toEqual(DAYS.map((day) => `dt=${day}`));
  expect((await run(args)).stderr).toContain("2 partitions of t removed: dt=2026-01-05 (1 row)");
  expect(partitions()).toEqual(["dt=2026-06-01"]);
  expect((await run(args)).stderr).toContain("no partition of t is older than 90d");
});

test("without what to keep, or without what tells the time, it is refused", async () => {
  expect(await run(["--retention", "t", "--dry-run"])).toMatchObject({ code: 2 });
  expect(await run(["--table", "t", "--dry-run"])).toMatchObject({ code: 2 });
  expect(await run(["--retention", "u", "--keep", "1d"])).toMatchObject({ code: 2 });
  expect(partitions()).toHaveLength(DAYS.length);
});

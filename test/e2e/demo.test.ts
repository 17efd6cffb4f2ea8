/** The demo ends when it is told to, and leaves a job and tables that go on without it. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { output, rowsOf, streamkit } from "../support/running.ts";

test("demo --for D ends by itself, and what it stored can be asked", async () => {
  using folder = emptyFolder();
  const args = ["--for", "1s", "--port", "0", "--folder", folder.path];
  const { code, stderr } = await streamkit(["demo", ...args]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr).toContain("dashboard at http://127.0.0.1:");
  expect(stderr).not.toContain("stays at");
  const warehouse = join(folder.path, "warehouse");
  const question = ["query", "SELECT count(*) AS n FROM candles", "--format", "ndjson"];
  const [row] = rowsOf(await output([...question, "--warehouse", warehouse]));
  expect(Number(row?.["n"])).toBeGreaterThan(0);
  await output(["check", join(folder.path, "demo.yaml")]);
});

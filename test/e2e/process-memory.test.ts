/** A sink slower than the source: the source waits, neither memory nor disk fills up, all arrives. */

import { expect, test } from "bun:test";
import { globSync, readFileSync, statSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MAX_SEGMENT_BYTES } from "../../src/engine/prepare.ts";
import { binary, emptyFolder } from "../support/binary.ts";
import { output } from "../support/running.ts";
import { until } from "../support/until.ts";

const ROWS = 1_500_000;
const MAX_MEMORY_BYTES = 450e6;
/**
 * A segment that is executed, two that are read ahead and one that is written, and some for reads over the
 * edge.
 */
const MAX_SPOOL_BYTES = 4.3 * MAX_SEGMENT_BYTES;

/** The most memory that a process ever had. Undefined when it is gone. */
async function peakMemoryBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return peak === undefined ? undefined : Number(peak) * 1024;
}

function spoolBytes(folder: string): number {
  return globSync(join(folder, "**/*.segment")).reduce((sum, file) => sum + statSync(file).size, 0);
}

test("nobody reads the output for a while: memory and spool stay bounded, then all rows come", async () => {
  using folder = emptyFolder();
  const at = (name: string) => join(folder.path, name);
  const flags = ["--count", String(ROWS), "--rate", "0", "--seed", "1", "--start", "2026-01-05"];
  await output(["simulate", "quotes", ...flags, "--out", `file:${at("quotes.ndjson")}`]);
  const sizeBytes = statSync(at("quotes.ndjson")).size;
  expect(sizeBytes).toBeGreaterThan(1.5 * MAX_SPOOL_BYTES);

  // The reader opens its gate when the test says so; until then the pipe between the two is full.
  const script = `mkfifo gate
    cat quotes.ndjson | { echo $BASHPID > pid; exec "$S" process --quiet --checkpoint state --sql "$SQL"; } |
      { read -r _ < gate; cat > out.ndjson; }`;
  const SQL = "SELECT ts, symbol, volume FROM input";
  const shell = Bun.spawn(["bash", "-o", "pipefail", "-c", script], {
    cwd: folder.path,
    env: { ...process.env, S: await binary(), SQL },
    stdin: "ignore",
    stderr: "pipe",
  });
  let pid = 0;
  await until("the process", async () => {
    pid = Number(await readFile(at("pid"), "utf8").catch(() => "0"));
    return pid > 0;
  });

  let before = -1;
  let steadyLooks = 0;
  await until("a source that waits", () => {
    const now = spoolBytes(at("state"));
    expect(now).toBeLessThan(MAX_SPOOL_BYTES);
    steadyLooks = now === before && now > MAX_SEGMENT_BYTES ? steadyLooks + 1 : 0;
    before = now;
    return steadyLooks > 100;
  });
  const gate = await open(at("gate"), "w");
  await gate.write("open\n");
  await gate.close();

  let peak = 0;
  await until("its end", async () => {
    peak = Math.max(peak, (await peakMemoryBytes(pid)) ?? 0);
    expect(spoolBytes(at("state"))).toBeLessThan(MAX_SPOOL_BYTES);
    return shell.exitCode !== null;
  });
  expect({ code: shell.exitCode, said: await new Response(shell.stderr).text() }).toEqual({
    code: 0,
    said: "",
  });
  expect(peak).toBeGreaterThan(50e6);
  expect(peak).toBeLessThan(MAX_MEMORY_BYTES);
  const wanted = readFileSync(at("quotes.ndjson"), "latin1").replaceAll(/"price":[^,]+,/g, "");
  expect(readFileSync(at("out.ndjson"), "latin1") === wanted).toBe(true);
}, 60_000);

/** A job over a log whose checkpoint lies on a disk that runs full: it says so, and loses nothing. */

import { expect, test } from "bun:test";
import { appendFileSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { smallDisk } from "../services/small-disk.ts";
import { emptyFolder } from "../support/binary.ts";
import { start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

const ROWS_AT_ONCE = 250_000;

function linesFrom(first: number, count: number): string {
  return Array.from(
    { length: count },
    (_, index) => `{"id":${first + index},"text":"${"x".repeat(60)}"}\n`,
  ).join("");
}

/** The folder's `disk` is small; the log and the sink's file are elsewhere. */
function writeJob(folder: string): void {
  writeFileSync(
    join(folder, "job.json"),
    JSON.stringify({
      checkpoint: "disk/state",
      batch: "20ms",
      sources: { input: { from: "tail:app.log", schema: { id: "BIGINT", text: "VARCHAR" } } },
      queries: { rows: "SELECT id FROM input" },
      sinks: [{ from: "rows", to: "file:rows.ndjson" }],
    }),
  );
}

/** What the sink has, which is every line once, in order, up to somewhere. */
function rowsIn(folder: string): number {
  const file = join(folder, "rows.ndjson");
  const ids = (existsSync(file) ? readFileSync(file, "utf8") : "").split("\n").slice(0, -1);
  const wrong = ids.findIndex((line, index) => line !== `{"id":${index}}`);
  expect(wrong < 0 ? "in order" : `row ${wrong} is ${ids[wrong]}`).toBe("in order");
  return ids.length;
}

/** Takes all the room that there is. */
function fill(file: string): void {
  for (let sizeBytes = 65_536; sizeBytes >= 1; )
    try {
      appendFileSync(file, Buffer.alloc(sizeBytes));
    } catch {
      sizeBytes >>= 1;
    }
}

const WORDS = /The segment ".*" can't be written: .*ENOSPC.* Nothing is lost: the next start reads on/;

test("a log that is larger than the disk", async () => {
  using folder = emptyFolder();
  const cwd = folder.path;
  using disk = smallDisk(join(cwd, "disk"), 8);
  writeJob(cwd);
  writeFileSync(join(cwd, "app.log"), linesFrom(0, ROWS_AT_ONCE));
  for (const _ of ["at first", "and again"]) {
    const { code, stderr } = await streamkit(["process", "job.json", "--available-now"], { cwd });
    expect(stderr).toMatch(WORDS);
    expect(code).toBe(1);
    expect(rowsIn(cwd)).toBeLessThan(ROWS_AT_ONCE);
  }
  disk.grow(100);
  const { code, stderr } = await streamkit(["process", "job.json", "--available-now"], { cwd });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(rowsIn(cwd)).toBe(ROWS_AT_ONCE);
}, 60_000);

test("a disk that others fill while the job runs", async () => {
  using folder = emptyFolder();
  const cwd = folder.path;
  using _disk = smallDisk(join(cwd, "disk"), 8);
  writeJob(cwd);
  const log = join(cwd, "app.log");
  writeFileSync(log, linesFrom(0, 100));
  {
    await using running = await start(["process", "job.json"], { cwd });
    await until(running.stderr, () => rowsIn(cwd) === 100);
    // After the commit: it needs room too.
    await until(
      "the segment is gone",
      () => globSync(join(cwd, "disk/state/segments/input/*.segment")).length === 0,
    );
    fill(join(cwd, "disk/filler"));
    appendFileSync(log, linesFrom(100, 10_000));
    const { code, stderr } = await running.finished();
    expect(stderr).toMatch(WORDS);
    expect(code).toBe(1);
    // And it is no other where the disk is as full at the start.
    const again = await streamkit(["process", "job.json"], { cwd });
    expect(again.stderr).toMatch(/ENOSPC|No space left/);
    expect(again.code).toBe(1);
  }
  appendFileSync(log, linesFrom(10_100, 100));
  rmSync(join(cwd, "disk/filler"));
  await using running = await start(["process", "job.json"], { cwd });
  await until(running.stderr, () => rowsIn(cwd) === 10_200);
  running.kill("SIGTERM");
  expect((await running.finished()).code).toBe(143);
}, 60_000);

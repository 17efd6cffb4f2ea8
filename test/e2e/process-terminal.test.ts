/** On a terminal, `process` shows tables that stay in place and fit, and leaves what it showed last. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { output, shell } from "../support/running.ts";
import { emulator } from "../terminal/emulator.ts";

/** The market job over a file in a real pseudo-terminal of this size: what its screen shows at the end. */
async function onTerminal(columns: number, rows: number, env = ""): Promise<readonly string[]> {
  using folder = emptyFolder();
  const flags = "--count 6000 --rate 0 --seed 2 --symbols 12 --start 2026-01-05T14:30:00Z --step 50ms";
  await output(["simulate", "quotes", ...flags.split(" "), "--out", `file:${join(folder.path, "q.ndjson")}`]);
  const settings = '--set "sources.ticks.from=file:$PWD/q.ndjson" --set sources.ticks.rate=20000';
  const job = `${env} "$S" process ${settings} --once --batch 0`;
  const { code, stdout } = await shell(
    `script -qec 'stty cols ${columns} rows ${rows}; ${job}' /dev/null < /dev/null`,
    { cwd: folder.path },
  );
  expect(code).toBe(0);
  const terminal = emulator(columns, rows, env === "");
  terminal.write(stdout);
  // What was drawn over is not left above.
  for (const title of ["minute", "day"])
    expect(terminal.everything().filter((line) => line.startsWith(`${title} `))).toHaveLength(1);
  return terminal.screen();
}

test("the tables of a small terminal fit in it, and stay with the job's last words", async () => {
  const lines = await onTerminal(60, 16);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(60);
  const [minute, day, ...more] = lines.filter((line) => /^(?:minute|day) /.test(line));
  expect(minute).toMatch(/^minute {2}2026-01-05 · \d of 60 rows$/);
  expect(day).toMatch(/^day {2}\d of 12 rows$/);
  expect(more).toEqual([]);
  expect(lines.at(-1)).toMatch(/^streamkit: 6,000 rows in \d+ batches, \d+\.\d s$/);
});

test("a large terminal shows every symbol's day in order, and NO_COLOR no styles", async () => {
  const lines = await onTerminal(200, 80, "NO_COLOR=1");
  const day = lines.slice(lines.findIndex((line) => line.startsWith("day ")) + 1);
  const [header = "", ...rows] = day;
  expect(header.split(/ {2,}/)).toEqual([
    "symbol",
    "window",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "trades",
    "vwap",
    "change",
  ]);
  expect(rows.filter((row) => row.startsWith("SYM")).map((row) => row.split(" ")[0])).toEqual(
    Array.from({ length: 12 }, (_, index) => `SYM${String(index + 1).padStart(4, "0")}`),
  );
});

/** On a terminal, `process` shows tables that stay in place and fit. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { emptyFolder } from "./binary.ts";
import { output, shell } from "./running.ts";

const CLEAR = "\u001b[0J";
const ESCAPE = "\u001b";
const CODES = new RegExp(`${ESCAPE}\\[\\d*[A-Za-z]`, "g");
const UPS = new RegExp(`${ESCAPE}\\[(\\d+)A`, "g");

interface Terminal {
  /** What each drawing puts on the screen, without its codes. */
  readonly frames: readonly (readonly string[])[];
  /** Lines that each drawing but the first goes up. */
  readonly ups: readonly number[];
  readonly end: string;
}

/** Runs the market job over a file in a real pseudo-terminal of this size. */
async function onTerminal(columns: number, rows: number): Promise<Terminal> {
  using folder = emptyFolder();
  const flags = "--count 6000 --rate 0 --seed 2 --symbols 12 --start 2026-01-05T14:30:00Z --step 50ms";
  await output(["simulate", "quotes", ...flags.split(" "), "--out", `file:${join(folder.path, "q.ndjson")}`]);
  const settings = '--set "sources.ticks.from=file:$PWD/q.ndjson" --set sources.ticks.rate=20000';
  const job = `"$S" process ${settings} --once --batch 0`;
  const { code, stdout } = await shell(
    `script -qec 'stty cols ${columns} rows ${rows}; ${job}' /dev/null < /dev/null`,
    { cwd: folder.path },
  );
  expect(code).toBe(0);
  const text = stdout.replaceAll("\r\n", "\n");
  const [, ...parts] = text.split(CLEAR);
  const frames = parts.map((part) =>
    part.replaceAll(CODES, "").replaceAll("\r", "").split("\n").slice(0, -1),
  );
  const last = frames.at(-1) ?? [];
  const end = last.pop() ?? "";
  return { frames, ups: [...text.matchAll(UPS)].map((match) => Number(match[1])), end };
}

test("the tables of a small terminal: cut at its edges, each drawn over the last", async () => {
  const { frames, ups, end } = await onTerminal(60, 16);
  expect(frames.length).toBeGreaterThan(2);
  for (const [index, frame] of frames.entries()) {
    expect(frame.length).toBeLessThan(16);
    for (const line of frame) expect(line.length).toBeLessThanOrEqual(60);
    expect(frame.filter((line) => line === "minute" || line === "day")).toEqual(
      index === 0 ? ["minute"] : ["minute", "day"],
    );
  }
  expect(ups).toEqual(frames.slice(0, -1).map((frame) => frame.length));
  expect(end).toMatch(/^streamkit: 6,000 rows in \d+ batches, \d+\.\d s$/);
});

test("a large terminal shows every symbol's day in the order of the symbols", async () => {
  const { frames } = await onTerminal(200, 80);
  const last = frames.at(-1) ?? [];
  const day = last.slice(last.indexOf("day") + 1);
  const [header = "", ...rows] = day;
  expect(header.trim().split(/ {2,}/)).toEqual([
    "symbol",
    "window_start",
    "window_end",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "trades",
    "vwap",
    "change",
  ]);
  expect(rows.filter((row) => row !== "").map((row) => row.split(" ")[0])).toEqual(
    Array.from({ length: 12 }, (_, index) => `SYM${String(index + 1).padStart(4, "0")}`),
  );
});

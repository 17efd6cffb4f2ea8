/** The same source runs in Bun and in Deno, and gives the same rows. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { DENO } from "./deno.ts";

const root = join(import.meta.dir, "../..");
const main = join(root, "src/main.ts");
const runtimes: Readonly<Record<string, readonly string[]>> = {
  bun: [join(root, "node_modules/.bin/bun"), main],
  deno: [DENO, "run", "-A", main],
};
const QUOTES = [
  "simulate",
  "quotes",
  "--rate",
  "0",
  "--count",
  "20000",
  "--seed",
  "7",
  "--late",
  "0.05",
  "--bad",
  "0.01",
];
const START = ["--start", "2026-01-05T14:30:00Z", "--step", "10ms"];
const OHLC = `SELECT symbol, window_start, first(price ORDER BY ts) AS open, max(price) AS high,
  min(price) AS low, last(price ORDER BY ts) AS close, sum(volume) AS volume
  FROM tumble(input, ts, INTERVAL 10 SECOND) GROUP BY ALL`;

async function rows(command: readonly string[]): Promise<{ rows: string[]; words: string }> {
  const simulator = Bun.spawn([...command, ...QUOTES, ...START], { stdout: "pipe" });
  const processor = Bun.spawn([...command, "process", "--watermark", "10s", "--sql", OHLC], {
    stdin: simulator.stdout,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, words] = await Promise.all([
    new Response(processor.stdout).text(),
    new Response(processor.stderr).text(),
  ]);
  expect({ code: await processor.exited, words }).toMatchObject({ code: 0 });
  return { rows: out.trim().split("\n").toSorted(), words };
}

test("simulate | process gives the same rows in Bun and in Deno", async () => {
  const [bun, deno] = [await rows(runtimes["bun"] ?? []), await rows(runtimes["deno"] ?? [])];
  expect(bun.rows.length).toBeGreaterThan(100);
  expect(deno.rows).toEqual(bun.rows);
  const figures = (words: string): string | undefined => /[\d,]+ rows/.exec(words)?.[0];
  expect(figures(bun.words)).toBeDefined();
  expect(figures(deno.words)).toBe(figures(bun.words));
}, 60_000);

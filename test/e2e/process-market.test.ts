/** `simulate | process`: candles to the cent, and every disturbed line accounted for. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { type Candle, candlesOf, type Quote } from "../support/quotes.ts";
import { output, rowsOf, shell } from "../support/running.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MARKET = "simulate quotes --rate 0 --seed 7 --symbols 5 --start 2026-01-05T14:30:00Z";

interface Change {
  readonly query: string;
  readonly batch: number;
  readonly op: string;
  readonly row: Candle & { readonly window_end: string };
}

/** What is left when each key's last row stands. */
function tableOf(changes: readonly Change[], query: string): Map<string, Candle> {
  const table = new Map<string, Candle>();
  for (const { row, op, query: own } of changes) {
    if (own !== query) continue;
    const { window_end: _end, ...candle } = row;
    const key = `${row.symbol} ${row.window_start}`;
    if (op === "delete") table.delete(key);
    else table.set(key, candle);
  }
  return new Map([...table].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** All but the last digit of what was rounded must be equal; the rest must be the same number. */
function expectCandles(found: ReadonlyMap<string, Candle>, wanted: ReadonlyMap<string, Candle>): void {
  expect([...found.keys()]).toEqual([...wanted.keys()]);
  const unrounded = ({ vwap: _vwap, change: _change, ...rest }: Candle) => rest;
  expect([...found.values()].map(unrounded)).toEqual([...wanted.values()].map(unrounded));
  for (const [key, candle] of wanted) {
    expect(Math.abs((found.get(key)?.vwap ?? Number.NaN) - candle.vwap), key).toBeLessThan(0.00011);
    expect(Math.abs((found.get(key)?.change ?? Number.NaN) - candle.change), key).toBeLessThan(0.0011);
  }
}

test("with nothing named, quotes become the candles of each minute and day", async () => {
  using folder = emptyFolder();
  const pipe = `set -o pipefail; $S ${MARKET} --count 20000 --step 50ms | tee quotes.ndjson | $S process`;
  const { code, stdout, stderr } = await shell(pipe, { cwd: folder.path });
  expect(code).toBe(0);
  expect(stderr).toMatch(/^streamkit: 20,000 rows in \d+ batch(es)?, \d+\.\d s\n$/);
  const quotes = rowsOf<Quote>(readFileSync(join(folder.path, "quotes.ndjson"), "utf8"));
  const changes = rowsOf<Change>(stdout);
  expectCandles(tableOf(changes, "minute"), candlesOf(quotes, MINUTE_MS));
  expectCandles(tableOf(changes, "day"), candlesOf(quotes, DAY_MS));
});

test("late, doubled and broken lines: the broken ones are dead letters, the others count", async () => {
  using folder = emptyFolder();
  const disturbed = "--late 0.03 --late-by 3s --duplicates 0.02 --bad 0.02 --truth truth.ndjson";
  const { code, stdout, stderr } = await shell(
    `set -o pipefail
    $S ${MARKET} --count 10000 --step 100ms ${disturbed} | tee quotes.ndjson | $S process --checkpoint state`,
    { cwd: folder.path },
  );
  expect(code).toBe(0);

  const bytes = readFileSync(join(folder.path, "quotes.ndjson"));
  const truth = rowsOf<{ did: string; line: number; offset: number }>(
    readFileSync(join(folder.path, "truth.ndjson"), "utf8"),
  );
  const broken = truth.filter(({ did }) => did === "broken");
  const brokenLines = new Set(broken.map(({ line }) => line));
  const lines = bytes.toString("utf8").trimEnd().split("\n");
  const quotes = lines.filter((_, index) => !brokenLines.has(index)).map((line) => JSON.parse(line) as Quote);
  expect(broken.length).toBeGreaterThan(100);
  expect(new Set(truth.map(({ did }) => did))).toEqual(new Set(["late", "duplicate", "broken"]));

  expectCandles(tableOf(rowsOf<Change>(stdout), "minute"), candlesOf(quotes, MINUTE_MS));
  const count = (rows: number): string => rows.toLocaleString("en-US");
  expect(stderr).toContain(`${count(quotes.length)} rows`);
  expect(stderr).toContain(`, ${count(broken.length)} dead letters`);
  expect(stderr).not.toContain("late row");

  const letters = rowsOf(
    await output(
      [
        "query",
        "SELECT source, origin, byte_offset, line FROM checkpoint.dead_letters ORDER BY byte_offset",
        "--checkpoint",
        "state",
        "--format",
        "ndjson",
      ],
      { cwd: folder.path },
    ),
  );
  expect(letters).toEqual(
    broken.map(({ line, offset }) => ({
      source: "ticks",
      origin: "-",
      byte_offset: offset,
      line: lines[line],
    })),
  );
});

test("a row behind the watermark is left out of its window, counted, and sent where asked", async () => {
  using folder = emptyFolder();
  await Bun.write(
    join(folder.path, "job.yaml"),
    `
sources:
  input: { from: "file:in/*.ndjson", schema: { ts: TIMESTAMP, symbol: VARCHAR }, watermark: 10s }
queries:
  minutes: SELECT window_start, count(*) AS n FROM tumble(input, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  all_rows: SELECT symbol FROM input
sinks:
  - { from: minutes, to: "file:minutes.ndjson" }
  - { from: late, to: "file:late.ndjson" }
  - { from: all_rows, to: "file:all.ndjson" }
`,
  );
  const steps = [
    ["10:00:00 a", "10:01:05 b"],
    // The watermark is at 10:00:55: what is behind it is late, what stands on it is not.
    ["10:00:54.999 late1", "10:00:55 c", "10:00:59 d", "10:01:20 e"],
    ["10:00:59.999 late2", "10:01:10 f"],
  ];
  for (const [index, step] of steps.entries()) {
    const lines = step.map((event) => {
      const [time, symbol] = event.split(" ");
      return `{"ts":"2026-01-05T${time}Z","symbol":"${symbol}"}\n`;
    });
    await Bun.write(join(folder.path, `in/${index}.ndjson`), lines.join(""));
    const args = ["process", "job.yaml", "--checkpoint", "state", "--batch", "0"];
    const said = await shell(`$S ${args.join(" ")} --available-now`, { cwd: folder.path });
    expect(said).toMatchObject({ code: 0 });
    if (index > 0) expect(said.stderr).toContain(", 1 late row\n");
  }
  const last = await shell("$S process job.yaml --checkpoint state --once", { cwd: folder.path });
  expect(last.code).toBe(0);
  const read = async (file: string) => rowsOf(await Bun.file(join(folder.path, file)).text());
  expect(await read("minutes.ndjson")).toEqual([
    { window_start: "2026-01-05T10:00:00.000Z", n: 3 },
    { window_start: "2026-01-05T10:01:00.000Z", n: 3 },
  ]);
  expect((await read("late.ndjson")).map((row) => row["symbol"])).toEqual(["late1", "late2"]);
  expect(await read("all.ndjson")).toHaveLength(8);
});

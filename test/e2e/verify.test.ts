/** `verify`: a user's own job over a user's own files, both ways; nothing of the job's own is touched. */

import { expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { output, streamkit } from "../support/running.ts";

const MARKET = "simulate quotes --rate 0 --seed 4 --symbols 3 --start 2026-01-05T14:30:00Z --step 200ms";

const JOB = `name: market
checkpoint: state
sources:
  ticks:
    from: "-"
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
    watermark: 1s
  trades: { from: "-", format: csv, watermark: 1s }
tables:
  companies: { from: "file:companies.csv" }
queries:
  clean: SELECT ticks.*, company FROM ticks JOIN companies USING (symbol) WHERE price > 0
  minute: |
    SELECT company, window_start, avg(price) AS mean, count(DISTINCT volume) AS volumes
    FROM tumble(clean, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  total: { mode: update, sql: "SELECT symbol, sum(quantity) AS quantity FROM trades GROUP BY ALL" }
sinks:
  - { from: minute, to: "file:out/minute.ndjson" }
  - { from: minute, parquet: { table: minute } }
`;

async function fill(folder: string, job = JOB): Promise<void> {
  const disturbed = ["--late", "0.05", "--late-by", "4s", "--bad", "0.01"];
  const quotes = [...MARKET.split(" "), "--count", "3000", ...disturbed];
  await output([...quotes, "--out", `file:${join(folder, "quotes.ndjson")}`]);
  const trades = [...MARKET.replace("quotes", "trades").split(" "), "--count", "500", "--format", "csv"];
  await output([...trades, "--out", `file:${join(folder, "trades-1.csv")}`]);
  await output([...trades, "--out", `file:${join(folder, "trades-2.csv")}`]);
  await Bun.write(join(folder, "companies.csv"), "symbol,company\nSYM0001,One\nSYM0002,Two\nSYM0002,Twice\n");
  await Bun.write(join(folder, "job.yaml"), job);
}

const INPUTS = ["--input", "ticks=quotes.ndjson", "--input", "trades=trades-*.csv"];

test("a job's rows are those of its SQL over the whole input, and its own sinks stay untouched", async () => {
  using folder = emptyFolder();
  await fill(folder.path);
  const args = ["verify", "job.yaml", ...INPUTS, "--seed", "11", "--cuts", "2"];
  const { code, stdout, stderr } = await streamkit(args, { cwd: folder.path });
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^source ticks: 2,9\d\d rows, \d\d dead letters$/m);
  expect(stdout).toContain("out of order: watermark raised from 1s to that, so that no row is late\n");
  expect(stdout).toMatch(/with 1s, up to \d+ rows would have come late in these cuts/);
  expect(stdout).toContain("source trades: 1,000 rows\n");
  expect(stdout).toMatch(
    /query clean: [\d,]+ rows, equal\nquery total: 3 rows, equal\nquery minute: \d+ rows, equal/,
  );
  expect(stdout).toEndWith("OK: stream = batch in 2 random cuts of the input\n");
  expect(readdirSync(folder.path).toSorted()).toEqual([
    "companies.csv",
    "job.yaml",
    "quotes.ndjson",
    "trades-1.csv",
    "trades-2.csv",
  ]);
});

test("a query that differs is shown with its rows and with the command that repeats it", async () => {
  using folder = emptyFolder();
  // What adding in another order changes: the last digits of a sum of DOUBLEs.
  const odd = "SELECT symbol, (sum(price) * 1e13)::HUGEINT AS digits FROM ticks GROUP BY symbol";
  await fill(folder.path, JOB.replace("  total:", `  odd: ${odd}\n  total:`));
  const args = ["verify", "job.yaml", ...INPUTS, "--seed", "7"];
  const first = await streamkit(args, { cwd: folder.path });
  expect(first.code).toBe(1);
  expect(first.stderr).toBe("streamkit: 1 of 4 queries differ from the batch\n");
  expect(first.stdout).toContain("query minute:");
  expect(first.stdout).toMatch(/query odd: differs\n {2}\d+ rows in the stream, \d+ in the batch/);
  expect(first.stdout).toMatch(/only in the batch:\n {4}\{"symbol":"SYM\d+","digits":\d+\}\n/);
  const repeat = /Repeat it: streamkit (verify .*--seed (\d+) --cuts 1)\n/.exec(first.stdout);
  const again = await streamkit(repeat?.[1]?.replaceAll("'", "").split(" ") ?? [], { cwd: folder.path });
  expect(again.code).toBe(1);
  const found = (text: string) => /Not equal.*/.exec(text)?.[0];
  expect(found(again.stdout)).toBe(found(first.stdout) ?? "");
});

test("one query over a file needs no job, and nothing is left in the temporary folder", async () => {
  using folder = emptyFolder();
  await fill(folder.path);
  const temporary = join(folder.path, "tmp");
  mkdirSync(temporary);
  const sql = `SELECT window_start, median(price) AS m
    FROM hop(input, ts, INTERVAL 5 SECOND, INTERVAL 10 SECOND) GROUP BY ALL`;
  const stdout = await output(["verify", "--sql", sql, "--input", "quotes.ndjson", "--cuts", "1"], {
    cwd: folder.path,
    env: { ...(process.env as Record<string, string>), TMPDIR: temporary },
  });
  expect(stdout).toMatch(/^query sql: \d+ rows, equal$/m);
  expect(readdirSync(temporary).filter((name) => /^streamkit-[a-z]/.test(name))).toEqual([]);
});

test("what can't be verified is refused with the way out", async () => {
  using folder = emptyFolder();
  await fill(folder.path);
  const refused = async (...args: readonly string[]) => {
    const { code, stderr } = await streamkit(["verify", ...args], { cwd: folder.path });
    return `${code} ${stderr.replace("streamkit: ", "").trim()}`;
  };
  expect(await refused("job.yaml", "--input", "ticks=quotes.ndjson")).toBe(
    '2 Source "trades" reads the standard input, which can\'t be read twice: ' +
      "say which files hold its records, with --input trades=FILES",
  );
  expect(await refused("job.yaml", "--input", "quotes.ndjson")).toBe(
    '2 --input takes SOURCE=FILES where there are several sources: found "quotes.ndjson", ' +
      "and the sources are ticks, trades",
  );
  expect(await refused("--input", "nothing.ndjson")).toMatch(/^1 There is no file ".*nothing.ndjson"/);
  expect(await refused("--input", "companies.csv")).toStartWith(
    '1 The input of source "ticks" gives no row: none of its 4 lines could be read; the first: ',
  );
});

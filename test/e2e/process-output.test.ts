/** What comes out: leaf queries where no sink is named, modes on the pipe and in a file, a Parquet table. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { candlesOf, type Quote } from "../support/quotes.ts";
import { multiset, output, rowsOf, streamkit } from "../support/running.ts";
import { parquetRows } from "../support/warehouse.ts";

const SOURCE = "input: { from: '-', schema: { ts: TIMESTAMP, k: VARCHAR, n: INTEGER } }";
const ROWS = [
  ["10:00:00", "a", 1],
  ["10:00:30", "b", 2],
  ["10:01:00", "a", 4],
] as const;
const INPUT = ROWS.map(([time, k, n]) => `{"ts":"2026-01-05T${time}Z","k":"${k}","n":${n}}\n`).join("");

async function runJob(job: string, input: string): Promise<Record<string, unknown>[]> {
  using folder = emptyFolder();
  const file = join(folder.path, "job.yaml");
  await Bun.write(file, job);
  return rowsOf(await output(["process", file], { input }));
}

test("a job without sinks prints the queries that no other query reads", async () => {
  const lines = await runJob(
    `
sources: { ${SOURCE} }
queries:
  big: SELECT * FROM input WHERE n > 1
  of_a: SELECT n FROM big WHERE k = 'a'
  of_b: SELECT n FROM big WHERE k = 'b'
`,
    INPUT,
  );
  expect(multiset(lines)).toEqual(
    multiset([
      { query: "of_a", batch: 1, row: { n: 4 } },
      { query: "of_b", batch: 1, row: { n: 2 } },
    ]),
  );
});

test("a job without queries prints its streams", async () => {
  const lines = await runJob(`sources: { ${SOURCE} }`, INPUT);
  expect(lines.map((line) => line["query"])).toEqual(["input", "input", "input"]);
});

test("update mode names each row's change, on the pipe and with --sql", async () => {
  const sql = "SELECT k, sum(n)::INT AS n FROM input GROUP BY k";
  const lines = await runJob(
    `{ sources: { ${SOURCE} }, queries: { sums: { mode: update, sql: "${sql}" } } }`,
    INPUT,
  );
  expect(multiset(lines)).toEqual(
    multiset([
      { query: "sums", batch: 1, op: "upsert", row: { k: "a", n: 5 } },
      { query: "sums", batch: 1, op: "upsert", row: { k: "b", n: 2 } },
    ]),
  );
  const bare = rowsOf(await output(["process", "--sql", sql, "--mode", "update"], { input: INPUT }));
  expect(multiset(bare)).toEqual(
    multiset([
      { k: "a", n: 5, _op: "upsert", _batch: 1 },
      { k: "b", n: 2, _op: "upsert", _batch: 1 },
    ]),
  );
});

const MINUTE = "tumble(ticks, ts, INTERVAL 1 MINUTE)";
const CANDLE = [
  "SELECT symbol, window_start, first(price ORDER BY ts) AS open, max(price) AS high, min(price) AS low,",
  `last(price ORDER BY ts) AS close, sum(volume)::BIGINT AS volume FROM ${MINUTE} GROUP BY ALL`,
].join(" ");

const CANDLES_JOB = `
checkpoint: state
batch: 0
sources:
  ticks:
    from: "file:in/*.ndjson"
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
    watermark: 3s
queries:
  live: { mode: update, sql: "${CANDLE}" }
  totals: { mode: complete, sql: "SELECT symbol, sum(volume)::BIGINT AS volume FROM ticks GROUP BY symbol" }
  closed: "${CANDLE}"
sinks:
  - { from: live, to: "file:live.ndjson" }
  - { from: totals, to: "file:totals.ndjson" }
  - { from: closed, to: "file:closed.ndjson" }
  - from: closed
    parquet: { warehouse: wh, table: market.closed, partition_by: [day=window_start::DATE, symbol] }
`;

interface Change {
  readonly _op: "upsert" | "delete";
  readonly _batch: number;
  readonly symbol: string;
  readonly window_start?: string;
}

/** Applies changes in their order, by key. */
function applied(changes: readonly Change[]): unknown[] {
  const table = new Map<string, unknown>();
  for (const { _op, _batch, ...row } of changes) {
    const key = JSON.stringify([row.symbol, row.window_start]);
    if (_op === "delete") table.delete(key);
    else table.set(key, row);
  }
  return [...table.values()];
}

test("over several batches, a file of changes makes the table that closed windows have", async () => {
  using folder = emptyFolder();
  const at = (name: string) => join(folder.path, name);
  await Bun.write(at("job.yaml"), CANDLES_JOB);
  const market =
    "--rate 0 --seed 3 --symbols 3 --late 0.05 --late-by 3s --start 2026-01-05T23:58:00Z --step 100ms";
  const stream = await output(["simulate", "quotes", "--count", "4000", ...market.split(" ")]);
  const lines = stream.trimEnd().split("\n");
  const quotes = rowsOf<Quote>(stream);
  for (const part of [0, 1, 2, 3]) {
    await Bun.write(at(`in/${part}.ndjson`), `${lines.slice(part * 1000, part * 1000 + 1000).join("\n")}\n`);
    const until = part < 3 ? "--available-now" : "--once";
    expect(await streamkit(["process", at("job.yaml"), until])).toMatchObject({ code: 0, stdout: "" });
  }

  const wanted = [...candlesOf(quotes, 60_000).values()].map(
    ({ trades: _trades, vwap: _vwap, change: _change, ...candle }) => candle,
  );
  expect(wanted.length).toBeGreaterThan(18);
  const read = <Row>(file: string): Row[] => rowsOf<Row>(readFileSync(at(file), "utf8"));
  const changes = read<Change>("live.ndjson");
  expect(new Set(changes.map(({ _batch }) => _batch)).size).toBeGreaterThan(3);
  expect(changes.map(({ _batch }) => _batch)).toEqual(
    changes.map(({ _batch }) => _batch).toSorted((a, b) => a - b),
  );
  expect(multiset(applied(changes))).toEqual(multiset(wanted));
  expect(multiset(applied(read<Change>("totals.ndjson")))).toEqual(multiset(totalsOf(quotes)));
  expect(multiset(read("closed.ndjson"))).toEqual(multiset(wanted));

  const ordered = ({ symbol, window_start, open, high, low, close, volume }: (typeof wanted)[number]) => ({
    symbol,
    window_start,
    open,
    high,
    low,
    close,
    volume,
  });
  const foreign = (await parquetRows(at("wh/market.db/closed"))) as unknown as typeof wanted;
  expect(multiset(foreign.map(ordered))).toEqual(multiset(wanted));
  const sql = "SELECT * EXCLUDE day FROM market.closed";
  const own = rowsOf<(typeof wanted)[number]>(
    await output(["query", sql, "--warehouse", at("wh"), "--format", "ndjson"]),
  );
  expect(multiset(own.map(ordered))).toEqual(multiset(wanted));
});

function totalsOf(quotes: readonly Quote[]): { symbol: string; volume: number }[] {
  const volumes = new Map<string, number>();
  for (const { symbol, volume } of quotes) volumes.set(symbol, (volumes.get(symbol) ?? 0) + volume);
  return [...volumes].map(([symbol, volume]) => ({ symbol, volume }));
}

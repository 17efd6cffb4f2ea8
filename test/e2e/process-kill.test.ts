/** kill -9 at any moment: after the restart nothing is lost and nothing comes twice. */

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { until } from "../server/until.ts";
import { emptyFolder } from "./binary.ts";
import { candlesOf, type Quote } from "./quotes.ts";
import { multiset, output, rowsOf, start, streamkit } from "./running.ts";
import { parquetRows } from "./warehouse.ts";

const KILLS = 15;
const ROWS = 32_000;
const SEED = Number(process.env["SEED"] ?? 20_260_105);

const JOB = `
checkpoint: state
batch: 0
sources:
  ticks:
    from: "file:in/*.ndjson"
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
    watermark: 2s
queries:
  passed_on: SELECT * FROM ticks
  live: { mode: update, sql: "SELECT symbol, window_start, max(price) AS high, sum(volume)::BIGINT AS volume
    FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL" }
  closed: SELECT symbol, window_start, max(price) AS high, sum(volume)::BIGINT AS volume
    FROM tumble(ticks, ts, INTERVAL 1 MINUTE) GROUP BY ALL
sinks:
  - { from: passed_on, to: "file:all.ndjson" }
  - { from: live, to: "file:live.ndjson" }
  - { from: closed, to: "file:closed.ndjson" }
  - { from: passed_on, parquet: { warehouse: wh, table: quotes, partition_by: [dt=ts::DATE] } }
  - { from: closed, parquet: { warehouse: wh, table: closed } }
`;

/** The batch under way, by the plan that is written before it reads; 0 before the first. */
function batchUnderWay(folder: string): number {
  const plan = join(folder, "state/plan.json");
  return existsSync(plan) ? (JSON.parse(readFileSync(plan, "utf8")) as { batch: number }).batch : 0;
}

/** A repeatable sequence of whole numbers below `below` (Lehmer's generator). */
function randomBelow(seed: number): (below: number) => number {
  let state = seed % 2_147_483_647 || 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

type Moment = (folder: string, random: (below: number) => number) => () => boolean;

/** Where a batch can be cut in two: anywhere, when a sink has just written, while Parquet is staged. */
const moments: readonly Moment[] = [
  (_folder, random) => {
    let looksLeft = random(3000);
    return () => --looksLeft < 0;
  },
  (folder) => {
    const file = join(folder, "all.ndjson");
    const size = () => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    const before = size();
    return () => size() > before;
  },
  (folder) => () => existsSync(join(folder, "wh/quotes/_staging-job")),
  (folder) => {
    const closed = join(folder, "wh/quotes");
    const files = () => (existsSync(closed) ? readdirSync(closed, { recursive: true }).length : 0);
    const before = files();
    return () => files() > before;
  },
];

const MAX_LOOKS = 300_000;

/** Looks without a pause, so that the moment is not missed: a look takes some microseconds. */
function lookUntil(folder: string, hasCome: () => boolean): void {
  for (let looks = 0; looks < MAX_LOOKS && !hasCome(); looks += 1) statSync(folder);
}

function linesIn(file: string): number {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
}

test(`${KILLS} kills in the middle of batches (SEED=${SEED}): every sink has the batch answer`, async () => {
  using folder = emptyFolder();
  const at = (file: string) => join(folder.path, file);
  const random = randomBelow(SEED);
  await Bun.write(at("job.yaml"), JOB);
  const flags = `--count ${ROWS} --rate 0 --seed ${SEED} --start 2026-01-05T23:55:00Z --step 20ms`;
  const disturbed = ["--late", "0.02", "--late-by", "1500ms"];
  const stream = await output(["simulate", "quotes", "--symbols", "4", ...flags.split(" "), ...disturbed]);
  const lines = stream.trimEnd().split("\n");
  const addFile = async (part: number): Promise<void> => {
    const size = ROWS / (KILLS + 1);
    await Bun.write(at("part"), `${lines.slice(part * size, (part + 1) * size).join("\n")}\n`);
    renameSync(at("part"), at(`in/${String(part).padStart(2, "0")}.ndjson`));
  };
  mkdirSync(at("in"));

  for (let kill = 0; kill < KILLS; kill += 1) {
    const wanted = batchUnderWay(folder.path) + 1;
    await addFile(kill);
    await using job = await start(["process", at("job.yaml")]);
    await until(`batch ${wanted}`, () => batchUnderWay(folder.path) >= wanted);
    lookUntil(folder.path, moments[kill % moments.length]?.(folder.path, random) ?? (() => true));
    job.kill("SIGKILL");
    await job.finished();
    if (random(3) > 0) continue;
    // Once more, while it takes up what the first kill left, or before that.
    await using recovery = await start(["process", at("job.yaml")]);
    let looksLeft = random(100_000);
    lookUntil(folder.path, () => --looksLeft < 0);
    recovery.kill("SIGKILL");
    await recovery.finished();
  }
  await addFile(KILLS);
  expect(linesIn(at("all.ndjson"))).toBeLessThan(ROWS);
  const last = await streamkit(["process", at("job.yaml"), "--once"]);
  expect(last).toMatchObject({ code: 0 });

  const quotes = rowsOf<Quote>(stream);
  const candles = [...candlesOf(quotes, 60_000).values()].map(({ symbol, window_start, high, volume }) => ({
    symbol,
    window_start,
    high,
    volume,
  }));
  const read = <Row>(file: string): Row[] => rowsOf<Row>(readFileSync(at(file), "utf8"));
  expect(multiset(read("all.ndjson"))).toEqual(multiset(quotes));
  const stored = await parquetRows(at("wh/quotes"));
  expect(multiset(stored.map(({ dt: _dt, ...quote }) => quote))).toEqual(multiset(quotes));
  expect(multiset(read("closed.ndjson"))).toEqual(multiset(candles));
  expect(multiset(await parquetRows(at("wh/closed")))).toEqual(multiset(candles));
  const table = new Map(
    read<Record<string, unknown>>("live.ndjson").map(({ _op, _batch, ...row }) => [
      JSON.stringify([row["symbol"], row["window_start"]]),
      row,
    ]),
  );
  expect(multiset([...table.values()])).toEqual(multiset(candles));
  const leftOvers = readdirSync(at("wh"), { recursive: true, encoding: "utf8" });
  expect(leftOvers.filter((name) => /staging|staged/.test(name))).toEqual([]);
}, 60_000);

test("what a killed process had read from the pipe is not lost", async () => {
  using folder = emptyFolder();
  const at = (file: string) => join(folder.path, file);
  await Bun.write(
    at("job.yaml"),
    `
checkpoint: state
sources: { input: { from: "-", schema: { n: INTEGER } } }
sinks: [{ from: input, to: "file:out.ndjson" }]
`,
  );
  const numbers = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, index) => `{"n":${from + index}}\n`).join("");
  const spooled = (): string => {
    const spool = at("state/segments/input");
    const names = existsSync(spool) ? readdirSync(spool) : [];
    return names.map((name) => readFileSync(join(spool, name), "utf8")).join("");
  };
  await using first = await start(["process", at("job.yaml"), "--batch", "1h"]);
  await first.feed(numbers(0, 100));
  await until("the first batch", () => linesIn(at("out.ndjson")) === 100);
  await first.feed(numbers(100, 250));
  await until("the rest in the spool", () => spooled().includes('{"n":249}'));
  first.kill("SIGKILL");
  await first.finished();
  expect(linesIn(at("out.ndjson"))).toBe(100);

  const second = await streamkit(["process", at("job.yaml")], { input: numbers(250, 300) });
  expect(second).toMatchObject({ code: 0 });
  expect(readFileSync(at("out.ndjson"), "utf8")).toBe(numbers(0, 300));
  expect(spooled()).toBe("");
});

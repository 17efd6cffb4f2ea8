/** The benchmark: one row a claim, ours beside a reference of the same run. Nothing here passes or fails. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { accessLogRows } from "./access-log.ts";
import { collectRows } from "./collect.ts";
import { kafkaRows } from "./kafka.ts";
import { byTurns, median, quantile, type Row, timed, timedInShell } from "./measure.ts";
import { handWrittenBatches, ourBatches } from "./micro-batch.ts";
import { nexmarkTable } from "./nexmark.ts";
import { batchesWithOpenKeys } from "./open-keys.ts";
import { tailRows } from "./tail.ts";

const ROWS = Number(process.env["STREAMKIT_BENCH_ROWS"] ?? 5_000_000);
const TURNS = 3;
const root = join(import.meta.dir, "../..");
const streamkit = join(root, "dist/streamkit");
const bun = join(root, "node_modules/.bin/bun");
const reference = join(root, "test/bench/reference.ts");
const folder = mkdtempSync(join(tmpdir(), "streamkit-bench-"));
const ticks = join(folder, "ticks.ndjson");
const OHLC = `SELECT symbol, window_start, first(price ORDER BY ts) AS open, max(price) AS high,
  min(price) AS low, last(price ORDER BY ts) AS close, sum(volume) AS volume
  FROM tumble(input, ts, INTERVAL 1 SECOND) GROUP BY ALL`;

const lines: Row[] = [];
const perSecond = (seconds: number): string => `${(ROWS / seconds / 1e6).toFixed(2)} M/s`;

const SIMULATE =
  `${streamkit} simulate quotes --rate 0 --count ${ROWS} ` +
  "--seed 1 --start 2026-01-05T14:30:00Z --step 1ms";

async function simulate(): Promise<void> {
  const { ours, reference: loop } = await byTurns(
    TURNS,
    () => timedInShell(SIMULATE),
    async () => (await timedInShell(`${bun} ${reference} stringify ${ROWS}`)).seconds,
  );
  const seconds = median(ours.map((run) => run.seconds));
  add("simulate quotes → /dev/null; reference: a loop of JSON.stringify", seconds, median(loop), "2 M/s");
}

async function ohlc(): Promise<void> {
  const { ours, reference: batch } = await byTurns(
    TURNS,
    () => timed([streamkit, "process", "--sql", OHLC], ticks),
    async () => (await timed([bun, reference, "ohlc", ticks])).seconds,
  );
  add(
    "cat ticks | process --sql OHLC by second; reference: one DuckDB batch",
    median(ours.map((run) => run.seconds)),
    median(batch),
    "ratio ≥ 0.5",
  );
  const peakMb = Math.max(...ours.map((run) => run.peakBytes)) / 2 ** 20;
  lines.push({
    what: "peak memory of that run",
    ours: `${peakMb.toFixed(0)} MiB`,
    reference: "–",
    ratio: "–",
    target: "≤ 400 MB",
  });
}

async function parquet(): Promise<void> {
  const job = join(folder, "parquet.yaml");
  writeFileSync(
    job,
    `sources:
  ticks:
    from: "file:ticks.ndjson"
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
sinks: [{ from: ticks, parquet: { table: ticks, partition_by: ["hour=hour(ts)"] } }]
`,
  );
  const { ours, reference: copy } = await byTurns(
    TURNS,
    async () => {
      rmSync(join(folder, "warehouse"), { recursive: true, force: true });
      return timed([streamkit, "process", job, "--once"]);
    },
    async () => {
      rmSync(join(folder, "copied"), { recursive: true, force: true });
      return (await timed([bun, reference, "parquet", ticks, join(folder, "copied")])).seconds;
    },
  );
  add(
    "file → Parquet by hour; reference: one DuckDB COPY … PARTITION_BY",
    median(ours.map((run) => run.seconds)),
    median(copy),
    "ratio ≥ 0.7",
  );
}

async function microBatches(): Promise<void> {
  const ours = median(await ourBatches({ isDurable: false }));
  const hand = median(await handWrittenBatches());
  lines.push({
    what: "batch of 10 rows, median; reference: a hand-written loop without watermarks or ties",
    ours: `${ours.toFixed(1)} ms`,
    reference: `${hand.toFixed(1)} ms`,
    ratio: (hand / ours).toFixed(2),
    target: "≤ 10 ms",
  });
  const durable = await ourBatches({ isDurable: true });
  lines.push({
    what: "the same with a checkpoint on disk, median and p99",
    ours: `${median(durable).toFixed(1)} and ${quantile(durable, 0.99).toFixed(1)} ms`,
    reference: "–",
    ratio: "–",
    target: "≤ 10 and ≤ 30 ms",
  });
}

/** Spark Structured Streaming on the same work and machine, at its best: thousand records a second. */
const SPARK = 150;
const CHECKPOINTED_BATCHES = 25;

async function checkpointed(): Promise<void> {
  const input = join(folder, "in");
  mkdirSync(input);
  await timedInShell(`split -n l/${CHECKPOINTED_BATCHES} -d --additional-suffix .ndjson ${ticks} ${input}/`);
  const job = join(folder, "checkpointed.yaml");
  writeFileSync(
    job,
    `sources:
  input:
    from: "file:in/*.ndjson"
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
queries: { ohlc: "${OHLC.replaceAll("\n", " ")}" }
sinks: [{ from: ohlc, parquet: { table: ohlc, partition_by: ["hour=hour(window_start)"] } }]
`,
  );
  const { ours, reference: batch } = await byTurns(
    TURNS,
    async () => {
      for (const name of ["warehouse", "state"]) rmSync(join(folder, name), { recursive: true, force: true });
      return timed([streamkit, "process", job, "--once", "--checkpoint", join(folder, "state")]);
    },
    async () => (await timed([bun, reference, "ohlc", `${input}/*.ndjson`])).seconds,
  );
  const seconds = median(ours.map((run) => run.seconds));
  const what = "files → OHLC by second → Parquet, checkpoint on disk; reference: one DuckDB batch";
  add(what, seconds, median(batch), "ratio ≥ 0.7");
  const timesSpark = ROWS / seconds / 1000 / SPARK;
  const peakMb = Math.max(...ours.map((run) => run.peakBytes)) / 2 ** 20;
  lines.push({
    what: "the same; reference: Spark Structured Streaming at its best here",
    ours: `${perSecond(seconds)}, ${peakMb.toFixed(0)} MiB`,
    reference: `${SPARK / 1000} M/s`,
    ratio: timesSpark.toFixed(1),
    target: "≥ 8, ≤ 400 MB",
  });
}

async function openKeys(): Promise<void> {
  for (const mode of ["append", "update"] as const) {
    const few = median(await batchesWithOpenKeys(1000, mode));
    const many = median(await batchesWithOpenKeys(1_000_000, mode));
    lines.push({
      what: `batch of 10,000 rows, ${mode} mode, 1 M open keys; reference: 1,000 open keys`,
      ours: `${many.toFixed(1)} ms`,
      reference: `${few.toFixed(1)} ms`,
      ratio: (many / few).toFixed(2),
      target: "≤ 3",
    });
  }
}

async function firstResult(): Promise<void> {
  const pipe = `${streamkit} simulate quotes | ${streamkit} process --quiet | head -n 1`;
  const times: number[] = [];
  for (let turn = 0; turn < TURNS; turn += 1)
    times.push((await timed(["bash", "-c", pipe])).firstOutputSeconds);
  lines.push({
    what: "simulate | process: first result after start",
    ours: `${median(times).toFixed(2)} s`,
    reference: "–",
    ratio: "–",
    target: "≤ 1.5 s",
  });
}

async function accessLog(): Promise<void> {
  lines.push(...(await accessLogRows(folder)));
}

async function tail(): Promise<void> {
  lines.push(...(await tailRows({ streamkit, folder: join(folder, "tail"), turns: TURNS })));
}

async function collect(): Promise<void> {
  lines.push(...(await collectRows(ticks, ROWS, folder)));
}

async function kafka(): Promise<void> {
  lines.push(...(await kafkaRows()));
}

function add(what: string, ourSeconds: number, referenceSeconds: number, target: string): void {
  lines.push({
    what,
    ours: perSecond(ourSeconds),
    reference: perSecond(referenceSeconds),
    ratio: (referenceSeconds / ourSeconds).toFixed(2),
    target,
  });
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/**
 * In processes of their own; then what runs in this one and makes it large: a child's peak is told to be that
 * of its parent at least.
 */
const APART = [simulate, ohlc, parquet, checkpointed, firstResult, tail, collect, accessLog, kafka];
const WITHIN = [openKeys, microBatches];

/** Names of those that are wanted; without any, all are. */
const wanted = process.argv.slice(2);
const isWanted = ({ name }: { readonly name: string }): boolean =>
  wanted.length === 0 || wanted.includes(name);

async function measured(rows: readonly (() => Promise<void>)[]): Promise<void> {
  for (const row of rows.filter(isWanted)) {
    process.stderr.write(`${row.name} …\n`);
    await row();
  }
}

try {
  await timedInShell(`${SIMULATE} --out file:${ticks}`);
  await measured(APART);
  const nexmark = isWanted({ name: "nexmark" })
    ? await nexmarkTable({ streamkit, bun, reference, turns: TURNS })
    : "";
  await measured(WITHIN);
  print(`${ROWS.toLocaleString("en-US")} quotes, ${cpus().length} cores, median of ${TURNS} runs by turns\n`);
  print("| what | ours | reference | ratio | target |\n|---|---|---|---|---|");
  for (const line of lines)
    print(`| ${line.what} | ${line.ours} | ${line.reference} | ${line.ratio} | ${line.target} |`);
  print(`\n${nexmark}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

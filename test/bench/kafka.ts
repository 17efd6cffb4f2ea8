/**
 * Kafka in the benchmark: the same job from topics and from a file, and the way of a quote from the producer to
 * a page. `bun test/bench/kafka.ts [QUOTES]`; starts a broker of its own on the same cores.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openKafkaLines } from "../../src/kafka/line-output.ts";
import { LIVE_PATH, type ServerMessage } from "../../src/server/protocol.ts";
import { startKafka } from "../services/kafka.ts";
import { byTurns, median, quantile, timed } from "./measure.ts";

const QUOTES = Number(process.argv[2] ?? 3_000_000);
const TURNS = 3;
const LIVE_SECONDS = 10;
const LIVE_RATE = 10_000;
const SEND_EVERY_MS = 10;

const streamkit = join(import.meta.dir, "../../dist/streamkit");
const folder = mkdtempSync(join(tmpdir(), "streamkit-bench-kafka-"));
const SCHEMA = { ts: "TIMESTAMP", symbol: "VARCHAR", price: "DOUBLE", volume: "BIGINT" };
const OHLC = `SELECT symbol, window_start, arg_min(price, ts) AS open, max(price) AS high, min(price) AS low,
  arg_max(price, ts) AS close, sum(volume) AS volume FROM tumble(ticks, ts, INTERVAL 1 SECOND) GROUP BY ALL`;

await using kafka = await startKafka({ heapMb: 1024 });
try {
  await toParquet();
  await toPage();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

function writeJob(name: string, from: unknown): string {
  const job = {
    name,
    sources: { ticks: { from, schema: SCHEMA } },
    queries: { ohlc: OHLC },
    sinks: [{ from: "ohlc", parquet: { warehouse: `./warehouse-${name}`, table: "ohlc" } }],
  };
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(job));
  return file;
}

async function toParquet(): Promise<void> {
  await kafka.createTopic("quotes", { partitions: 4 });
  const quotes = join(folder, "quotes.ndjson");
  const simulate = [streamkit, "simulate", "quotes", "--rate", "0", "--count", String(QUOTES), "--seed", "1"];
  const times = ["--start", "2026-01-05T14:30:00Z", "--step", "1ms"];
  const outs = ["--out", `file:${quotes}`, "--out", `kafka://${kafka.brokers}/quotes`];
  const produced = await timed([...simulate, ...times, ...outs]);
  const rate = (seconds: number): string => `${(QUOTES / seconds / 1e6).toFixed(2)} M/s`;
  console.log(`simulate → topic and file, all acknowledged: ${rate(produced.seconds)}`);
  const fromTopic = writeJob("topic", { kafka: { brokers: kafka.brokers, topics: "quotes" } });
  const fromFile = writeJob("file", `file:${quotes}`);
  mkdirSync(join(folder, "states"));
  let run = 0;
  const once = (job: string) => {
    run += 1;
    const checkpoint = join(folder, "states", String(run));
    return timed([streamkit, "process", job, "--once", "--quiet", "--checkpoint", checkpoint]);
  };
  const { ours, reference } = await byTurns(
    TURNS,
    () => once(fromTopic),
    async () => (await once(fromFile)).seconds,
  );
  const seconds = median(ours.map((found) => found.seconds));
  const peakMb = Math.max(...ours.map(({ peakBytes }) => peakBytes)) / 2 ** 20;
  console.log(
    `process Kafka → Parquet: ${rate(seconds)}, from a file ${rate(median(reference))}, ratio ` +
      `${(median(reference) / seconds).toFixed(2)} (wanted 0.7), peak ${peakMb.toFixed(0)} MiB`,
  );
}

async function toPage(): Promise<void> {
  await kafka.createTopic("live", { partitions: 4 });
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const job = {
    name: "live",
    batch: "20ms",
    sources: {
      ticks: {
        from: { kafka: { brokers: kafka.brokers, topics: "live", start: "latest" } },
        schema: { sent: "DOUBLE", symbol: "VARCHAR", price: "DOUBLE" },
      },
    },
    queries: { all_ticks: "SELECT sent, symbol, price FROM ticks" },
    sinks: [{ from: "all_ticks", to: "file:live.ndjson" }],
  };
  writeFileSync(join(folder, "live.json"), JSON.stringify(job));
  const child = Bun.spawn(
    [streamkit, "process", join(folder, "live.json"), "--serve", String(port), "--quiet"],
    {
      stdout: "ignore",
      stderr: "inherit",
    },
  );
  try {
    const delays = await delaysAt(`ws://127.0.0.1:${port}${LIVE_PATH}`);
    const [p50, p99, most] = [0.5, 0.99, 1].map((share) => quantile(delays, share).toFixed(0));
    console.log(
      `quote sent → row at a WebSocket client, ${LIVE_RATE}/s, batch 20ms: p50 ${p50} ms (wanted 40), ` +
        `p99 ${p99} ms (wanted 120), max ${most} ms, ${delays.length} rows`,
    );
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

async function delaysAt(url: string): Promise<number[]> {
  const delays: number[] = [];
  const socket = await connected(url);
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as ServerMessage;
    if (message.type !== "delta" || message.delta.kind !== "batch") return;
    const nowMs = systemClock.monotonicMs();
    for (const { rows } of message.delta.tables) for (const [sent] of rows) delays.push(nowMs - Number(sent));
  });
  const reach = { connection: { brokers: kafka.brokers, config: {} }, baseFolder: ".", clock: systemClock };
  const lines = await openKafkaLines(reach, "live", { keyBetween: ['"symbol":"', '"'] });
  const startedMs = systemClock.monotonicMs();
  let sent = 0;
  while (sent < LIVE_RATE * LIVE_SECONDS) {
    const nowMs = systemClock.monotonicMs();
    const due = Math.min(Math.floor(((nowMs - startedMs) * LIVE_RATE) / 1000), LIVE_RATE * LIVE_SECONDS);
    let block = "";
    for (; sent < due; sent += 1) block += `{"sent":${nowMs},"symbol":"S${sent % 50}","price":1.5}\n`;
    await lines.write(Buffer.from(block));
    await systemClock.sleep(SEND_EVERY_MS);
  }
  await lines.close();
  await systemClock.sleep(1000);
  socket.close();
  // The first second is that of starting up.
  return delays.slice(LIVE_RATE);
}

async function connected(url: string): Promise<WebSocket> {
  for (;;) {
    const socket = new WebSocket(url);
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.addEventListener("open", () => resolve(true));
      socket.addEventListener("error", () => resolve(false));
    });
    if (isOpen) {
      await systemClock.sleep(1000);
      return socket;
    }
    await systemClock.sleep(50);
  }
}

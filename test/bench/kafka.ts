/**
 * Kafka in the benchmark, with a broker of its own on the same cores: the lanes, the same job from topics and
 * from a file, and the way of a quote from the producer to a page.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openKafkaLines } from "../../src/kafka/line-output.ts";
import { LIVE_PATH, type ServerMessage } from "../../src/server/protocol.ts";
import { startKafka } from "../services/kafka.ts";
import { freePorts } from "../services/ports.ts";
import { byTurns, median, quantile, type Row, timed } from "./measure.ts";

const QUOTES = 3_000_000;
const TURNS = 3;
const LIVE_SECONDS = 10;
const LIVE_RATE = 10_000;
const SEND_EVERY_MS = 10;

const root = join(import.meta.dir, "../..");
const streamkit = join(root, "dist/streamkit");
const bun = join(root, "node_modules/.bin/bun");
const SCHEMA = { ts: "TIMESTAMP", symbol: "VARCHAR", price: "DOUBLE", volume: "BIGINT" };
const OHLC = `SELECT symbol, window_start, first(price ORDER BY ts) AS open, max(price) AS high,
  min(price) AS low, last(price ORDER BY ts) AS close, sum(volume) AS volume
  FROM tumble(ticks, ts, INTERVAL 1 SECOND) GROUP BY ALL`;

/** Records a second. */
interface LaneRates {
  readonly consumeLane: number;
  readonly consumePlain: number;
  readonly produceLane: number;
  readonly producePlain: number;
  readonly raw: number;
}

type Kafka = Awaited<ReturnType<typeof startKafka>>;

export async function kafkaRows(): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-bench-kafka-"));
  await using kafka = await startKafka({ heapMb: 1024 });
  try {
    return [...lanes(kafka), ...(await toParquet(kafka, folder)), await toPage(kafka, folder)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In a process of their own, as the peers need the package's own client. */
function lanes({ brokers }: Kafka): readonly Row[] {
  const env = { ...process.env, KAFKA_BROKERS: brokers };
  const command = [bun, join(root, "test/bench/kafka-lane.ts"), String(QUOTES), "--json"];
  const { stdout, exitCode } = Bun.spawnSync(command, { env, stderr: "inherit" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}`);
  const rates = JSON.parse(String(stdout).trim().split("\n").at(-1) ?? "") as LaneRates;
  const row = (what: string, ours: number, reference: number, target: string): Row => ({
    what,
    ours: millions(ours),
    reference: millions(reference),
    ratio: (ours / reference).toFixed(2),
    target,
  });
  const { consumeLane, consumePlain, produceLane, producePlain, raw } = rates;
  return [
    row(
      "Kafka: consumer lane; reference: the package's consume(10000)",
      consumeLane,
      consumePlain,
      "ratio ≥ 5",
    ),
    row("Kafka: consumer lane; reference: librdkafka in a C loop", consumeLane, raw, "ratio ≥ 0.6"),
    row("Kafka: producer lane; reference: produce() with reports", produceLane, producePlain, "ratio ≥ 1.5"),
  ];
}

function millions(perSecond: number): string {
  return `${(perSecond / 1e6).toFixed(2)} M/s`;
}

function writeJob(folder: string, name: string, from: unknown): string {
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

async function toParquet(kafka: Kafka, folder: string): Promise<readonly Row[]> {
  await kafka.createTopic("quotes", { partitions: 4 });
  const quotes = join(folder, "quotes.ndjson");
  const simulate = [streamkit, "simulate", "quotes", "--rate", "0", "--count", String(QUOTES), "--seed", "1"];
  const times = ["--start", "2026-01-05T14:30:00Z", "--step", "1ms"];
  await timed([...simulate, ...times, "--out", `file:${quotes}`, "--out", `kafka://${kafka.brokers}/quotes`]);
  const fromTopic = writeJob(folder, "topic", { kafka: { brokers: kafka.brokers, topics: "quotes" } });
  const fromFile = writeJob(folder, "file", `file:${quotes}`);
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
  return [
    {
      what: "Kafka → OHLC by second → Parquet; reference: the same job from a file",
      ours: `${millions(QUOTES / seconds)}, ${peakMb.toFixed(0)} MiB`,
      reference: millions(QUOTES / median(reference)),
      ratio: (median(reference) / seconds).toFixed(2),
      target: "ratio ≥ 0.7",
    },
  ];
}

async function toPage(kafka: Kafka, folder: string): Promise<Row> {
  await kafka.createTopic("live", { partitions: 4 });
  const [port = 0] = await freePorts(1);
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
    const delays = await delaysAt(kafka, `ws://127.0.0.1:${port}${LIVE_PATH}`);
    const [p50, p99] = [0.5, 0.99].map((share) => quantile(delays, share).toFixed(0));
    return {
      what: `quote sent to Kafka → row at a WebSocket client, ${LIVE_RATE}/s, batch 20ms, p50 and p99`,
      ours: `${p50} and ${p99} ms`,
      reference: "–",
      ratio: "–",
      target: "≤ 40 and ≤ 120 ms",
    };
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

async function delaysAt(kafka: Kafka, url: string): Promise<number[]> {
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

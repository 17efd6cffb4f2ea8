/** One job over Kafka, from a topic to a file and to a topic, gives the batch answer in every runtime. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { batchAnswer } from "../kafka/batch-answer.ts";
import { CANDLES, rowsAt } from "../kafka/source-runs.ts";
import { bundleForNode, KAFKA_ADDON } from "../native/compile.ts";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { bytesOf } from "../services/kafka-judge.ts";
import { binary, emptyFolder, run } from "../support/binary.ts";
import { multiset } from "../support/running.ts";
import { ROOT } from "../tidy/tree.ts";
import { DENO } from "./deno.ts";

const MAIN = join(ROOT, "src/main.ts");
const BIN = join(ROOT, "node_modules/.bin");
const CACHE = join(ROOT, ".cache");
const START_MS = Date.UTC(2026, 0, 5, 14, 30);
const COUNT = 5000;
const PARTITIONS = 3;
const TOPIC = "runtimes-in";
const SCHEMA = { n: "BIGINT", symbol: "VARCHAR", price: "DOUBLE", ts: "TIMESTAMP" };

let kafka: KafkaService;
/** Below the package's folder, where Node finds DuckDB's library. */
let bundleFolder = "";
beforeAll(async () => {
  kafka = await sharedKafka();
  await kafka.createTopic(TOPIC, { partitions: PARTITIONS });
  mkdirSync(CACHE, { recursive: true });
  bundleFolder = mkdtempSync(join(CACHE, "runtimes-"));
}, 60_000);
afterAll(() => rmSync(bundleFolder, { recursive: true, force: true }));

const values = Array.from({ length: COUNT }, (_, n) =>
  JSON.stringify({
    n,
    symbol: `S${n % 4} é`,
    price: n / 8,
    ts: new Date(START_MS + 5 * n).toISOString().slice(0, -1),
  }),
);

const produce = (from: number, to: number) =>
  kafka.judge.produce(
    TOPIC,
    values.slice(from, to).map((value, index) => ({ value, partition: (from + index) % PARTITIONS })),
  );

/** How each runtime starts the program. */
const runtimes: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  "the binary": async () => [await binary()],
  Bun: async () => [join(BIN, "bun"), MAIN],
  Deno: async () => [DENO, "run", "-A", MAIN],
  async Node() {
    const bundle = join(bundleFolder, "main.mjs");
    await bundleForNode(MAIN, bundle, KAFKA_ADDON);
    return ["node", bundle];
  },
};

interface Job {
  readonly folder: string;
  readonly topic: string;
  process(flag: "--available-now" | "--once"): Promise<void>;
}

async function jobOf(folder: string, name: string, command: readonly string[]): Promise<Job> {
  mkdirSync(folder);
  const topic = `runtimes_${name}`;
  await kafka.createTopic(topic, { partitions: 2 });
  const { brokers } = kafka;
  const job = {
    name: topic,
    checkpoint: "./state",
    sources: { quotes: { from: { kafka: { brokers, topics: TOPIC } }, schema: SCHEMA, time: "ts" } },
    queries: { out: CANDLES },
    sinks: [
      { from: "out", to: "file:out.ndjson" },
      { from: "out", kafka: { brokers, topic, key: "symbol" } },
    ],
  };
  writeFileSync(join(folder, "job.yaml"), stringify(job));
  return {
    folder,
    topic,
    async process(flag) {
      const [program = "", ...args] = command;
      const ended = await run(program, [...args, "process", "job.yaml", flag, "--quiet"], { cwd: folder });
      expect(ended).toMatchObject({ code: 0, stderr: "" });
    },
  };
}

test("in the binary, in Bun, in Deno and in Node", async () => {
  using folder = emptyFolder();
  const jobs: Job[] = [];
  for (const [name, start] of Object.entries(runtimes)) {
    const id = name.replaceAll(" ", "_");
    jobs.push(await jobOf(join(folder.path, id), id, await start()));
  }
  // A restart in the middle: what is open waits in the checkpoint.
  await produce(0, 3333);
  for (const job of jobs) await job.process("--available-now");
  await produce(3333, COUNT);
  for (const job of jobs) await job.process("--once");
  const expected = await batchAnswer(folder.path, {
    lines: `${values.join("\n")}\n`,
    schema: Object.entries(SCHEMA)
      .map(([column, type]) => `${column} ${type}`)
      .join(", "),
    sql: CANDLES.replace("quotes", "input"),
  });
  expect(expected.length).toBeGreaterThan(50);
  for (const { folder: place, topic } of jobs) {
    expect(multiset(rowsAt(join(place, "out.ndjson")))).toEqual(expected);
    const records = await kafka.judge.read(topic);
    const rows = records.map(({ value }) => JSON.parse(String(bytesOf(value))) as unknown);
    expect(multiset(rows)).toEqual(expected);
  }
}, 180_000);

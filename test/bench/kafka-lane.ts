/**
 * Kafka's batch lanes against the package's own functions in the same runtime and against bare librdkafka,
 * with the broker at KAFKA_BROKERS: `KAFKA_BROKERS=… bun test/bench/kafka-lane.ts [RECORDS]`. In Deno and
 * Node too. With `--json` the last line is the rates for `npm run bench`.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openConsumerLane, openProducerLane } from "../../src/kafka/lane.ts";
import { type KafkaMessage, type KafkaTopicPartition, loadKafka } from "../../src/runtime/kafka.ts";
import { Cluster, disconnect, done } from "../native/client.ts";

const RECORDS = Number(process.argv[2] ?? 3_000_000);
const PARTITIONS = 4;
const CALL_RECORDS = 100_000;
const QUEUE = { "queue.buffering.max.messages": 500_000, "queue.buffering.max.kbytes": 1_000_000 };
const QUEUE_FULL = -184;

const brokers = process.env["KAFKA_BROKERS"];
assert(brokers !== undefined, "KAFKA_BROKERS is not set");
const cluster = new Cluster(await loadKafka(), brokers);
const topic = await cluster.topic(PARTITIONS);
const scratch = await cluster.topic(PARTITIONS);

const produceLane = await rate("produce lane, acknowledged", RECORDS, laneProduce);
const producePlain = await rate("produce(), delivery reports", RECORDS / 5, upstreamProduce);
// The first to read a topic pays for the broker's first look at it: once for nothing.
rawConsume();
const raw = rawConsume();
const consumeLane = await rate("consumer lane, fill + take json", RECORDS, laneConsume);
const consumePlain = await rate("consume(10000)", RECORDS, upstreamConsume);
console.log(`produce lane / produce() with reports: ${(produceLane / producePlain).toFixed(2)} (wanted 1.5)`);
console.log(`consumer lane / consume(10000): ${(consumeLane / consumePlain).toFixed(2)} (wanted 5)`);
if (raw !== undefined)
  console.log(`consumer lane / librdkafka: ${(consumeLane / raw).toFixed(2)} (wanted 0.6)`);
if (process.argv.includes("--json"))
  console.log(JSON.stringify({ produceLane, producePlain, consumeLane, consumePlain, raw }));
for (const name of [topic, scratch]) await cluster.deleteTopic(name);
cluster.admin.disconnect();

/** Records a second. The function gives the milliseconds of its work proper. */
async function rate(
  name: string,
  records: number,
  run: (records: number) => Promise<number>,
): Promise<number> {
  return report(name, records, await run(records));
}

function report(name: string, records: number, elapsedMs: number): number {
  const perSecond = records / (elapsedMs / 1000);
  console.log(`${name.padEnd(34)} ${Math.round(perSecond / 1000)} k records/s`);
  return perSecond;
}

/** A JSON line of about 100 bytes. */
function quote(index: number): string {
  const price = (100 + (index % 977) / 7).toFixed(4);
  const ts = `2026-01-05T14:30:00.${String(index % 1000).padStart(3, "0")}Z`;
  const volume = 100 + (index % 9) * 100;
  return `{"ts":"${ts}","symbol":"SYM${index % 50}","price":${price},"volume":${volume}}`;
}

async function laneProduce(records: number): Promise<number> {
  const producer = await cluster.producer(QUEUE);
  const lane = openProducerLane(cluster.kafka, producer);
  const bytes = Buffer.from(Array.from({ length: CALL_RECORDS }, (_, index) => `${quote(index)}\n`).join(""));
  const startedAtMs = performance.now();
  let sent = 0;
  const sendOn = async () => {
    while (sent < records) {
      sent += CALL_RECORDS;
      const result = await lane.produce({ topic, values: { bytes }, keyBetween: ['"symbol":"', '"'] });
      assert.equal(result.failedRecords, 0);
    }
  };
  await Promise.all([sendOn(), sendOn(), sendOn()]);
  const elapsedMs = performance.now() - startedAtMs;
  await lane.close();
  await disconnect(producer);
  return elapsedMs;
}

async function upstreamProduce(records: number): Promise<number> {
  const producer = await cluster.producer({ ...QUEUE, dr_cb: true });
  const values = Array.from({ length: 1000 }, (_, index) => Buffer.from(quote(index)));
  producer.setPollInterval(10);
  let reports = 0;
  const startedAtMs = performance.now();
  const all = new Promise<void>((resolve) => {
    producer.on("delivery-report", () => {
      if (++reports === records) resolve();
    });
  });
  for (let sent = 0; sent < records; ) {
    try {
      producer.produce(scratch, null, values[sent % 1000] ?? null, `SYM${sent % 50}`);
      if (++sent % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    } catch (error) {
      if ((error as { code?: number }).code !== QUEUE_FULL) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  await all;
  const elapsedMs = performance.now() - startedAtMs;
  producer.setPollInterval(0);
  await disconnect(producer);
  return elapsedMs;
}

function assignment(): KafkaTopicPartition[] {
  return Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, offset: 0 }));
}

async function laneConsume(records: number): Promise<number> {
  const consumer = await cluster.consumer({ "enable.partition.eof": false });
  const lane = openConsumerLane(cluster.kafka, consumer);
  const request = { maxBytes: 16 << 20, framing: "json", attributes: [], tombstones: "skip" } as const;
  const startedAtMs = performance.now();
  consumer.assign(assignment());
  let taken = 0;
  while (taken < records) {
    const [, lines] = await Promise.all([
      lane.fill({ maxBufferedBytes: 64 << 20, timeoutMs: 100 }),
      lane.take({ ...request, partitions: assignment() }),
    ]);
    taken += lines.partitions.reduce((sum, part) => sum + part.records, 0);
  }
  const elapsedMs = performance.now() - startedAtMs;
  assert.equal(taken, records);
  await lane.close();
  await disconnect(consumer);
  return elapsedMs;
}

async function upstreamConsume(records: number): Promise<number> {
  const consumer = await cluster.consumer({ "enable.partition.eof": false });
  consumer.setDefaultConsumeTimeout(100);
  const startedAtMs = performance.now();
  consumer.assign(assignment());
  let taken = 0;
  while (taken < records) {
    taken += (await done<readonly KafkaMessage[]>((callback) => consumer.consume(10_000, callback))).length;
  }
  const elapsedMs = performance.now() - startedAtMs;
  await disconnect(consumer);
  return elapsedMs;
}

/** With the static library that `npm run build:kafka` leaves in its cache; undefined where there is none. */
function rawConsume(): number | undefined {
  const root = join(import.meta.dirname, "../..");
  const cache = join(root, ".cache/kafka-addon");
  const built = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith("rdkafka-")) : [];
  // The sanitized variant is several times as large.
  const [library] = built
    .map((name) => join(cache, name, "librdkafka.a"))
    .toSorted((a, b) => statSync(a).size - statSync(b).size);
  if (library === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "kafka-raw-"));
  try {
    const program = join(folder, "raw");
    const sources = join(root, "node_modules/@confluentinc/kafka-javascript/deps/librdkafka/src");
    const links = ["-lssl", "-lcrypto", "-lzstd", "-lz", "-lpthread", "-ldl", "-lm"];
    const script = join(import.meta.dirname, "kafka-raw.c");
    execFileSync("gcc", ["-O2", `-I${sources}`, script, library, ...links, "-o", program]);
    const arguments_ = [brokers ?? "", topic, String(PARTITIONS), String(RECORDS)];
    const [elapsedMs = ""] = execFileSync(program, arguments_, { encoding: "utf8" }).split(" ");
    return report("librdkafka itself", RECORDS, Number(elapsedMs));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

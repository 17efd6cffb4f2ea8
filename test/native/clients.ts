/**
 * Makes, connects and disconnects thousands of clients, each with a broker of librdkafka's own (a mock), and
 * looks at the process's memory: `npm run torture:kafka [-- COUNT]`. Runs in Bun, in Deno and bundled in
 * Node.
 */

import assert from "node:assert/strict";
import { openConsumerLane, openProducerLane } from "../../src/kafka/lane.ts";
import { loadKafka } from "../../src/runtime/kafka.ts";
import { Cluster, disconnect } from "./client.ts";

const COUNT = Number(process.argv[2] ?? 10_000);
/** By then the allocators and the runtime have what they need. */
const WARM_UP = COUNT / 5;
const MAX_GROWTH_BYTES = 30_000_000;
const AT_ONCE = 8;

const mock = { "test.mock.num.brokers": 1 };
const kafka = await loadKafka();
const cluster = new Cluster(kafka, "127.0.0.1:1");
cluster.admin.disconnect();

async function useProducer(): Promise<void> {
  const producer = await cluster.producer(mock);
  const lane = openProducerLane(kafka, producer);
  await lane.close();
  await disconnect(producer);
}

async function useConsumer(): Promise<void> {
  const consumer = await cluster.consumer(mock);
  const lane = openConsumerLane(kafka, consumer);
  await lane.fill({ maxBufferedBytes: 1, timeoutMs: 0 });
  await lane.close();
  await disconnect(consumer);
}

/** What Bun has not collected yet is no leak; Node and Deno collect soon enough. */
function residentBytes(): number {
  (globalThis as { Bun?: { gc(synchronous: boolean): void } }).Bun?.gc(true);
  return process.memoryUsage.rss();
}

const startedAtMs = performance.now();
let warmBytes = 0;
for (let made = 0; made < COUNT; made += AT_ONCE) {
  await Promise.all(
    Array.from({ length: AT_ONCE }, (_, index) => (index % 2 === 0 ? useProducer() : useConsumer())),
  );
  if (warmBytes === 0 && made >= WARM_UP) warmBytes = residentBytes();
  if (made % (COUNT / 10) < AT_ONCE) {
    const megabytes = Math.round(residentBytes() / 1e6);
    console.log(`${made} clients: ${megabytes} MB`);
  }
}
const grownBytes = residentBytes() - warmBytes;
const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
console.log(
  `${COUNT} clients in ${seconds} s: ${(grownBytes / 1e6).toFixed(1)} MB more than after ${WARM_UP}`,
);
assert(grownBytes < MAX_GROWTH_BYTES, "memory grows with the clients");

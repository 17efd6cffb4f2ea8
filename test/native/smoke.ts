/**
 * What Kafka's addon must do in every runtime, against the broker at KAFKA_BROKERS. A plain script: the same
 * file runs in Bun, in Deno, bundled in Node and inside a compiled binary, and must then end by itself.
 */

import assert from "node:assert/strict";
import { openConsumerLane, openProducerLane } from "../../src/kafka/lane.ts";
import {
  type KafkaConsumer,
  type KafkaMessage,
  type KafkaProducer,
  type KafkaTopicPartition,
  loadKafka,
} from "../../src/runtime/kafka.ts";
import { Cluster, disconnect, done } from "./client.ts";
import { checkConsumerLane, checkProducerLane } from "./smoke-lanes.ts";

type Offsets = readonly KafkaTopicPartition[];

const TIMEOUT_MS = 20_000;
const VALUES = [
  Buffer.from("plain"),
  Buffer.alloc(0),
  null,
  Buffer.from("ü€😀"),
  Buffer.from([0, 255, 10, 13]),
];

const brokers = process.env["KAFKA_BROKERS"];
assert(brokers !== undefined, "KAFKA_BROKERS is not set");
const cluster = new Cluster(await loadKafka(), brokers);

for (const step of [wrongCalls, records, transactions, group, checkConsumerLane, checkProducerLane]) {
  const startedAtMs = performance.now();
  await step(cluster);
  console.log(`${step.name}: ${Math.round(performance.now() - startedAtMs)} ms`);
}
cluster.admin.disconnect();
console.log(`smoke passed: librdkafka ${cluster.kafka.librdkafkaVersion}`);

async function wrongCalls({ kafka }: Cluster): Promise<void> {
  assert(
    ["ssl", "sasl_scram", "zstd", "gzip", "lz4", "snappy"].every((name) => kafka.features.includes(name)),
  );
  assert.equal(kafka.CODES.ERRORS["ERR__PARTITION_EOF"], -191);
  assert.throws(() => openConsumerLane(kafka, {}), { name: "TypeError", message: "Illegal invocation" });
  assert.throws(() => new kafka.Producer({ "no.such.setting": 1 }), /No such configuration property/);
  const unconnected = new kafka.Producer({ "bootstrap.servers": "127.0.0.1:1" });
  assert.throws(() => openProducerLane(kafka, unconnected), /not connected/);
}

/** Produced with reports, consumed, counted, found by time, committed. */
async function records(found: Cluster): Promise<void> {
  const topic = await found.topic(1);
  const producer = await found.producer({ acks: "all", dr_cb: true });
  const reports = reportsOf(producer, VALUES.length);
  const headers = [{ first: "text" }, { second: Buffer.from([1, 0]) }];
  VALUES.forEach((value, index) =>
    producer.produce(topic, 0, value, `k${index}`, 1000 + index, index, headers),
  );
  assert.deepEqual(await reports, [0, 1, 2, 3, 4]);
  await disconnect(producer);

  const consumer = await found.consumer();
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  const messages = await consumed(consumer, VALUES.length);
  assert.deepEqual(
    messages.map(({ value }) => value),
    VALUES,
  );
  assert.deepEqual(
    messages.map(({ key, timestamp, offset }) => [String(key), timestamp, offset]),
    VALUES.map((_, index) => [`k${index}`, 1000 + index, index]),
  );
  const names = messages[0]?.headers?.map((header) =>
    Object.entries(header).map(([name, value]) => [name, [...Buffer.from(value)]]),
  );
  assert.deepEqual(names, [[["first", [...Buffer.from("text")]]], [["second", [1, 0]]]]);

  const marks = await done((callback) => consumer.queryWatermarkOffsets(topic, 0, TIMEOUT_MS, callback));
  assert.deepEqual(marks, { lowOffset: 0, highOffset: VALUES.length });
  const times = [{ topic, partition: 0, offset: 1002 }];
  const [at] = await done<Offsets>((callback) => consumer.offsetsForTimes(times, TIMEOUT_MS, callback));
  assert.equal(at?.offset, 2);
  await done<void>((callback) => consumer.commitCb([{ topic, partition: 0, offset: 3 }], callback));
  const committed = async (): Promise<number | undefined> => {
    const asked = [{ topic, partition: 0 }];
    const [found] = await done<Offsets>((callback) => consumer.committed(asked, TIMEOUT_MS, callback));
    return found?.offset;
  };
  // The package's commitCb calls back when the request is on its way, not when it is answered.
  for (let tries = 0; (await committed()) !== 3; tries++) assert(tries < 1000, "the offset is not committed");
  await disconnect(consumer);
  await found.deleteTopic(topic);
  const list = (): Promise<readonly string[]> =>
    done<readonly string[]>((callback) => found.admin.listTopics({ timeout: TIMEOUT_MS }, callback));
  // The broker answers before its own view of the topics follows.
  for (let tries = 0; (await list()).includes(topic); tries++) assert(tries < 1000, "the topic stays");
}

/** Only what was committed is read, and the offsets sent with it count. */
async function transactions(found: Cluster): Promise<void> {
  const topic = await found.topic(1);
  const producer = await found.producer({ "transactional.id": topic });
  const lane = openProducerLane(found.kafka, producer);
  const consumer = await found.consumer({ "isolation.level": "read_committed" });
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  await done<void>((callback) => producer.initTransactions(TIMEOUT_MS, callback));
  const values = { bytes: Buffer.from("a\nb\n") };
  for (const kept of [false, true]) {
    await done<void>((callback) => producer.beginTransaction(callback));
    assert.equal((await lane.produce({ topic, values })).failedRecords, 0);
    producer.produce(topic, 0, Buffer.from("c"));
    const offsets = [{ topic, partition: 0, offset: kept ? 7 : 5 }];
    await done<void>((callback) =>
      producer.sendOffsetsToTransaction(offsets, consumer, TIMEOUT_MS, callback),
    );
    await done<void>((callback) =>
      kept
        ? producer.commitTransaction(TIMEOUT_MS, callback)
        : producer.abortTransaction(TIMEOUT_MS, callback),
    );
  }
  await lane.close();
  const messages = await consumed(consumer, 3);
  // How many offsets the aborted ones took depends on how far they had come.
  const texts = messages.map(({ value }) => String(value));
  assert.deepEqual(texts, ["a", "b", "c"]);
  const [committed] = await done<Offsets>((callback) =>
    consumer.committed([{ topic, partition: 0 }], TIMEOUT_MS, callback),
  );
  assert.equal(committed?.offset, 7);
  await disconnect(consumer);
  await disconnect(producer);
  await found.deleteTopic(topic);
}

/** A second consumer takes over one of two partitions, and gives it back; lanes serve the callbacks. */
async function group(found: Cluster): Promise<void> {
  const topic = await found.topic(2);
  const settings = { "group.id": topic, "session.timeout.ms": 6000, rebalance_cb: true };
  const [first, second] = [await found.consumer(settings), await found.consumer(settings)];
  const [firstLane, secondLane] = [
    openConsumerLane(found.kafka, first),
    openConsumerLane(found.kafka, second),
  ];
  const fill = { maxBufferedBytes: 1000, timeoutMs: 100 };
  const until = async (isReached: () => boolean, lanes: readonly (typeof firstLane)[]) => {
    for (let tries = 0; !isReached(); tries++) {
      assert(tries < 300, "the group did not settle");
      await Promise.all(lanes.map((lane) => lane.fill(fill)));
    }
  };
  first.subscribe([topic]);
  await until(() => first.assignments().length === 2, [firstLane]);
  second.subscribe([topic]);
  const both = () => first.assignments().length === 1 && second.assignments().length === 1;
  await until(both, [firstLane, secondLane]);
  assert.notEqual(first.assignments()[0]?.partition, second.assignments()[0]?.partition);
  await secondLane.close();
  await disconnect(second);
  await until(() => first.assignments().length === 2, [firstLane]);
  await firstLane.close();
  await disconnect(first);
  await found.deleteTopic(topic);
}

/** The opaque values of the reports, in their order. */
async function reportsOf(producer: KafkaProducer, count: number): Promise<unknown[]> {
  const opaques: unknown[] = [];
  producer.setPollInterval(20);
  await new Promise<void>((resolve, reject) => {
    producer.on("delivery-report", (error: Error | null, report: { readonly opaque: unknown }) => {
      if (error !== null) reject(error);
      opaques.push(report.opaque);
      if (opaques.length === count) resolve();
    });
  });
  producer.setPollInterval(0);
  return opaques;
}

async function consumed(consumer: KafkaConsumer, count: number): Promise<KafkaMessage[]> {
  const messages: KafkaMessage[] = [];
  consumer.setDefaultConsumeTimeout(200);
  for (let tries = 0; messages.length < count; tries++) {
    assert(tries < 100, `only ${messages.length} of ${count} messages came`);
    messages.push(...(await done<readonly KafkaMessage[]>((callback) => consumer.consume(100, callback))));
  }
  return messages;
}

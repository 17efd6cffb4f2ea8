/** The lanes' part of the smoke test: awkward payloads, compared with a second, slow way of framing them. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BytesColumn,
  type ConsumerLane,
  type LaneError,
  offsetOfLine,
  openConsumerLane,
  openProducerLane,
  type Taken,
  type TakeRequest,
} from "../../src/kafka/lane.ts";
import { type KafkaConsumer } from "../../src/runtime/kafka.ts";
import { type Cluster, disconnect } from "./client.ts";

type Value = Buffer | null;

const PAYLOADS: readonly Value[] = [
  '{"a":1}',
  '{\n  "a": 1,\r\n  "b": "x"\n}\n',
  '{"a":"x\ny\rz"}',
  '{"a":"back\\\\","b":"\\"\n"}',
  "",
  " \t\r\n ",
  "\n",
  "one\ntwo\n",
  "one\n\n",
  "\u0000",
  "ü€😀",
]
  .map((text): Value => Buffer.from(text))
  .concat([null, Buffer.from([255, 0, 10, 254]), Buffer.alloc(1_000_000, "x"), null]);

const KEYS: readonly Value[] = ["k", 'quo"te,', "", "a\nb", "\\x41", "nul\u0000"]
  .map((text): Value => Buffer.from(text))
  .concat([null, Buffer.from([255])]);
const CSV_KEYS = [
  '"k"',
  '"quo""te,"',
  '""',
  '"\\x61\\x0A\\x62"',
  '"\\x5C\\x78\\x34\\x31"',
  '"\\x6E\\x75\\x6C\\x00"',
  "",
  '"\\xFF"',
];

const ALL = { attributes: [], maxBytes: 1 << 28 } as const;

export async function checkProducerLane(cluster: Cluster): Promise<void> {
  const topic = await cluster.topic(3);
  const producer = await cluster.producer({ "queue.buffering.max.messages": 1000 });
  const lane = openProducerLane(cluster.kafka, producer);
  const count = 20_000;
  const lines = Array.from({ length: count }, (_, index) => `{"k":"key${index % 50}","n":${index}}`);
  const half = (from: number) => Buffer.from(lines.slice(from, from + count / 2).join("\n"));
  // Far more than the client's queue holds, two calls at once.
  const calls = [0, count / 2].map(async (from) =>
    lane.produce({ topic, values: { bytes: half(from) }, keyBetween: ['"k":"', '"'] }),
  );
  for (const result of await Promise.all(calls)) {
    assert.deepEqual(result, { records: count / 2, failedRecords: 0, failed: [] });
  }
  const nothing = await lane.produce({ topic, values: { bytes: new Uint8Array(0) } });
  assert.equal(nothing.records, 0);
  // 5 MB is beyond message.max.bytes, partition 9 does not exist.
  const large = column([Buffer.from("a"), Buffer.alloc(5_000_000), Buffer.from("b")]);
  const tooLarge = await lane.produce({ topic, values: large });
  assert.deepEqual([tooLarge.failedRecords, tooLarge.failed[0]?.index, tooLarge.failed[0]?.code], [1, 1, 10]);
  const partitions = new Int32Array([0, 9, 2]);
  const unknown = await lane.produce({ topic, values: column(KEYS.slice(0, 3)), partitions });
  assert.deepEqual([unknown.failedRecords, unknown.failed[0]?.index, unknown.failed[0]?.code], [1, 1, -190]);
  const headers = { bytes: Buffer.from('[["a","b"]]\n[["a"]]\n') };
  const malformed = await lane.produce({ topic, values: column(KEYS.slice(0, 2)), headers });
  assert.deepEqual([malformed.failedRecords, malformed.failed[0]?.index], [1, 1]);
  await assert.rejects(
    lane.produce({ topic, values: { bytes: Buffer.from("ab"), lengths: new Int32Array([1]) } }),
  );
  await lane.close();
  await assert.rejects(lane.produce({ topic, values: { bytes: Buffer.from("a") } }), /closed/);
  await disconnect(producer);
  await checkOrder(cluster, topic, count);
}

/** Everything is there, a key always in one partition, in its order. */
async function checkOrder(cluster: Cluster, topic: string, count: number): Promise<void> {
  const { lane, close } = await reading(cluster, topic, 3);
  const request = { ...ALL, framing: "lines", tombstones: "skip" } as const;
  const partitions = [2, 0, 1].map((partition) => ({ topic, partition }));
  const little = await lane.take({ ...request, maxBytes: 3000, partitions });
  assert.deepEqual(
    little.partitions.map(({ partition, bytes }) => [partition, bytes > 900 && bytes <= 1000]),
    partitions.map(({ partition }) => [partition, true]),
    "shares are fair",
  );
  const taken = [little, ...(await takeAll(lane, topic, 3, request))];
  await close();
  const rows = taken
    .flatMap(({ bytes }) => bytes?.toString().split("\n") ?? [])
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { k: string; n: number });
  assert.equal(rows.length, count);
  const lastOf = new Map<string, number>();
  for (const { k, n } of rows) {
    assert(n > (lastOf.get(k) ?? -1));
    lastOf.set(k, n);
  }
  assert.equal(lastOf.size, 50);
  await cluster.deleteTopic(topic);
}

export async function checkConsumerLane(cluster: Cluster): Promise<void> {
  const topic = await cluster.topic(2, { "max.message.bytes": "2000000" });
  const producer = await cluster.producer({ "message.max.bytes": 2_000_000 });
  const sender = openProducerLane(cluster.kafka, producer);
  const headers = PAYLOADS.map(
    (_, index) => `[["n","${index}"],["bin",null,"ff"],["none",null],["lf","a\\nb"]]`,
  );
  const sent = await sender.produce({
    topic,
    values: column(PAYLOADS),
    keys: column(PAYLOADS.map((_, index) => KEYS[index % KEYS.length] ?? null)),
    partitions: new Int32Array(PAYLOADS.length).fill(1),
    timestampsMs: Float64Array.from(PAYLOADS, (_, index) => 5000 + index),
    headers: { bytes: Buffer.from(headers.join("\n")) },
  });
  assert.deepEqual(sent, { records: PAYLOADS.length, failedRecords: 0, failed: [] });
  await sender.close();
  await disconnect(producer);
  for (const framing of ["json", "lines", "raw"] as const) {
    for (const tombstones of ["skip", "keep"] as const)
      await checkFraming(cluster, topic, framing, tombstones);
  }
  await checkTaking(cluster, topic);
  await checkErrors(cluster, topic);
  await cluster.deleteTopic(topic);
}

async function checkFraming(
  cluster: Cluster,
  topic: string,
  framing: TakeRequest["framing"],
  tombstones: TakeRequest["tombstones"],
): Promise<void> {
  const { lane, close } = await reading(cluster, topic, 2);
  const attributes = ["topic", "partition", "offset", "timestamp", "key", "headers"] as const;
  const taken = (await takeAll(lane, topic, 2, { ...ALL, framing, tombstones, attributes }))[0];
  await close();
  assert(taken?.bytes !== undefined);
  const kept = PAYLOADS.map((value, index) => ({ value, index })).filter(
    ({ value }) => value !== null || tombstones === "keep",
  );
  const pieces = kept.map(({ value }) => framed(value, framing));
  assert(taken.bytes.equals(Buffer.concat(pieces)), `${framing} bytes`);
  const expectedLengths = framing === "raw" ? kept.map(({ value }) => value?.length ?? -1) : undefined;
  assert.deepEqual(taken.lengths && [...taken.lengths], expectedLengths);
  const offsets: number[] = [];
  const rows = kept.flatMap(({ index }, at) => {
    const json = `[[""n"",""${index}""],[""bin"",""\\\\xFF""],[""none"",null],[""lf"",""a\\u000Ab""]]`;
    const row = `"${topic}",1,${index},${5000 + index},${CSV_KEYS[index % CSV_KEYS.length]},"${json}"`;
    const lines = framing === "raw" ? 1 : (pieces[at]?.toString("latin1").split("\n").length ?? 1) - 1;
    for (let line = 0; line < lines; line++) offsets.push(index);
    return Array.from({ length: lines }, () => row);
  });
  assert.deepEqual(taken.attributes?.toString().split("\n"), [...rows, ""]);
  assert.equal(taken.sizeBytes, taken.bytes.length);
  const told = offsets.map((_, line) => taken.partitions.map((part) => offsetOfLine(part, line))[0]);
  assert.deepEqual(told, offsets, `${framing}: which record each line is of`);
  assert.deepEqual(
    taken.partitions.map((part) => ({ ...part, offsets: undefined })),
    [
      {
        topic,
        partition: 1,
        firstOffset: 0,
        lastOffset: PAYLOADS.length - 1,
        records: PAYLOADS.length,
        lines: rows.length,
        bytes: taken.bytes.length,
        tombstones: 2,
        startByte: 0,
        offsets: undefined,
      },
    ],
  );
  await checkFiles(cluster, topic, taken, { ...ALL, framing, tombstones, attributes });
}

/** What was taken, once more, into files; and into one that can't be. */
async function checkFiles(
  cluster: Cluster,
  topic: string,
  expected: Taken,
  request: Omit<TakeRequest, "partitions">,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "streamkit-lane-"));
  const [file, attributesFile] = [join(folder, "lines"), join(folder, "attributes")];
  await writeFile(file, "what was there before ".repeat(1000));
  const { lane, close } = await reading(cluster, topic, 2);
  const into = { ...request, file, attributesFile, maxBytes: 1 << 28 };
  const taken = await lane.take({ ...into, partitions: [{ topic, partition: 1 }] });
  assert.deepEqual(
    { ...taken, bytes: await readFile(file), attributes: await readFile(attributesFile) },
    expected,
  );
  assert.deepEqual([taken.bytes, taken.attributes], [undefined, undefined]);
  await lane.fill({ maxBufferedBytes: 1, timeoutMs: 0 });
  await assert.rejects(
    lane.take({ ...into, file: join(folder, "none", "lines"), partitions: [{ topic, partition: 0 }] }),
    /none\/lines: No such file or directory/,
  );
  await close();
  await rm(folder, { recursive: true });
}

/** The slow way: byte by byte, as src/kafka/lane.ts says it. */
function framed(value: Value, framing: TakeRequest["framing"]): Buffer {
  if (framing === "raw") return value ?? Buffer.alloc(0);
  if (framing === "lines") {
    const text = value?.toString("latin1") ?? "";
    return Buffer.from(text.endsWith("\n") ? text : `${text}\n`, "latin1");
  }
  if (value === null) return Buffer.from("{}\n");
  const text = value.toString("latin1");
  if (/^[ \t\r\n]*$/.test(text)) return Buffer.from('""\n');
  const joined = text.replace(/"(?:\\[\s\S]|[^"\\])*"|[\r\n]/g, (part) =>
    part.startsWith('"') ? part.replace(/[\r\n]/g, "\u0001") : " ",
  );
  return Buffer.from(`${joined}\n`, "latin1");
}

/** What is no record: an offset that isn't there, a topic that isn't. */
async function checkErrors(cluster: Cluster, topic: string): Promise<void> {
  const outOfRange = await firstError(cluster, (consumer) =>
    consumer.assign([{ topic, partition: 1, offset: 999 }]),
  );
  assert.deepEqual(
    [outOfRange.code, outOfRange.topic, outOfRange.partition, outOfRange.offset],
    [-140, topic, 1, 999],
  );
  const unknown = await firstError(cluster, (consumer) => consumer.subscribe([`${topic}-none`]));
  assert.deepEqual([unknown.code, unknown.topic], [3, `${topic}-none`]);
}

async function firstError(cluster: Cluster, start: (consumer: KafkaConsumer) => void): Promise<LaneError> {
  const consumer = await cluster.consumer({}, { "auto.offset.reset": "error" });
  const lane = openConsumerLane(cluster.kafka, consumer);
  start(consumer);
  let error: LaneError | undefined;
  for (let tries = 0; error === undefined; tries++) {
    assert(tries < 100, "no error came");
    [error] = (await lane.fill({ maxBufferedBytes: 1, timeoutMs: 200 })).errors;
  }
  await lane.close();
  await disconnect(consumer);
  return error;
}

/** Bounds of a take, what stays, dropping, closing. */
async function checkTaking(cluster: Cluster, topic: string): Promise<void> {
  const { lane, close } = await reading(cluster, topic, 2);
  const one = { topic, partition: 1 };
  const take = async (limits: object, maxBytes = 1 << 28) =>
    lane.take({ ...ALL, maxBytes, framing: "raw", tombstones: "keep", partitions: [{ ...one, ...limits }] });
  const ranges = async (taken: Taken) => taken.partitions.map((part) => [part.firstOffset, part.lastOffset]);
  assert.deepEqual(await ranges(await take({ untilOffset: 3 })), [[0, 2]]);
  assert.deepEqual(await ranges(await take({ untilOffset: 3 })), []);
  assert.deepEqual(await ranges(await take({ maxRecords: 2 })), [[3, 4]]);
  assert.deepEqual(await ranges(await take({}, 6)), [[5, 6]]);
  assert.deepEqual(await ranges(await take({}, 1)), [[7, 7]]);
  await assert.rejects(take({}, 0), /maxBytes/);
  lane.drop([{ topic, partition: 0 }]);
  assert.equal((await lane.fill({ maxBufferedBytes: 1, timeoutMs: 0 })).bufferedRecords, PAYLOADS.length - 8);
  lane.drop([one]);
  assert.equal((await lane.fill({ maxBufferedBytes: 1, timeoutMs: 0 })).bufferedRecords, 0);
  const waiting = lane.fill({ maxBufferedBytes: 1, timeoutMs: 60_000 });
  await assert.rejects(lane.fill({ maxBufferedBytes: 1, timeoutMs: 0 }), /already/);
  await close();
  assert.equal((await waiting).bufferedRecords, 0);
  await assert.rejects(take({}), /closed/);
}

/** A lane whose buffer holds everything of the topic, read to all its ends. */
async function reading(
  cluster: Cluster,
  topic: string,
  partitions: number,
): Promise<{ lane: ConsumerLane; close: () => Promise<void> }> {
  const consumer = await cluster.consumer();
  const lane = openConsumerLane(cluster.kafka, consumer);
  consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })));
  const ended = new Set<number>();
  for (let tries = 0; ended.size < partitions; tries++) {
    assert(tries < 200, "the ends were not reached");
    const filled = await lane.fill({ maxBufferedBytes: Number.POSITIVE_INFINITY, timeoutMs: 200 });
    assert.deepEqual(filled.errors, []);
    for (const { partition } of filled.ends) ended.add(partition);
  }
  const close = async () => {
    await lane.close();
    await lane.close();
    await disconnect(consumer);
  };
  return { lane, close };
}

async function takeAll(
  lane: ConsumerLane,
  topic: string,
  partitions: number,
  request: Omit<TakeRequest, "partitions">,
): Promise<Taken[]> {
  const wanted = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const all: Taken[] = [];
  for (;;) {
    const taken = await lane.take({ ...request, partitions: wanted });
    if (taken.partitions.length === 0) return all;
    all.push(taken);
  }
}

function column(values: readonly Value[]): BytesColumn {
  const lengths = Int32Array.from(values, (value) => value?.length ?? -1);
  return { bytes: Buffer.concat(values.map((value) => value ?? Buffer.alloc(0))), lengths };
}

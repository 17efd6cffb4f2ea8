/**
 * Avro and Protobuf through a whole job: from a topic, by way of a real schema registry, to a file and to
 * Parquet; and what does not decode is a dead letter with its reason.
 */

import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { create, type Message, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { type SchemaRegistryService, sharedSchemaRegistry } from "../services/schema-registry.ts";
import { emptyFolder } from "../support/binary.ts";
import { multiset, output, streamkit } from "../support/running.ts";
import { parquetRows } from "../support/warehouse.ts";
import { batchAnswer } from "./batch-answer.ts";
import { avroSerializer, framed, register } from "./payloads.ts";
import { every, everySchema } from "./protobuf-schema.ts";
import { CANDLES, rowsAt, writeJob } from "./source-runs.ts";

const START_MS = Date.UTC(2026, 0, 5, 14, 30);
const COUNT = 3000;
const PARTITIONS = 3;

let kafka: KafkaService;
let registry: SchemaRegistryService;
beforeAll(async () => {
  [kafka, registry] = await Promise.all([sharedKafka(), sharedSchemaRegistry()]);
}, 90_000);

const quotes = Array.from({ length: COUNT }, (_, n) => ({
  n,
  symbol: `S${n % 5} "é"`,
  price: n / 8,
  ms: START_MS + 7 * n,
}));

/** Of one partition: so many good ones, then the broken ones, then the rest. */
const GOOD_BEFORE = 500;

/** Broken ones stand in the middle of the first partition, a tombstone at the end of the second. */
async function fill(topic: string, good: readonly Uint8Array[], broken: readonly Uint8Array[]) {
  await kafka.createTopic(topic, { partitions: PARTITIONS });
  const record = (bytes: Uint8Array, partition: number) => ({
    value: { base64: Buffer.from(bytes).toString("base64") },
    partition,
  });
  const all = good.map((bytes, index) => record(bytes, index % PARTITIONS));
  all.splice(GOOD_BEFORE * PARTITIONS, 0, ...broken.map((bytes) => record(bytes, 0)));
  await kafka.judge.produce(topic, [...all, { value: null, partition: 1 }]);
}

interface Job {
  readonly topic: string;
  readonly format: "avro" | "protobuf";
  /** The source's further lines. */
  readonly source: string;
}

/** Runs the job as a person would, and compares both sinks to the batch answer; returns the dead letters. */
async function check(folder: string, { topic, format, source }: Job): Promise<Record<string, unknown>[]> {
  const file = writeJob(folder, {
    from:
      `{ kafka: { brokers: "${kafka.brokers}", topics: ${topic}, ` +
      `registry: { url: "${registry.url}" } } }`,
    source: `    format: ${format}\n    time: ts\n${source}`,
    sql: CANDLES,
    sinks:
      '  - { from: out, to: "file:out.ndjson" }\n' +
      "  - { from: out, parquet: { warehouse: ./warehouse, table: candles } }\n" +
      '  - { from: dead_letters, to: "file:dead.ndjson" }',
  });
  await output(["process", file, "--once", "--quiet"], { cwd: folder });
  const lines = quotes.map(({ ms, ...quote }) =>
    JSON.stringify({ ...quote, ts: new Date(ms).toISOString().slice(0, -1) }),
  );
  const expected = await batchAnswer(folder, {
    lines: `${lines.join("\n")}\n`,
    schema: "n BIGINT, symbol VARCHAR, price DOUBLE, ts TIMESTAMP",
    sql: CANDLES.replace("quotes", "input"),
  });
  expect(expected.length).toBeGreaterThan(100);
  expect(multiset(rowsAt(join(folder, "out.ndjson")))).toEqual(expected);
  expect(multiset(await parquetRows(join(folder, "warehouse/candles")))).toEqual(expected);
  return rowsAt(join(folder, "dead.ndjson"));
}

/** Offset and reason of each. */
const deaths = (letters: readonly Record<string, unknown>[]) =>
  letters.map((letter) => [letter["origin"], Number(letter["byte_offset"]), letter["reason"]]);

describe("a topic gives the batch answer", () => {
  test("of Avro", async () => {
    using folder = emptyFolder();
    const topic = "job-avro";
    const fields = [
      { name: "n", type: "long" },
      { name: "symbol", type: ["null", "string"] },
      { name: "price", type: "double" },
      { name: "ts", type: { type: "long", logicalType: "timestamp-millis" } },
    ];
    await register(registry.url, topic, { type: "record", name: "Quote", fields });
    const serializer = avroSerializer(registry.url);
    const good: Buffer[] = [];
    for (const { n, symbol, price, ms } of quotes)
      good.push(
        await serializer.serialize(topic, {
          n: BigInt(n),
          symbol: { string: symbol },
          price,
          ts: BigInt(ms),
        }),
      );
    const [first = Buffer.alloc(0)] = good;
    await fill(topic, good, [Buffer.from("{}"), framed(99_999, first.subarray(5)), first.subarray(0, 9)]);
    const dead = deaths(await check(folder.path, { topic, format: "avro", source: "" }));
    expect(dead.map(([origin, offset]) => [origin, offset])).toEqual(
      [0, 1, 2].map((index) => [`${topic}/0`, GOOD_BEFORE + index]),
    );
    expect(dead[1]?.[2]).toContain("The schema registry knows no schema id 99999");
    for (const [, , reason] of dead) expect(reason).toBeString();
  }, 90_000);

  test("of Protobuf, whose columns a projection names anew", async () => {
    using folder = emptyFolder();
    const topic = "job-protobuf";
    const id = await register(registry.url, topic, everySchema);
    const good = quotes.map(({ n, symbol, price, ms }) => {
      const at = { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1e6 };
      const init = { i64: BigInt(n), text: symbol, d: price, at } as MessageInitShape<typeof every>;
      return framed(id, toBinary(every, create(every, init) as Message), [2, 2]);
    });
    await fill(topic, good, [framed(id, Buffer.from([255, 255]), [2, 2]), Buffer.from("text")]);
    // The registry tells the columns of a file's first message, and `Every` is the second.
    const source =
      "    schema: { i64: BIGINT, text: VARCHAR, d: DOUBLE, at: TIMESTAMP }\n" +
      '    select: "i64 AS n, text AS symbol, d AS price, \\"at\\" AS ts"\n';
    const dead = deaths(await check(folder.path, { topic, format: "protobuf", source }));
    expect(dead.map(([origin, offset]) => [origin, offset])).toEqual(
      [0, 1].map((index) => [`${topic}/0`, GOOD_BEFORE + index]),
    );
  }, 90_000);
});

test("a registry that is away ends the job with one line, and nothing is taken for broken", async () => {
  using folder = emptyFolder();
  const topic = "job-no-registry";
  await kafka.createTopic(topic);
  await kafka.judge.produce(topic, [{ value: { base64: framed(1, Buffer.from([2])).toString("base64") } }]);
  const file = writeJob(folder.path, {
    from: `{ kafka: { brokers: "${kafka.brokers}", topics: ${topic}, registry: { url: "http://127.0.0.1:1" } } }`,
    source: "    format: avro\n",
    schema: "{ n: BIGINT }",
    sql: "SELECT n FROM quotes",
    sinks: '  - { from: out, to: "-" }\n  - { from: dead_letters, to: "file:dead.ndjson" }',
  });
  const { code, stdout, stderr } = await streamkit(["process", file, "--once"], { cwd: folder.path });
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("The schema registry http://127.0.0.1:1 can't be reached: connection refused");
  expect(rowsAt(join(folder.path, "dead.ndjson"))).toEqual([]);
}, 60_000);

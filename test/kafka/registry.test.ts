/** Avro by way of a schema registry: every value arrives, and what can't be read harms nobody else. */

import { describe, expect, test } from "bun:test";
import { RuleMode } from "@confluentinc/schemaregistry/dist/schemaregistry-client.js";
import avsc from "avsc";
import * as fc from "fast-check";
import type { Database } from "../../src/duckdb/database.ts";
import { type RegistryDecoder, registryColumns } from "../../src/kafka/registry/decoder.ts";
import { readBytes } from "../formats/reading.ts";
import { recordsAtRandom, twosComplement } from "./avro-values.ts";
import { avroSerializer, avscOptions, decode, exactly, framed, linesOf, register } from "./payloads.ts";
import { withRegistry } from "./registry-set-up.ts";
import type { StandIn } from "./registry-stand-in.ts";

let registry: StandIn;
let decoder: RegistryDecoder;
let database: Database;
withRegistry("avro", (opened) => {
  ({ registry, decoder, database } = opened);
});

const QUOTE = {
  type: "record",
  name: "Quote",
  namespace: "market",
  fields: [
    { name: "at", type: { type: "long", logicalType: "timestamp-micros" } },
    { name: "symbol", type: "string" },
    { name: "volume", type: "long" },
    { name: "price", type: ["null", { type: "bytes", logicalType: "decimal", precision: 20, scale: 4 }] },
  ],
};

const quote = (volume: bigint): object => ({
  at: 1_767_623_400_123_456n,
  symbol: "ACME",
  volume,
  price: { bytes: twosComplement(1_234_500n) },
});

const quoteLine = (volume: bigint): string =>
  `{"at":"2026-01-05T14:30:00.123456Z","symbol":"ACME","volume":${volume},"price":"123.4500"}`;

let topics = 0;
const newTopic = (): string => `topic${(topics += 1)}`;

/** A topic with this schema, and a function that encodes records of it. */
async function topicOf(schema: object): Promise<{ topic: string; encode: (value: unknown) => Buffer }> {
  const topic = newTopic();
  const id = await register(registry.url, topic, schema);
  const type = avsc.Type.forSchema(schema as avsc.Schema, avscOptions());
  return { topic, encode: (value) => framed(id, type.toBuffer(value)) };
}

describe("values", () => {
  test("what Confluent's serializer writes", async () => {
    const topic = newTopic();
    await register(registry.url, topic, QUOTE);
    const serializer = avroSerializer(registry.url);
    const volumes = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n];
    const payloads: Buffer[] = [];
    for (const volume of volumes) payloads.push(await serializer.serialize(topic, quote(volume)));
    const decoded = await decode(decoder, topic, payloads);
    expect(linesOf(decoded)).toEqual(volumes.map(quoteLine));
    expect(decoded.unfit).toEqual([]);
  });

  test("any record of any type, as avsc writes it", async () => {
    await fc.assert(
      fc.asyncProperty(recordsAtRandom, async ([schema, samples]) => {
        const { topic, encode } = await topicOf(schema as object);
        const decoded = await decode(
          decoder,
          topic,
          samples.map(({ value }) => encode(value)),
        );
        expect(decoded.unfit).toEqual([]);
        expect(linesOf(decoded).map(exactly)).toEqual(samples.map(({ expected }) => expected));
      }),
      { numRuns: 300 },
    );
  });

  test("timestamps of all 64 bits are those of DuckDB", async () => {
    const units = ["millis", "micros"] as const;
    const { topic, encode } = await topicOf({
      type: "record",
      name: "Times",
      fields: units.map((unit) => ({ name: unit, type: { type: "long", logicalType: `timestamp-${unit}` } })),
    });
    const [min, max] = [-(2n ** 63n) + 86_400_000_000n * 200n, 2n ** 63n - 2n];
    const times = fc.array(fc.bigInt({ min, max }), { minLength: 50, maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(times, async (all) => {
        const records = all.map((us) => encode({ micros: us, millis: us / 1000n }));
        const { lines } = await decode(decoder, topic, records);
        const select = "epoch_us(micros) AS us, epoch_us(millis) AS ms";
        const columns = { micros: "TIMESTAMP", millis: "TIMESTAMP" };
        const { rows, deadLetters } = await readBytes(database, { format: "json", columns, select }, lines);
        expect(deadLetters).toEqual([]);
        expect(rows).toEqual(all.map((us) => `{"us":${us},"ms":${(us / 1000n) * 1000n}}`));
      }),
      { numRuns: 20 },
    );
  });

  test("a record that holds itself, a choice of records, and no record at all", async () => {
    const node = {
      type: "record",
      name: "Node",
      fields: [
        { name: "n", type: "int" },
        { name: "next", type: ["null", "Node"] },
      ],
    };
    const tree = await topicOf(node);
    const nested = { n: 1, next: { Node: { n: 2, next: null } } };
    expect(linesOf(await decode(decoder, tree.topic, [tree.encode(nested)]))).toEqual([
      '{"n":1,"next":{"n":2,"next":null}}',
    ]);
    expect(await registryColumns(decoder, tree.topic)).toEqual([
      { name: "n", type: "INTEGER" },
      { name: "next", type: "JSON" },
    ]);

    const other = { type: "record", name: "Other", fields: [{ name: "n", type: "long" }] };
    const choice = await topicOf(["null", node, other]);
    const either = [nested, { n: 7n }].map((value, index) =>
      choice.encode({ [index ? "Other" : "Node"]: value }),
    );
    expect(linesOf(await decode(decoder, choice.topic, [...either, choice.encode(null)]))).toEqual([
      '{"n":1,"next":{"n":2,"next":null}}',
      '{"n":7}',
      "{}",
    ]);

    const words = await topicOf({ type: "array", items: "string" });
    expect(linesOf(await decode(decoder, words.topic, [words.encode(["a", "b"])]))).toEqual([
      '{"value":["a","b"]}',
    ]);
    expect(await registryColumns(decoder, words.topic)).toEqual([{ name: "value", type: "VARCHAR[]" }]);
  });
});

describe("schemas", () => {
  test("a job needs no schema: the columns read every line", async () => {
    const { topic, encode } = await topicOf({
      type: "record",
      name: "All",
      fields: [
        ...QUOTE.fields,
        { name: "day", type: { type: "int", logicalType: "date" } },
        { name: "clock", type: { type: "long", logicalType: "time-micros" } },
        { name: "id", type: { type: "fixed", name: "Id", size: 16, logicalType: "uuid" } },
        { name: "span", type: { type: "fixed", name: "Span", size: 12, logicalType: "duration" } },
        { name: "side", type: { type: "enum", name: "Side", symbols: ["BUY", "SELL"] } },
        { name: "tags", type: { type: "map", values: { type: "array", items: "long" } } },
        { name: "raw", type: "bytes" },
        { name: "either", type: ["null", "string", "double"] },
        { name: "whole", type: ["int", "long"] },
        { name: "nested", type: { type: "record", name: "In", fields: [{ name: "x", type: "float" }] } },
      ],
    });
    const columns = await registryColumns(decoder, topic);
    expect(Object.fromEntries((columns ?? []).map(({ name, type }) => [name, type]))).toEqual({
      at: "TIMESTAMP",
      symbol: "VARCHAR",
      volume: "BIGINT",
      price: "DECIMAL(20,4)",
      day: "DATE",
      clock: "TIME",
      id: "UUID",
      span: "INTERVAL",
      side: "VARCHAR",
      tags: "MAP(VARCHAR, BIGINT[])",
      raw: "VARCHAR",
      either: "JSON",
      whole: "BIGINT",
      nested: 'STRUCT("x" FLOAT)',
    });
    const payload = encode({
      ...quote(2n ** 63n - 1n),
      day: 20_458,
      clock: 52_200_000_001n,
      id: Buffer.from("f81d4fae7dec11d0a76500a0c91e6bf6", "hex"),
      span: Buffer.from("010000000200000003000000", "hex"),
      side: "SELL",
      tags: { a: [1n, 2n ** 62n] },
      raw: Buffer.from([0, 255]),
      either: { double: 0.5 },
      whole: { long: 5n },
      nested: { x: 0.5 },
    });
    const { lines } = await decode(decoder, topic, [payload, undefined]);
    const select = "* REPLACE (from_base64(\"raw\") = '\\x00\\xFF'::BLOB AS raw, span::VARCHAR AS span)";
    const named = Object.fromEntries((columns ?? []).map(({ name, type }) => [name, type]));
    const { rows, deadLetters } = await readBytes(
      database,
      { format: "json", columns: named, select },
      lines,
    );
    expect(deadLetters).toEqual([]);
    expect(rows[0]).toBe(
      '{"at":"2026-01-05T14:30:00.123456Z","symbol":"ACME","volume":9223372036854775807,"price":123.4500,' +
        '"day":"2026-01-05","clock":"14:30:00.000001","id":"f81d4fae-7dec-11d0-a765-00a0c91e6bf6",' +
        '"span":"1 month 2 days 00:00:00.003","side":"SELL","tags":{"a":[1,4611686018427387904]},' +
        '"raw":true,"either":0.5,"whole":5,"nested":{"x":0.5}}',
    );
    expect(rows[1]).toStartWith('{"at":null,"symbol":null,');
  });

  test("a topic without a schema has no columns", async () => {
    expect(await registryColumns(decoder, "nobody")).toBeUndefined();
  });

  test("each record is read with the schema that wrote it", async () => {
    const topic = newTopic();
    const older = { type: "record", name: "E", fields: [{ name: "a", type: "int" }] };
    const newer = { ...older, fields: [{ name: "b", type: "string", default: "" }, ...older.fields] };
    const ids = [await register(registry.url, topic, older), await register(registry.url, topic, newer)];
    const types = [older, newer].map((schema) => avsc.Type.forSchema(schema as avsc.Schema));
    const asked = registry.requests.length;
    const payloads = [0, 1, 0, 1].map((at, n) =>
      framed(ids[at] ?? 0, types[at]?.toBuffer({ a: n, b: "x" }) ?? Buffer.alloc(0)),
    );
    const expected = ['{"a":0}', '{"b":"x","a":1}', '{"a":2}', '{"b":"x","a":3}'];
    expect(linesOf(await decode(decoder, topic, payloads))).toEqual(expected);
    expect(linesOf(await decode(decoder, topic, payloads))).toEqual(expected);
    expect(registry.requests.length - asked).toBe(2);
  });

  test("schemas that refer to schemas that refer to schemas", async () => {
    const topic = newTopic();
    const record = (name: string, type: string): string =>
      JSON.stringify({ type: "record", name, namespace: "deep", fields: [{ name: "x", type }] });
    const refer = (name: string, subject: string) => ({ name: `deep.${name}`, subject, version: 1 });
    await register(registry.url, "inner", { schema: record("Inner", "long"), schemaType: "AVRO" });
    const middle = { schema: record("Middle", "Inner"), references: [refer("Inner", "inner-value")] };
    await register(registry.url, "middle", { schemaType: "AVRO", ...middle });
    const outer = { schema: record("Outer", "deep.Middle"), references: [refer("Middle", "middle-value")] };
    const id = await register(registry.url, topic, { schemaType: "AVRO", ...outer });
    expect(linesOf(await decode(decoder, topic, [framed(id, Buffer.from([2]))]))).toEqual([
      '{"x":{"x":{"x":1}}}',
    ]);
    expect(await registryColumns(decoder, topic)).toEqual([
      { name: "x", type: 'STRUCT("x" STRUCT("x" BIGINT))' },
    ]);
  });

  test("the schema's GUID, before the data or in the record's header", async () => {
    const topic = newTopic();
    await register(registry.url, topic, QUOTE);
    const { HeaderSchemaIdSerializer } = await import("@confluentinc/schemaregistry/dist/serde/serde.js");
    const serializer = avroSerializer(registry.url, { schemaIdSerializer: HeaderSchemaIdSerializer });
    const headers: Record<string, Buffer> = {};
    const payload = await serializer.serialize(topic, quote(5n), headers);
    const header = headers["__value_schema_id"] ?? Buffer.alloc(0);
    expect(header).toHaveLength(17);
    const both = [payload, Buffer.concat([header, payload])];
    const decoded = await decode(decoder, topic, both, [header, undefined]);
    expect(linesOf(decoded)).toEqual([quoteLine(5n), quoteLine(5n)]);
  });

  test("what streamkit can't apply is not left out silently", async () => {
    const topic = newTopic();
    const rule = { name: "pii", kind: "TRANSFORM", mode: RuleMode.WRITEREAD, type: "ENCRYPT" };
    const schema = JSON.stringify({ type: "record", name: "R", fields: [] });
    const id = await register(registry.url, topic, {
      schema,
      schemaType: "AVRO",
      ruleSet: { domainRules: [rule] },
    });
    const { unfit } = await decode(decoder, topic, [framed(id, Buffer.alloc(0))]);
    expect(unfit[0]?.reason).toContain('Its rule "pii" (ENCRYPT)');
  });
});

describe("records that can't be read", () => {
  test("say why, and their neighbours are unharmed", async () => {
    const { topic, encode } = await topicOf(QUOTE);
    const good = encode(quote(1n));
    const wrongBranch = Buffer.from(good);
    wrongBranch[good.length - 5] = 8;
    const cases: readonly (readonly [payload: Buffer, reason: string])[] = [
      [Buffer.alloc(0), "The record is empty: it names no schema"],
      [Buffer.from("{}"), "not in Confluent's wire format: its first byte is 123 and not 0 or 1"],
      [good.subarray(0, 4), "The data ends early"],
      [good.subarray(0, -1), "The data ends early"],
      [Buffer.concat([good, good]), `${good.length} bytes are left over after the record's last field`],
      [Buffer.alloc(9, 0xff).fill(0, 0, 1), "The record's schema id is impossible: -1"],
      [framed(999_999, good.subarray(5)), "The schema registry knows no schema id 999999"],
      [wrongBranch, "A union has 2 branches, the data says number 4"],
    ];
    for (const [payload, reason] of cases) {
      const decoded = await decode(decoder, topic, [good, payload, undefined, good]);
      expect(decoded.unfit.map(({ index }) => index)).toEqual([1]);
      expect(decoded.unfit[0]?.reason).toContain(reason);
      const [before, line = "", tombstone, after] = linesOf(decoded);
      expect([before, tombstone, after]).toEqual([quoteLine(1n), "{}", quoteLine(1n)]);
      expect(() => JSON.parse(line) as unknown).toThrow();
      expect(line).toBe(`!${payload.toString("base64")}`);
      const { rows, deadLetters } = await readBytes(
        database,
        { format: "json", columns: { symbol: "VARCHAR" } },
        decoded.lines,
      );
      expect(rows).toHaveLength(3);
      expect(deadLetters).toHaveLength(1);
    }
  });

  test("whatever the bytes are: a line of JSON or an unfit one", async () => {
    await fc.assert(
      fc.asyncProperty(recordsAtRandom, fc.infiniteStream(fc.nat()), async ([schema, [sample]], numbers) => {
        const { topic, encode } = await topicOf(schema as object);
        const good = encode(sample?.value);
        const corrupt = Buffer.from(good);
        for (let count = 0; count < 3 && good.length > 5; count += 1) {
          const [at, byte] = [numbers.next().value as number, numbers.next().value as number];
          corrupt[5 + (at % (good.length - 5))] = byte & 255;
        }
        const cut = corrupt.subarray(
          0,
          5 + ((numbers.next().value as number) % Math.max(1, good.length - 4)),
        );
        const decoded = await decode(decoder, topic, [good, corrupt, good, cut, good]);
        const lines = linesOf(decoded);
        expect(lines).toHaveLength(5);
        expect([lines[2], lines[4]]).toEqual([lines[0], lines[0]]);
        lines.forEach((line, index) => {
          const isUnfit = decoded.unfit.some((one) => one.index === index);
          if (isUnfit) expect(() => JSON.parse(line) as unknown).toThrow();
          else JSON.parse(line);
        });
      }),
      { numRuns: 300 },
    );
  });

  test("a list of endless nothing is bounded", async () => {
    const { topic, encode } = await topicOf({
      type: "record",
      name: "L",
      fields: [{ name: "l", type: { type: "array", items: "null" } }],
    });
    const endless = Buffer.concat([encode({ l: [] }).subarray(0, 5), Buffer.from("feffffff0f00", "hex")]);
    const { unfit } = await decode(decoder, topic, [endless]);
    expect(unfit[0]?.reason).toContain("a line longer than");
  });
});

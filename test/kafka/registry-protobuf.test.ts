/** Protobuf by way of a schema registry; @bufbuild/protobuf, which reads bytes its own way, is the judge. */

import { expect, test } from "bun:test";
import {
  create,
  createFileRegistry,
  createMutableRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  type MessageInitShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import {
  AnySchema,
  DurationSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_duration,
} from "@bufbuild/protobuf/wkt";
import { ProtobufSerializer } from "@confluentinc/schemaregistry/dist/serde/protobuf.js";
import { SerdeType } from "@confluentinc/schemaregistry/dist/serde/serde.js";
import * as fc from "fast-check";
import type { Database } from "../../src/duckdb/database.ts";
import { type RegistryDecoder, registryColumns } from "../../src/kafka/registry/decoder.ts";
import { readBytes } from "../formats/reading.ts";
import { decode, exactly, framed, linesOf, register, registryClient } from "./payloads.ts";
import { every, everyRegistry, everySchema, serialized } from "./protobuf-schema.ts";
import { withRegistry } from "./registry-set-up.ts";
import type { StandIn } from "./registry-stand-in.ts";

let registry: StandIn;
let decoder: RegistryDecoder;
let database: Database;
let id: number;
withRegistry("protobuf", async (opened) => {
  ({ registry, decoder, database } = opened);
  id = await register(registry.url, "every", everySchema);
});

/** The path of `Every`, the second message of its file: one number, and it is 1. */
const PATH = [2, 2];

type Init = MessageInitShape<typeof every>;

const signed = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 0n),
);
const unsigned = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(2n ** 64n - 1n, 2n ** 63n, 2n ** 53n, 0n),
);
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const text = fc.string({ unit: "binary" });
const bytes = fc.uint8Array({ maxLength: 20 });

const VALUES = {
  d: fc.double(),
  f: fc.float(),
  i64: signed,
  u64: unsigned,
  i32: int32,
  fx64: unsigned,
  fx32: uint32,
  yes: fc.boolean(),
  text,
  raw: bytes,
  u32: uint32,
  sfx32: int32,
  sfx64: signed,
  s32: int32,
  s64: signed,
  side: fc.constantFrom(0, 1, 7),
} as const;

const inner = fc.record({ a: signed, b: fc.array(text, { maxLength: 3 }) }, { requiredKeys: [] });

const flat = fc.record(
  {
    ...VALUES,
    ...Object.fromEntries(
      Object.entries(VALUES).map(([name, values]) => [
        name === "side" ? "sides" : `${name}List`,
        fc.array(values as fc.Arbitrary<unknown>, { maxLength: 3 }),
      ]),
    ),
    inner,
    inners: fc.array(inner, { maxLength: 3 }),
    byName: fc.dictionary(fc.string(), inner, { maxKeys: 3, noNullPrototype: true }),
    byId: fc.dictionary(signed.map(String), fc.double(), { maxKeys: 3, noNullPrototype: true }),
    at: fc.record({
      seconds: fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
      nanos: fc.oneof(fc.integer({ min: 0, max: 999_999_999 }), fc.constantFrom(0, 1000, 999_999_000)),
    }),
    total: signed,
    json: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3, noNullPrototype: true }),
    maybe: int32,
    either: fc.oneof(
      text.map((value) => ({ case: "orText", value })),
      inner.map((value) => ({ case: "orInner", value })),
      signed.map((value) => ({ case: "orLong", value })),
    ),
  },
  { requiredKeys: [] },
);

const { any: messages } = fc.letrec<{ any: object }>((tie) => ({
  any: fc
    .tuple(flat, fc.option(tie("any"), { nil: undefined, maxDepth: 2 }))
    .map(([fields, child]) => (child === undefined ? fields : { ...fields, child })),
}));

/** What the judge makes of the bytes, in the words of `exactly`. */
function judged(data: Uint8Array): unknown {
  const message = fromBinary(every, data);
  const options = { useProtoFieldName: true, alwaysEmitImplicit: true, registry: everyRegistry };
  return asLines(toJson(every, message, options), "");
}

const LONGS = /^(?:[uis]+64|fx64|sfx64|total|or_long|a)(?:_list)?$/;
const FLOATS = /^(?:[df](?:_list)?|by_id)$/;

/** ProtoJSON says integers of 64 bits, NaN and the infinities as strings. */
function asLines(value: JsonValue, name: string): unknown {
  if (Array.isArray(value)) return value.map((item) => asLines(item, name));
  if (typeof value === "number") return `#${Object.is(value, -0) ? "-0.0" : value}`;
  if (typeof value === "string") {
    if (FLOATS.test(name)) return null;
    if (LONGS.test(name)) return `#${value}`;
    return name === "at"
      ? value.replace(/(?:\.(\d+))?Z$/, (_, digits: string = "") => `.${digits.padEnd(6, "0").slice(0, 6)}Z`)
      : value;
  }
  if (value === null || typeof value !== "object") return value;
  const isOneName = name === "by_id" || name === "json";
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, asLines(inner, isOneName ? name : key)]),
  );
}

test("any message, and any bytes that merge several", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(messages, { minLength: 1, maxLength: 3 }), async (inits) => {
      const parts = inits.map((init) => toBinary(every, create(every, init as Init)));
      const all = [...parts, Buffer.concat(parts)];
      const decoded = await decode(
        decoder,
        "every",
        all.map((data) => framed(id, data, PATH)),
      );
      expect(decoded.unfit).toEqual([]);
      expect(linesOf(decoded).map(exactly)).toEqual(all.map(judged));
    }),
    { numRuns: 500 },
  );
});

test("whatever the bytes are: a line of JSON or an unfit one", async () => {
  const good = framed(id, toBinary(every, create(every, { i64: 5n, inner: { a: 1n } })), PATH);
  await fc.assert(
    fc.asyncProperty(messages, fc.array(fc.tuple(fc.nat(), fc.nat(255))), async (init, faults) => {
      const corrupt = framed(id, toBinary(every, create(every, init as Init)), PATH);
      for (const [at, byte] of faults)
        if (corrupt.length > 7) corrupt[7 + (at % (corrupt.length - 7))] = byte;
      const decoded = await decode(decoder, "every", [good, corrupt, good]);
      const [before, line = "", after] = linesOf(decoded);
      expect(after).toBe(before);
      if (decoded.unfit.length === 0) JSON.parse(line);
      else expect(() => JSON.parse(line) as unknown).toThrow();
    }),
    { numRuns: 500 },
  );
});

test("unpacked lists, unknown fields, groups, and other wire types than the schema's", async () => {
  const number = every.field["i64List"]?.number ?? 0;
  const tag = (field: number, wireType: number): number[] => {
    const value = (field << 3) | wireType;
    return value < 128 ? [value] : [(value & 127) | 128, value >> 7];
  };
  const data = Buffer.from([
    ...tag(number, 0),
    1,
    ...tag(number, 2),
    2,
    2,
    3,
    ...tag(200, 3),
    ...tag(1, 0),
    5,
    ...tag(200, 4),
    ...tag(number, 0),
    4,
    ...tag(201, 5),
    1,
    2,
    3,
    4,
    ...tag(number, 1),
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
  ]);
  const decoded = await decode(decoder, "every", [framed(id, data, PATH)]);
  expect(exactly(linesOf(decoded)[0] ?? "")).toMatchObject({ i64_list: ["#1", "#2", "#3", "#4"] });
});

test("reasons of unfit records", async () => {
  const cases: readonly (readonly [payload: Buffer, reason: string])[] = [
    [framed(id, Buffer.alloc(0), [2, 8]), "The schema has no message at 4"],
    [framed(id, Buffer.from([0x0a]), PATH), "The data ends early"],
    [framed(id, Buffer.from([0x00, 0x01]), PATH), "A field in the data has no number"],
    [framed(id, Buffer.alloc(0), [1]), "A length or count in the data is impossible"],
    [framed(77_777, Buffer.alloc(0), PATH), "The schema registry knows no schema id 77777"],
  ];
  const decoded = await decode(
    decoder,
    "every",
    cases.map(([payload]) => payload),
  );
  expect(decoded.unfit.map(({ index, reason }) => `${index} ${reason}`)).toEqual(
    cases.map(([, reason], index) => `${index} ${reason}`),
  );
});

test("messages by their path: the file's first one, and one within another", async () => {
  const decoded = await decode(decoder, "every", [
    framed(id, Buffer.from([0x08, 0x07]), [0]),
    framed(id, Buffer.from([0x08, 0x07]), [4, 2, 0]),
  ]);
  expect(linesOf(decoded)).toEqual(['{"only":7}', '{"a":7,"b":[]}']);
});

test("what Confluent's serializer writes, with the columns that read it", async () => {
  const file = fromJson(FileDescriptorProtoSchema, {
    name: "quote.proto",
    package: "market",
    syntax: "proto3",
    dependency: ["google/protobuf/duration.proto"],
    messageType: [
      {
        name: "Quote",
        field: [
          { name: "bid_size", number: 1, type: "TYPE_UINT64", label: "LABEL_OPTIONAL" },
          { name: "tags", number: 2, type: "TYPE_STRING", label: "LABEL_REPEATED" },
          {
            name: "age",
            number: 3,
            type: "TYPE_MESSAGE",
            label: "LABEL_OPTIONAL",
            typeName: ".google.protobuf.Duration",
          },
        ],
      },
    ],
  });
  const files = createFileRegistry(file, () => file_google_protobuf_duration);
  const quote = files.getMessage("market.Quote");
  if (quote === undefined) throw new Error("No Quote");
  const serializer = new ProtobufSerializer(registryClient(registry.url), SerdeType.VALUE, {
    registry: createMutableRegistry(quote, DurationSchema, AnySchema),
    autoRegisterSchemas: true,
  });
  const init = { bidSize: 2n ** 64n - 1n, tags: ["é"], age: { seconds: -3n, nanos: -500_000 } };
  const payload = await serializer.serialize("quotes", create(quote, init as Init) as Message);
  const decoded = await decode(decoder, "quotes", [payload]);
  expect(linesOf(decoded)).toEqual([
    '{"bid_size":18446744073709551615,"tags":["é"],"age":"-3.000500 seconds"}',
  ]);
  const columns = await registryColumns(decoder, "quotes");
  const named = Object.fromEntries((columns ?? []).map(({ name, type }) => [name, type]));
  expect(named).toEqual({ bid_size: "UBIGINT", tags: "VARCHAR[]", age: "INTERVAL" });
  const { rows } = await readBytes(database, { format: "json", columns: named }, decoded.lines);
  expect(rows).toEqual(['{"bid_size":18446744073709551615,"tags":["é"],"age":"-00:00:03.0005"}']);
});

test("the columns of every type read the lines of every type", async () => {
  const { name, schema } = { name: "Every", schema: everySchema.schema };
  const file = fromBinary(FileDescriptorProtoSchema, Buffer.from(schema, "base64"));
  const own = { ...file, messageType: file.messageType.filter((message) => message.name === name) };
  const ownId = await register(registry.url, "own", serialized(own));
  const named = Object.fromEntries(
    ((await registryColumns(decoder, "own")) ?? []).map(({ name, type }) => [name, type]),
  );
  expect(named).toMatchObject({
    d: "DOUBLE",
    f: "FLOAT",
    i64: "BIGINT",
    u64: "UBIGINT",
    u32: "UINTEGER",
    raw: "VARCHAR",
    yes: "BOOLEAN",
    i64_list: "BIGINT[]",
    side: "VARCHAR",
    child: "JSON",
    inner: 'STRUCT("a" BIGINT, "b" VARCHAR[])',
    by_name: 'MAP(VARCHAR, STRUCT("a" BIGINT, "b" VARCHAR[]))',
    by_id: "MAP(VARCHAR, DOUBLE)",
    at: "TIMESTAMP",
    total: "BIGINT",
    json: "JSON",
    or_text: "VARCHAR",
    maybe: "INTEGER",
  });
  await fc.assert(
    fc.asyncProperty(messages, async (init) => {
      const message = create(every, init as Init) as Message & { i64: bigint; u64: bigint };
      const { lines } = await decode(decoder, "own", [framed(ownId, toBinary(every, message), [0])]);
      const select = "i64, u64";
      const read = await readBytes(database, { format: "json", columns: named, select }, lines);
      expect(read.deadLetters).toEqual([]);
      expect(read.rows).toEqual([`{"i64":${message.i64},"u64":${message.u64}}`]);
    }),
    { numRuns: 100 },
  );
});

test("files that import files that import files", async () => {
  const file = (name: string, type: string | undefined) =>
    fromJson(FileDescriptorProtoSchema, {
      name: `${name}.proto`,
      package: "deep",
      syntax: "proto3",
      dependency: type === undefined ? [] : [`${type}.proto`],
      messageType: [
        {
          name,
          field: [
            {
              name: "x",
              number: 1,
              label: "LABEL_OPTIONAL",
              ...(type === undefined
                ? { type: "TYPE_INT32" }
                : { type: "TYPE_MESSAGE", typeName: `.deep.${type}` }),
            },
          ],
        },
      ],
    });
  const refer = (type: string) => ({
    references: [{ name: `${type}.proto`, subject: `${type}-value`, version: 1 }],
  });
  await register(registry.url, "Inner", serialized(file("Inner", undefined)));
  await register(registry.url, "Middle", { ...serialized(file("Middle", "Inner")), ...refer("Inner") });
  const outer = await register(registry.url, "Outer", {
    ...serialized(file("Outer", "Middle")),
    ...refer("Middle"),
  });
  const payload = framed(outer, Buffer.from([0x0a, 4, 0x0a, 2, 0x08, 1]), [0]);
  expect(linesOf(await decode(decoder, "Outer", [payload]))).toEqual(['{"x":{"x":{"x":1}}}']);
});

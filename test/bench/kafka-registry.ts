/** How many records a second the registry's decoder makes lines of: quotes of six fields. */

import { create, createFileRegistry, fromJson, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import avsc from "avsc";
import { openRegistryDecoder } from "../../src/kafka/registry/decoder.ts";
import { avscOptions, framed, register } from "../kafka/payloads.ts";
import { serialized } from "../kafka/protobuf-schema.ts";
import { startStandIn } from "../kafka/registry-stand-in.ts";

const RECORDS = 200_000;
const ROUNDS = 8;

const registry = startStandIn();
try {
  await measure("avro", await avroPayloads());
  await measure("protobuf", await protobufPayloads());
} finally {
  await registry.stop();
}

async function avroPayloads(): Promise<Buffer[]> {
  const schema = {
    type: "record",
    name: "Quote",
    fields: [
      { name: "at", type: { type: "long", logicalType: "timestamp-micros" } },
      { name: "symbol", type: "string" },
      { name: "bid", type: "double" },
      { name: "ask", type: "double" },
      { name: "bid_size", type: "long" },
      { name: "venue", type: ["null", "string"] },
    ],
  };
  const id = await register(registry.url, "avro", schema);
  const type = avsc.Type.forSchema(schema as avsc.Schema, avscOptions());
  return Array.from({ length: RECORDS }, (_, index) => {
    const quote = { ...quoteAt(index), venue: { string: "XNAS" } };
    return framed(id, type.toBuffer(quote));
  });
}

async function protobufPayloads(): Promise<Buffer[]> {
  const types = {
    at: "INT64",
    symbol: "STRING",
    bid: "DOUBLE",
    ask: "DOUBLE",
    bid_size: "INT64",
    venue: "STRING",
  };
  const field = Object.entries(types).map(([name, type], index) => ({
    name,
    number: index + 1,
    type: `TYPE_${type}`,
    label: "LABEL_OPTIONAL",
  }));
  const file = fromJson(FileDescriptorProtoSchema, {
    name: "quote.proto",
    syntax: "proto3",
    messageType: [{ name: "Quote", field }],
  });
  const id = await register(registry.url, "protobuf", serialized(file));
  const quote = createFileRegistry(file, () => undefined).getMessage("Quote");
  if (quote === undefined) throw new Error("No Quote");
  return Array.from({ length: RECORDS }, (_, index) => {
    const { at, symbol, bid, ask, bid_size: bidSize } = quoteAt(index);
    const init = { at, symbol, bid, ask, bidSize, venue: "XNAS" };
    return framed(id, toBinary(quote, create(quote, init as never)), [0]);
  });
}

function quoteAt(index: number) {
  const bid = 100 + (index % 1000) / 100;
  return {
    at: 1_767_623_400_000_000n + BigInt(index) * 137n,
    symbol: `SYM${index % 50}`,
    bid,
    ask: bid + 0.02,
    bid_size: BigInt(100 + (index % 77)),
  };
}

async function measure(format: "avro" | "protobuf", payloads: readonly Buffer[]): Promise<void> {
  const decoder = await openRegistryDecoder(format, { url: registry.url });
  const bytes = Buffer.concat(payloads);
  const lengths = Int32Array.from(payloads, ({ length }) => length);
  let bestMs = Number.POSITIVE_INFINITY;
  let sizeBytes = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAtMs = performance.now();
    sizeBytes = (await decoder.decode(format, bytes, lengths)).lines.length;
    bestMs = Math.min(bestMs, performance.now() - startedAtMs);
  }
  const million = (RECORDS / bestMs / 1000).toFixed(2);
  console.log(
    `${format}: ${million} million records/s, ${(sizeBytes / bestMs / 1000).toFixed(0)} MB/s of JSON`,
  );
}

/** The registry does what Confluent's own client asks of it. */

import { beforeAll, expect, test } from "bun:test";
import {
  AvroDeserializer,
  AvroSerializer,
  SchemaRegistryClient,
  SerdeType,
} from "@confluentinc/schemaregistry";
import { sharedKafka } from "./kafka.ts";
import { bytesOf } from "./kafka-judge.ts";
import { type SchemaRegistryService, sharedSchemaRegistry, startSchemaRegistry } from "./schema-registry.ts";

const TRADE = {
  type: "record",
  name: "Trade",
  fields: [
    { name: "id", type: "long" },
    { name: "symbol", type: "string" },
  ],
};
const QUOTE = 'syntax = "proto3"; package p; message Quote { int64 id = 1; string symbol = 2; }';

/** A new one holds nothing that it has seen before. */
const clientOf = ({ url }: SchemaRegistryService): SchemaRegistryClient =>
  new SchemaRegistryClient({ baseURLs: [url] });

let registry: SchemaRegistryService;
beforeAll(async () => {
  registry = await sharedSchemaRegistry();
});

test("an Avro schema, its record through Kafka, and a version that may not follow", async () => {
  const client = clientOf(registry);
  await client.register("trades-value", { schemaType: "AVRO", schema: JSON.stringify(TRADE) });
  const serializer = new AvroSerializer(client, SerdeType.VALUE, { useLatestVersion: true });
  const bytes = await serializer.serialize("trades", { id: 5, symbol: "é" });
  const kafka = await sharedKafka();
  await kafka.createTopic("trades");
  await kafka.judge.produce("trades", [{ value: { base64: bytes.toString("base64") } }]);
  const [stored] = await kafka.judge.read("trades");
  const read = bytesOf(stored?.value ?? null) ?? Buffer.of();
  const deserializer = new AvroDeserializer(clientOf(registry), SerdeType.VALUE, {});
  expect(await deserializer.deserialize("trades", read)).toMatchObject({ id: 5, symbol: "é" });

  const fields = [...TRADE.fields, { name: "price", type: "double" }];
  const next = { schemaType: "AVRO", schema: JSON.stringify({ ...TRADE, fields }) };
  expect(await client.register("trades-value", next).catch(String)).toContain("409");
});

test("a Protobuf schema that imports another", async () => {
  const client = clientOf(registry);
  await client.register("quote", { schemaType: "PROTOBUF", schema: QUOTE });
  const schema = 'syntax = "proto3"; package o; import "quote.proto"; message Order { p.Quote of = 1; }';
  const references = [{ name: "quote.proto", subject: "quote", version: 1 }];
  const id = await client.register("orders-value", { schemaType: "PROTOBUF", schema, references });
  const stored = await clientOf(registry).getBySubjectAndId("orders-value", id);
  expect(stored).toMatchObject({ schemaType: "PROTOBUF", schema, references });
});

test("a registry of a test's own keeps its schemas over a crash", async () => {
  await using own = await startSchemaRegistry();
  const id = await clientOf(own).register("quotes-value", { schemaType: "PROTOBUF", schema: QUOTE });
  await own.kill();
  await own.start();
  expect((await clientOf(own).getBySubjectAndId("quotes-value", id)).schema).toBe(QUOTE);
});

/** A real schema registry, stopped and started: what the stand-in claims is so. */

import { expect, test } from "bun:test";
import { create, type Message, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { openRegistryDecoder, registryColumns } from "../../src/kafka/registry/decoder.ts";
import { startSchemaRegistry } from "../services/schema-registry.ts";
import { avroSerializer, decode, framed, linesOf, register, registryClient } from "./payloads.ts";
import { every, everySchema } from "./protobuf-schema.ts";

test("Avro and Protobuf, texts and descriptors, an unknown id, and a restart", async () => {
  await using registry = await startSchemaRegistry();
  const avro = await openRegistryDecoder("avro", { url: registry.url });
  const inner = { type: "record", name: "Inner", namespace: "deep", fields: [{ name: "x", type: "long" }] };
  await register(registry.url, "inner", inner);
  const outer = { type: "record", name: "Outer", fields: [{ name: "inner", type: "deep.Inner" }] };
  await registryClient(registry.url).register("outer-value", {
    schemaType: "AVRO",
    schema: JSON.stringify(outer),
    references: [{ name: "deep.Inner", subject: "inner-value", version: 1 }],
  });
  const payload = await avroSerializer(registry.url).serialize("outer", { inner: { x: 2n ** 63n - 1n } });
  const decoded = await decode(avro, "outer", [
    payload,
    framed(4321, payload.subarray(5)),
    Buffer.alloc(40, 1),
  ]);
  expect(linesOf(decoded)[0]).toBe('{"inner":{"x":9223372036854775807}}');
  expect(decoded.unfit).toEqual([
    { index: 1, reason: "The schema registry knows no schema id 4321" },
    { index: 2, reason: "The schema registry knows no schema 01010101-0101-0101-0101-010101010101" },
  ]);
  expect(await registryColumns(avro, "outer")).toEqual([{ name: "inner", type: 'STRUCT("x" BIGINT)' }]);
  expect(await registryColumns(avro, "nobody")).toBeUndefined();

  const protobuf = await openRegistryDecoder("protobuf", { url: registry.url });
  const compiled = await register(registry.url, "every", everySchema);
  const init = { i64: -(2n ** 63n) } as MessageInitShape<typeof every>;
  const data = toBinary(every, create(every, init) as Message);
  expect(linesOf(await decode(protobuf, "every", [framed(compiled, data, [2, 2])]))[0]).toContain(
    '"i64":-9223372036854775808,',
  );
  const text = 'syntax = "proto3"; package p; message Quote { int64 size = 1; }';
  const id = await register(registry.url, "text", { schemaType: "PROTOBUF", schema: text });
  expect(linesOf(await decode(protobuf, "text", [framed(id, Buffer.from([8, 5]), [0])]))).toEqual([
    '{"size":5}',
  ]);

  await registry.kill();
  // What is known is known; what isn't must wait.
  expect(linesOf(await decode(avro, "outer", [payload]))).toEqual(['{"inner":{"x":9223372036854775807}}']);
  const fresh = await openRegistryDecoder("avro", { url: registry.url });
  expect(decode(fresh, "outer", [payload])).rejects.toThrow("can't be reached: connection refused");
  await registry.start();
  expect(linesOf(await decode(fresh, "outer", [payload]))).toHaveLength(1);
}, 60_000);

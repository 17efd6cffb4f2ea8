/** Registries that answer with the text of a `.proto` file: its descriptor is made here. */

import { expect, test } from "bun:test";
import { type RegistryDecoder, registryColumns } from "../../src/kafka/registry/decoder.ts";
import { decode, framed, linesOf, register } from "./payloads.ts";
import { withRegistry } from "./registry-set-up.ts";
import type { StandIn } from "./registry-stand-in.ts";

let registry: StandIn;
let decoder: RegistryDecoder;
withRegistry("protobuf", (opened) => {
  ({ registry, decoder } = opened);
});

const TEXT = `// A quote.
syntax = "proto3";
package market.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";
import "google/type/date.proto";
import "common.proto";
option java_package = "com.example";

message Envelope { string id = 1; }
enum Side { BUY = 0; SELL = 1; }
message Quote {
  enum Kind { FIRM = 0; }
  message Level { sint64 price = 1; repeated uint32 sizes = 2 [packed = false]; }
  reserved 90 to 99;
  google.protobuf.Timestamp at = 1;
  Side side = 2;
  Kind kind = 3;
  repeated Level levels = 4;
  map<string, Level> by_venue = 5;
  map<int32, Side> by_rank = 6;
  oneof either { string name = 7; common.Money money = 8; }
  optional int32 maybe = 9;
  google.protobuf.Struct extra = 10;
  common.Currency currency = 11;
  google.type.Date day = 12;
}
`;

const COMMON = `syntax = "proto3"; package common; enum Currency { EUR = 0; USD = 1; }
message Money { Currency currency = 1; fixed64 units = 2; }`;

test("a text with imports", async () => {
  await register(registry.url, "common", { schemaType: "PROTOBUF", schema: COMMON });
  const references = [{ name: "common.proto", subject: "common-value", version: 1 }];
  const id = await register(registry.url, "texts", { schemaType: "PROTOBUF", schema: TEXT, references });
  const fields = {
    at: "0a0308e807",
    side: "1001",
    levels: "2206080710031004",
    by_venue: "2a090a014e120408031005",
    money: "420b0801110200000000000000",
    maybe: "4800",
    currency: "5801",
  };
  const data = Buffer.from(Object.values(fields).join(""), "hex");
  const decoded = await decode(decoder, "texts", [
    framed(id, data, [2, 2]),
    framed(id, Buffer.from([10]), [0]),
  ]);
  expect(decoded.unfit).toEqual([{ index: 1, reason: "The data ends early" }]);
  expect(linesOf(decoded)[0]).toBe(
    '{"at":"1970-01-01T00:16:40.000000Z","side":"SELL","kind":"FIRM","levels":[{"price":-4,"sizes":[3,4]}],' +
      '"by_venue":{"N":{"price":-2,"sizes":[5]}},"by_rank":{},"money":{"currency":"USD","units":2},' +
      '"maybe":0,"currency":"USD"}',
  );
  expect(await registryColumns(decoder, "texts")).toEqual([{ name: "id", type: "VARCHAR" }]);
});

test("proto2: required fields, groups, and no zeros for what is absent", async () => {
  const schema = `message Old {
    required int32 a = 1; optional string b = 2 [default = "x"];
    repeated group Part = 3 { optional int32 c = 4; }
  }`;
  const id = await register(registry.url, "old", { schemaType: "PROTOBUF", schema });
  const data = Buffer.from("08011b20021c1b20031c", "hex");
  const decoded = await decode(decoder, "old", [framed(id, data, [0])]);
  expect(linesOf(decoded)).toEqual(['{"a":1,"part":[{"c":2},{"c":3}]}']);
});

test.each([
  ['syntax = "proto3"; message A { Nowhere x = 1; }', 'The type "Nowhere" is not defined'],
  ["message A {", "illegal token"],
  ['edition = "2023"; message A {}', "is of edition 2023: the registry must compile it"],
])("no schema: %s", async (schema, reason) => {
  const id = await register(registry.url, `bad ${reason}`, { schemaType: "PROTOBUF", schema });
  const { unfit } = await decode(decoder, `bad ${reason}`, [framed(id, Buffer.alloc(0), [0])]);
  expect(unfit[0]?.reason).toStartWith(`The schema id ${id} can't be used: `);
  expect(unfit[0]?.reason).toContain(reason);
});

/** Records for the registry's decoder, and what its lines say. */

import {
  type SchemaInfo,
  SchemaRegistryClient,
} from "@confluentinc/schemaregistry/dist/schemaregistry-client.js";
import { AvroSerializer } from "@confluentinc/schemaregistry/dist/serde/avro.js";
import { SerdeType } from "@confluentinc/schemaregistry/dist/serde/serde.js";
import avsc from "avsc";
import type { DecodedLines, RegistryDecoder } from "../../src/kafka/registry/decoder.ts";

/** 64-bit integers as bigint. */
const LONG = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: (value: number) => BigInt(value),
  toJSON: Number,
  isValid: (value: unknown) => typeof value === "bigint",
  compare: (left: bigint, right: bigint) => (left < right ? -1 : left > right ? 1 : 0),
});

/** New ones for each schema: avsc keeps the types it has met in them. */
export function avscOptions(): Partial<avsc.ForSchemaOptions> {
  return {
    wrapUnions: true,
    registry: { long: LONG },
    // A long with a logical type is no "long" to avsc's registry.
    typeHook: (schema) =>
      typeof schema === "object" && "type" in schema && schema.type === "long" ? LONG : undefined,
  };
}

export function registryClient(url: string): SchemaRegistryClient {
  return new SchemaRegistryClient({ baseURLs: [url], maxRetries: 0 });
}

/** Registers the schema for the topic's values; its id. */
export async function register(url: string, topic: string, schema: SchemaInfo | object): Promise<number> {
  const info = "schema" in schema ? schema : { schemaType: "AVRO", schema: JSON.stringify(schema) };
  return registryClient(url).register(`${topic}-value`, info);
}

export function avroSerializer(url: string, options: object = {}): AvroSerializer {
  const config = { useLatestVersion: true, autoRegisterSchemas: false, ...avscOptions(), ...options };
  return new AvroSerializer(registryClient(url), SerdeType.VALUE, config);
}

/** As the wire format wants it. */
export function framed(id: number, data: Uint8Array, messagePath: readonly number[] = []): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, Buffer.from(messagePath), data]);
}

/** `undefined` is a null payload. */
export function decode(
  decoder: RegistryDecoder,
  topic: string,
  payloads: readonly (Buffer | undefined)[],
  schemaHeaders?: readonly (Buffer | undefined)[],
): Promise<DecodedLines> {
  const lengths = Int32Array.from(payloads, (payload) => payload?.length ?? -1);
  const bytes = Buffer.concat(payloads.filter((payload) => payload !== undefined));
  return decoder.decode(topic, bytes, lengths, schemaHeaders);
}

export function linesOf({ lines }: DecodedLines): string[] {
  const text = lines.toString();
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** JSON with its numbers as the text that stands there: none is rounded. */
export function exactly(line: string): unknown {
  return JSON.parse(
    line.replaceAll(/("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)/g, (_, text, number) =>
      number === undefined ? (text as string) : `"#${number as string}"`,
    ),
  ) as unknown;
}

/**
 * Avro's object container files, whole in memory: manifests and lists of them are small. avsc encodes the
 * values; the container is put together here, since a schema's own attributes (`field-id`) and a header's
 * metadata have to be in it as they are. https://avro.apache.org/docs/1.12.0/specification/
 */

import { randomBytes } from "node:crypto";
import zlib from "node:zlib";
import { type Schema, Type, types } from "avsc";
import { StreamkitError } from "../base/error.ts";

export interface AvroFile {
  /** As it is in the header. */
  readonly schema: unknown;
  readonly metadata: Readonly<Record<string, Buffer>>;
  /** Longs are bigint, bytes and fixed are buffers. */
  readonly records: readonly unknown[];
}

const HEADER = Type.forSchema({
  type: "record",
  name: "Header",
  fields: [
    { name: "magic", type: { type: "fixed", name: "Magic", size: 4 } },
    { name: "meta", type: { type: "map", values: "bytes" } },
    { name: "sync", type: { type: "fixed", name: "HeaderSync", size: 16 } },
  ],
});
const BLOCK = Type.forSchema({
  type: "record",
  name: "Block",
  fields: [
    { name: "count", type: "long" },
    { name: "data", type: "bytes" },
    { name: "sync", type: { type: "fixed", name: "BlockSync", size: 16 } },
  ],
});
const MAGIC = Buffer.from([0x4f, 0x62, 0x6a, 1]);

interface Header {
  readonly magic: Buffer;
  readonly meta: Readonly<Record<string, Buffer>>;
  readonly sync: Buffer;
}

interface Block {
  readonly count: number;
  readonly data: Buffer;
  readonly sync: Buffer;
}

/** Longs beyond 2^53 are in each table: ids of snapshots. */
const LONG = types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer(value: bigint) {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === "bigint",
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

function typeOf(schema: unknown): Type {
  return Type.forSchema(schema as Schema, {
    wrapUnions: "never",
    noAnonymousTypes: false,
    typeHook: (part) =>
      part === "long" || (part as { readonly type?: unknown }).type === "long" ? LONG : undefined,
  });
}

export function encodeAvro({ schema, metadata, records }: AvroFile): Buffer {
  const type = typeOf(schema);
  const sync = randomBytes(16);
  const meta = {
    ...metadata,
    "avro.schema": Buffer.from(JSON.stringify(schema)),
    "avro.codec": Buffer.from("deflate"),
  };
  const header = HEADER.toBuffer({ magic: MAGIC, meta, sync } satisfies Header);
  if (records.length === 0) return header;
  const data = zlib.deflateRawSync(Buffer.concat(records.map((record) => type.toBuffer(record))));
  return Buffer.concat([header, BLOCK.toBuffer({ count: records.length, data, sync } satisfies Block)]);
}

/** Throws code `io` where it is no such file. */
export function decodeAvro(bytes: Uint8Array, name: string): AvroFile {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const broken = (why: string) => new StreamkitError("io", `${name} is no whole Avro file: ${why}`);
  if (!buffer.subarray(0, MAGIC.length).equals(MAGIC)) throw broken("it begins otherwise");
  const found = HEADER.decode(buffer, 0);
  const [header, offset] = [found.value as Header, found.offset];
  if (offset < 0) throw broken("its header ends early");
  const schema: unknown = JSON.parse(header.meta["avro.schema"]?.toString() ?? "null");
  const codec = header.meta["avro.codec"]?.toString() ?? "null";
  const type = typeOf(schema);
  const records: unknown[] = [];
  for (let at = offset; at < buffer.length; ) {
    const next = BLOCK.decode(buffer, at);
    const [block, end] = [next.value as Block, next.offset];
    if (end < 0 || !block.sync.equals(header.sync)) throw broken("a block ends early");
    const data = unpacked(block.data, codec, name);
    for (let index = 0, place = 0; index < block.count; index += 1) {
      const record = type.decode(data, place);
      if (record.offset < 0) throw broken("a record ends early");
      records.push(record.value);
      place = record.offset;
    }
    at = end;
  }
  return { schema, metadata: header.meta, records };
}

function unpacked(data: Buffer, codec: string, name: string): Buffer {
  switch (codec) {
    case "null":
      return data;
    case "deflate":
      return zlib.inflateRawSync(data);
    default:
      throw new StreamkitError(
        "io",
        `${name} is packed with ${codec}, which this version can't read: let its writer have ` +
          "write.avro.compression-codec = gzip",
      );
  }
}

/**
 * Thrift's binary protocol, as values that keep their types: what was read can be changed in one place and
 * written back with all else as it was, also what this program knows nothing of.
 *
 * Of our own making, because the `thrift` package needs code that the Thrift compiler generates from all of
 * hive_metastore.thrift (hundreds of structs, of which we need ten) and that loses fields it doesn't know.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md
 */

import { StreamkitError } from "../../base/error.ts";

const BOOL = 2;
const BYTE = 3;
const DOUBLE = 4;
const I16 = 6;
const I32 = 8;
const I64 = 10;
const BYTES = 11;
const STRUCT = 12;
const MAP = 13;
const SET = 14;
const LIST = 15;

export type Thrift =
  | { readonly type: typeof BOOL; readonly is: boolean }
  | { readonly type: typeof BYTE | typeof I16 | typeof I32 | typeof DOUBLE; readonly number: number }
  | { readonly type: typeof I64; readonly bigint: bigint }
  | { readonly type: typeof BYTES; readonly bytes: Buffer }
  | ThriftStruct
  | { readonly type: typeof MAP; readonly of: Pair<number>; readonly entries: readonly Pair<Thrift>[] }
  | { readonly type: typeof SET | typeof LIST; readonly of: number; readonly items: readonly Thrift[] };

type Pair<T> = readonly [key: T, value: T];
/** By the numbers that the interface's description gives them. */
type Fields = Readonly<Record<number, Thrift>>;

export interface ThriftStruct {
  readonly type: typeof STRUCT;
  readonly fields: Fields;
}

export const struct = (fields: Fields): ThriftStruct => ({ type: STRUCT, fields });
export const bool = (is: boolean): Thrift => ({ type: BOOL, is });
export const i16 = (number: number): Thrift => ({ type: I16, number });
export const i32 = (number: number): Thrift => ({ type: I32, number });
export const text = (value: string): Thrift => ({ type: BYTES, bytes: Buffer.from(value) });
export const texts = (values: readonly string[]): Thrift => ({
  type: LIST,
  of: BYTES,
  items: values.map(text),
});
export const structs = (items: readonly ThriftStruct[]): Thrift => ({ type: LIST, of: STRUCT, items });
export const textMap = (entries: Readonly<Record<string, string>>): Thrift => ({
  type: MAP,
  of: [BYTES, BYTES],
  entries: Object.entries(entries).map(([key, value]) => [text(key), text(value)]),
});

/** Values of another type, and those that aren't there, are "", none, or a struct of nothing. */
export const textOf = (value: Thrift | undefined): string =>
  value?.type === BYTES ? value.bytes.toString("utf8") : "";
export const structOf = (value: Thrift | undefined): Fields => (value?.type === STRUCT ? value.fields : {});
export const itemsOf = (value: Thrift | undefined): readonly Thrift[] =>
  value?.type === LIST || value?.type === SET ? value.items : [];
export const mapOf = (value: Thrift | undefined): Record<string, string> =>
  Object.fromEntries(
    value?.type === MAP ? value.entries.map(([key, inner]) => [textOf(key), textOf(inner)]) : [],
  );

const VERSION_1 = 0x8001_0000;
export const CALL = 1;
export const EXCEPTION = 3;

export interface Message {
  readonly name: string;
  readonly kind: number;
  readonly sequence: number;
  readonly body: ThriftStruct;
}

export function encodeMessage({ name, kind, sequence, body }: Message): Buffer {
  const parts: Buffer[] = [uint32((VERSION_1 | kind) >>> 0)];
  encode({ type: BYTES, bytes: Buffer.from(name) }, parts);
  encode(i32(sequence), parts);
  encode(body, parts);
  return Buffer.concat(parts);
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}

function encode(value: Thrift, parts: Buffer[]): void {
  switch (value.type) {
    case BOOL:
      parts.push(Buffer.of(value.is ? 1 : 0));
      return;
    case BYTE:
    case I16:
    case I32:
    case DOUBLE:
      parts.push(numberBytes(value.type, value.number));
      return;
    case I64: {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(value.bigint);
      parts.push(bytes);
      return;
    }
    case BYTES:
      parts.push(uint32(value.bytes.length), value.bytes);
      return;
    case STRUCT:
      for (const [number, field] of Object.entries(value.fields)) {
        parts.push(Buffer.of(field.type), numberBytes(I16, Number(number)));
        encode(field, parts);
      }
      parts.push(Buffer.of(0));
      return;
    case MAP:
      parts.push(Buffer.of(...value.of), uint32(value.entries.length));
      for (const entry of value.entries) for (const part of entry) encode(part, parts);
      return;
    case SET:
    case LIST:
      parts.push(Buffer.of(value.of), uint32(value.items.length));
      for (const item of value.items) encode(item, parts);
  }
}

function numberBytes(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(type === BYTE ? 1 : type === I16 ? 2 : type === I32 ? 4 : 8);
  if (type === DOUBLE) bytes.writeDoubleBE(value);
  else bytes.writeIntBE(value, 0, bytes.length);
  return bytes;
}

/** The message that begins the bytes; undefined where more must come. Throws code `io` where it is none. */
export function decodeMessage(bytes: Buffer): Message | undefined {
  const reader: Reader = { bytes, at: 0 };
  try {
    const first = take(reader, 4).readUInt32BE();
    if ((first & 0xffff_0000) >>> 0 !== VERSION_1) throw noThrift("it answers in another protocol");
    const name = textOf(decode(reader, BYTES));
    const sequence = take(reader, 4).readInt32BE();
    const body = decode(reader, STRUCT);
    if (body.type !== STRUCT) throw new StreamkitError("bug", "A struct is a struct");
    return { name, kind: first & 0xff, sequence, body };
  } catch (error) {
    if (error === MORE) return undefined;
    throw error;
  }
}

/** Thrown where the bytes end too early. */
const MORE = new Error("More bytes are needed");
/** No answer of a metastore comes near it: what says so is something else. */
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_DEPTH = 64;

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

function noThrift(reason: string): StreamkitError {
  return new StreamkitError("io", `This is no Thrift server of binary protocol without frames: ${reason}`);
}

function take(reader: Reader, count: number): Buffer {
  if (count < 0 || count > MAX_BYTES) throw noThrift(`a length of ${count} bytes`);
  const end = reader.at + count;
  if (end > reader.bytes.length) throw MORE;
  const taken = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return taken;
}

function decode(reader: Reader, type: number, depth = 0): Thrift {
  if (depth > MAX_DEPTH) throw noThrift("structs too deep");
  switch (type) {
    case BOOL:
      return { type, is: take(reader, 1).readInt8() !== 0 };
    case BYTE:
      return { type, number: take(reader, 1).readInt8() };
    case I16:
      return { type, number: take(reader, 2).readInt16BE() };
    case I32:
      return { type, number: take(reader, 4).readInt32BE() };
    case DOUBLE:
      return { type, number: take(reader, 8).readDoubleBE() };
    case I64:
      return { type, bigint: take(reader, 8).readBigInt64BE() };
    case BYTES:
      return { type, bytes: take(reader, take(reader, 4).readInt32BE()) };
    case STRUCT:
      return { type, fields: decodeFields(reader, depth) };
    case MAP: {
      const of: Pair<number> = [take(reader, 1).readUInt8(), take(reader, 1).readUInt8()];
      const entries = repeated(
        reader,
        (): Pair<Thrift> => [decode(reader, of[0], depth + 1), decode(reader, of[1], depth + 1)],
      );
      return { type, of, entries };
    }
    case SET:
    case LIST: {
      const of = take(reader, 1).readUInt8();
      return { type, of, items: repeated(reader, () => decode(reader, of, depth + 1)) };
    }
    default:
      throw noThrift(`a value of type ${type}`);
  }
}

function decodeFields(reader: Reader, depth: number): Record<number, Thrift> {
  const fields: Record<number, Thrift> = {};
  for (;;) {
    const type = take(reader, 1).readUInt8();
    if (type === 0) return fields;
    const number = take(reader, 2).readInt16BE();
    fields[number] = decode(reader, type, depth + 1);
  }
}

function repeated<T>(reader: Reader, next: () => T): T[] {
  const count = take(reader, 4).readInt32BE();
  if (count < 0) throw noThrift(`a list of ${count} items`);
  const items: T[] = [];
  // Not by `count` at once: it may be nonsense, and then the bytes end early.
  for (let index = 0; index < count; index++) items.push(next());
  return items;
}

/** Protobuf's numbers, texts, bytes and enums: how each is written as JSON, and what its zero is. */

import type { DescEnum } from "@bufbuild/protobuf";
import type { LineWriter } from "./line-writer.ts";
import type { PayloadReader } from "./payload-reader.ts";
import { WIRE } from "./protobuf-scan.ts";

/** Writes the value that stands at `start` and ends at `end` or before it; `input.at` is then its end. */
export type RangeWriter = (input: PayloadReader, out: LineWriter, start: number, end: number) => void;

export interface Scalar {
  readonly wireType: number;
  readonly write: RangeWriter;
  /** Its text where it is not on the wire. */
  readonly zero: Buffer;
  /** The type in DuckDB that reads the text back. */
  readonly column: string;
}

/** The numbers of `FieldDescriptorProto.Type`. */
export function scalarOf(type: number): Scalar {
  const scalar = SCALARS[type];
  if (scalar === undefined) throw new Error(`Protobuf has no scalar type ${type}`);
  return scalar;
}

function integer(
  wireType: number,
  column: string,
  read: (input: PayloadReader) => void,
  write: (out: LineWriter, low: number, high: number) => void,
): Scalar {
  return {
    wireType,
    column,
    zero: Buffer.from("0"),
    write: (input, out, start, end) => {
      input.at = start;
      input.end = end;
      read(input);
      write(out, input.low, input.high);
    },
  };
}

function floating(wireType: number, column: string, read: (input: PayloadReader) => number): Scalar {
  return {
    wireType,
    column,
    zero: Buffer.from("0"),
    write: (input, out, start, end) => {
      input.at = start;
      input.end = end;
      out.double(read(input));
    },
  };
}

const varint = (input: PayloadReader): void => input.varint();
const zigzag = (input: PayloadReader): void => input.zigzag();
const fixed64 = (input: PayloadReader): void => input.fixed64();
const fixed32 = (input: PayloadReader): void => {
  input.low = input.bytes.readInt32LE(input.skip(4));
};
const signed = (out: LineWriter, low: number, high: number): void => out.int64(low, high);
const unsigned = (out: LineWriter, low: number, high: number): void => out.uint64(low, high);
const signed32 = (out: LineWriter, low: number): void => out.integer(low);
const unsigned32 = (out: LineWriter, low: number): void => out.integer(low >>> 0);

const text: Scalar = {
  wireType: WIRE.bytes,
  column: "VARCHAR",
  zero: Buffer.from('""'),
  write: (input, out, start, end) => out.text(input.bytes, start, end),
};

const SCALARS: Readonly<Record<number, Scalar>> = {
  1: floating(WIRE.fixed64, "DOUBLE", (input) => input.double()),
  2: floating(WIRE.fixed32, "FLOAT", (input) => input.float()),
  3: integer(WIRE.varint, "BIGINT", varint, signed),
  4: integer(WIRE.varint, "UBIGINT", varint, unsigned),
  5: integer(WIRE.varint, "INTEGER", varint, signed32),
  6: integer(WIRE.fixed64, "UBIGINT", fixed64, unsigned),
  7: integer(WIRE.fixed32, "UINTEGER", fixed32, unsigned32),
  8: {
    ...integer(WIRE.varint, "BOOLEAN", varint, (out, low, high) => out.boolean(low !== 0 || high !== 0)),
    zero: Buffer.from("false"),
  },
  9: text,
  12: { ...text, write: (input, out, start, end) => out.base64(input.bytes, start, end) },
  13: integer(WIRE.varint, "UINTEGER", varint, unsigned32),
  15: integer(WIRE.fixed32, "INTEGER", fixed32, signed32),
  16: integer(WIRE.fixed64, "BIGINT", fixed64, signed),
  17: integer(WIRE.varint, "INTEGER", zigzag, signed32),
  18: integer(WIRE.varint, "BIGINT", zigzag, signed),
};

/** A value's name; the number of one that the schema does not know. */
export function enumScalar(type: DescEnum): Scalar {
  const isNull = type.typeName === "google.protobuf.NullValue";
  const names = new Map(
    type.values.map(({ number, name }) => [number, Buffer.from(isNull ? "null" : JSON.stringify(name))]),
  );
  const write = (out: LineWriter, low: number): void => {
    const name = names.get(low);
    if (name === undefined) out.integer(low);
    else out.raw(name);
  };
  const zero = names.get(type.values[0]?.number ?? 0) ?? Buffer.from("0");
  return { ...integer(WIRE.varint, "VARCHAR", varint, write), zero };
}

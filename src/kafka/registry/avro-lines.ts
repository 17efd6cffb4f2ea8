/**
 * From Avro's binary encoding to lines of JSON, in one go: a schema is compiled once into functions that read
 * a value and write its text, so that no object is made of a record.
 */

import type { AvroField, AvroRecord, AvroType } from "./avro-schema.ts";
import type { LineWriter } from "./line-writer.ts";
import { PayloadError, type PayloadReader } from "./payload-reader.ts";
import { writeDate, writeTime, writeTimestamp } from "./time-text.ts";

/** Reads a value at the reader's place and writes it. */
export type ValueWriter = (input: PayloadReader, out: LineWriter) => void;

const COMMA = 0x2c;
const COLON = 0x3a;
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const QUOTE = 0x22;

/** A whole record. What is no record stands in the field `value`. */
export function compileAvro(type: AvroType): ValueWriter {
  const compiled = new Map<AvroRecord, ValueWriter>();
  const write = isRecords(type)
    ? compileRoot(type, compiled)
    : recordWriter([{ name: "value", type }], compiled);
  return (input, out) => {
    write(input, out);
    const left = input.end - input.at;
    if (left !== 0) throw new PayloadError(`${left} bytes are left over after the record's last field`);
  };
}

/** Whether every value is an object of named fields: a record, or a choice of records. */
export function isRecords(type: AvroType): boolean {
  return (
    type.kind === "record" ||
    (type.kind === "union" && type.branches.every(({ kind }) => kind === "record" || kind === "null"))
  );
}

/** A null in a choice of records is a record without fields. */
function compileRoot(type: AvroType, compiled: Map<AvroRecord, ValueWriter>): ValueWriter {
  if (type.kind !== "union") return compile(type, compiled);
  return choice(
    type.branches.map((branch) =>
      branch.kind === "null" ? (_, out) => out.ascii("{}") : compile(branch, compiled),
    ),
  );
}

function compile(type: AvroType, compiled: Map<AvroRecord, ValueWriter>): ValueWriter {
  switch (type.kind) {
    case "null":
      return (_, out) => out.null();
    case "boolean":
      return (input, out) => out.boolean(input.byte() !== 0);
    case "int":
    case "long":
      return (input, out) => {
        input.zigzag();
        out.int64(input.low, input.high);
      };
    case "float":
      return (input, out) => out.double(input.float());
    case "double":
      return (input, out) => out.double(input.double());
    case "string":
      return (input, out) => {
        const size = input.zigzagSize();
        const start = input.skip(size);
        out.text(input.bytes, start, start + size);
      };
    case "bytes":
      return (input, out) => {
        const size = input.zigzagSize();
        const start = input.skip(size);
        out.base64(input.bytes, start, start + size);
      };
    case "fixed":
      return (input, out) => {
        const start = input.skip(type.sizeBytes);
        out.base64(input.bytes, start, start + type.sizeBytes);
      };
    case "enum":
      return enumWriter(type.symbols);
    case "date":
      return (input, out) => {
        input.zigzag();
        writeDate(out, input.low);
      };
    case "time":
      return (input, out) => {
        input.zigzag();
        writeTime(out, input.high * 0x100000000 + (input.low >>> 0), type.digits);
      };
    case "timestamp": {
      const zone = type.isLocal ? "" : "Z";
      return (input, out) => {
        input.zigzag();
        writeTimestamp(out, input.low, input.high, type.digits, zone);
      };
    }
    case "decimal":
      return (input, out) => {
        const size = type.sizeBytes ?? input.zigzagSize();
        const start = input.skip(size);
        out.decimal(input.bytes, start, start + size, type.scale);
      };
    case "uuid":
      if (type.sizeBytes === undefined) return compile({ kind: "string" }, compiled);
      return (input, out) => out.uuid(input.bytes, input.skip(16));
    case "duration":
      return writeDuration;
    case "array":
      return listWriter(compile(type.items, compiled));
    case "map":
      return mapWriter(compile(type.items, compiled));
    case "union":
      return choice(type.branches.map((branch) => compile(branch, compiled)));
    case "record": {
      const known = compiled.get(type);
      if (known !== undefined) return known;
      // A record that holds itself meets this before its own writer is there.
      compiled.set(type, (input, out) => write(input, out));
      const write = recordWriter(type.fields, compiled);
      compiled.set(type, write);
      return write;
    }
  }
}

function recordWriter(fields: readonly AvroField[], compiled: Map<AvroRecord, ValueWriter>): ValueWriter {
  if (fields.length === 0) return (_, out) => out.ascii("{}");
  const keys = fields.map(({ name }, index) =>
    Buffer.from(`${index === 0 ? "{" : ","}${JSON.stringify(name)}:`),
  );
  const values = fields.map(({ type }) => compile(type, compiled));
  return (input, out) => {
    input.enter();
    for (let index = 0; index < keys.length; index += 1) {
      out.raw(keys[index] as Buffer);
      (values[index] as ValueWriter)(input, out);
    }
    out.byte(CLOSE_OBJECT);
    input.leave();
  };
}

/** The bare value of a union: which branch it is shows in the value. */
function choice(branches: readonly ValueWriter[]): ValueWriter {
  return (input, out) => {
    const index = input.zigzagSize();
    const branch = branches[index];
    if (branch === undefined)
      throw new PayloadError(`A union has ${branches.length} branches, the data says number ${index}`);
    branch(input, out);
  };
}

function enumWriter(symbols: readonly string[]): ValueWriter {
  const texts = symbols.map((symbol) => Buffer.from(JSON.stringify(symbol)));
  return (input, out) => {
    const index = input.zigzagSize();
    const text = texts[index];
    if (text === undefined)
      throw new PayloadError(`An enum has ${texts.length} symbols, the data says number ${index}`);
    out.raw(text);
  };
}

function listWriter(item: ValueWriter): ValueWriter {
  return (input, out) => {
    out.byte(OPEN_LIST);
    let isFirst = true;
    for (let count = blockCount(input); count !== 0; count = blockCount(input))
      for (let index = 0; index < count; index += 1) {
        if (!isFirst) out.byte(COMMA);
        isFirst = false;
        item(input, out);
      }
    out.byte(CLOSE_LIST);
  };
}

function mapWriter(value: ValueWriter): ValueWriter {
  return (input, out) => {
    out.byte(OPEN_OBJECT);
    let isFirst = true;
    for (let count = blockCount(input); count !== 0; count = blockCount(input))
      for (let index = 0; index < count; index += 1) {
        if (!isFirst) out.byte(COMMA);
        isFirst = false;
        const size = input.zigzagSize();
        const start = input.skip(size);
        out.text(input.bytes, start, start + size);
        out.byte(COLON);
        value(input, out);
      }
    out.byte(CLOSE_OBJECT);
  };
}

/** Lists and maps come in blocks, the last of them empty. A negative count is followed by a size in bytes. */
function blockCount(input: PayloadReader): number {
  input.zigzag();
  const { low, high } = input;
  if (high !== low >> 31) throw new PayloadError(`A list or map says it has more than 2147483647 items`);
  if (low >= 0) return low;
  input.zigzag();
  return -low;
}

/** Months, days and milliseconds, each of 32 bits without a sign, as DuckDB's INTERVAL reads them. */
function writeDuration(input: PayloadReader, out: LineWriter): void {
  const start = input.skip(12);
  const [months, days, milliseconds] = [0, 4, 8].map((offset) => input.bytes.readUInt32LE(start + offset));
  out.byte(QUOTE);
  out.ascii(`${months} months ${days} days ${milliseconds} milliseconds`);
  out.byte(QUOTE);
}

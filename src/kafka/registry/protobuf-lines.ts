/**
 * From Protobuf's binary encoding to lines of JSON, in one go. A message's fields may stand in any order and
 * more than once: first they are found (`protobuf-scan.ts`), then written in the order of the schema, under
 * the names that the schema gives them.
 *
 * A field that knows no absence is written with its zero, as Protobuf means it; one that may be absent is
 * left out.
 */

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { LineWriter } from "./line-writer.ts";
import type { PayloadReader } from "./payload-reader.ts";
import { knownMessage } from "./protobuf-known.ts";
import { enumScalar, type RangeWriter, type Scalar, scalarOf } from "./protobuf-scalars.ts";
import { fieldIndex, isOf, readTag, type ScannedField, scan, skipValue, WIRE } from "./protobuf-scan.ts";

const [QUOTE, COMMA, COLON] = [0x22, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** `SupportedFieldPresence` of a field that is its zero where it is absent. */
const IMPLICIT_PRESENCE = 2;

interface Field extends ScannedField {
  /** `"name":` */
  readonly key: Buffer;
  /** Writes what was found from `start` to `end`: one value, or all of a list's or map's. */
  readonly write: RangeWriter;
  /** What is written where nothing was found; undefined: the field is left out. */
  readonly absent: Buffer | undefined;
}

/** A field's value, a list's item or a map's value. */
type Value = Pick<Scalar, "wireType" | "write"> & { readonly zero: Buffer | undefined };

type Writers = Map<DescMessage, RangeWriter>;

/** A whole record. A message that is no object of named fields stands in the field `value`. */
export function compileProtobuf(message: DescMessage): (input: PayloadReader, out: LineWriter) => void {
  const write = messageWriter(message, new Map());
  if (knownMessage(message) === undefined) return (input, out) => write(input, out, input.at, input.end);
  return (input, out) => {
    out.ascii('{"value":');
    write(input, out, input.at, input.end);
    out.byte(CLOSE_OBJECT);
  };
}

function messageWriter(message: DescMessage, compiled: Writers): RangeWriter {
  const known = compiled.get(message);
  if (known !== undefined) return known;
  // A message that holds itself meets this before its own writer is there.
  compiled.set(message, (input, out, start, end) => write(input, out, start, end));
  const fields = message.fields.map((field) => compileField(field, message, compiled));
  const special = knownMessage(message);
  const index = fieldIndex(fields);
  const write: RangeWriter = (input, out, start, end) => {
    input.enter();
    const slot = scan(input, start, end, index);
    if (special === undefined) writeObject(input, out, slot, fields);
    else if (special.kind === "bare") writeBare(input, out, slot, fields);
    else special.write(input, out, slot);
    input.slotCount = slot;
    input.leave();
  };
  compiled.set(message, write);
  return write;
}

function writeObject(input: PayloadReader, out: LineWriter, slot: number, fields: readonly Field[]): void {
  out.byte(OPEN_OBJECT);
  let isFirst = true;
  for (let place = 0; place < fields.length; place += 1) {
    const field = fields[place] as Field;
    const start = input.slots[slot + 2 * place] as number;
    if (start === -1 && field.absent === undefined) continue;
    if (!isFirst) out.byte(COMMA);
    isFirst = false;
    out.raw(field.key);
    if (start === -1) out.raw(field.absent as Buffer);
    else writeFound(input, out, slot + 2 * place, field.write);
  }
  out.byte(CLOSE_OBJECT);
}

/** The one field that is there, without its name. */
function writeBare(input: PayloadReader, out: LineWriter, slot: number, fields: readonly Field[]): void {
  const found = fields.findIndex((_, place) => input.slots[slot + 2 * place] !== -1);
  const field = fields[found];
  const absent = fields[0]?.absent;
  if (field !== undefined) writeFound(input, out, slot + 2 * found, field.write);
  else if (absent === undefined) out.null();
  else out.raw(absent);
}

/** What stands at a slot that is not empty. */
function writeFound(input: PayloadReader, out: LineWriter, slot: number, write: RangeWriter): void {
  const start = input.slots[slot] as number;
  const end = input.slots[slot + 1] as number;
  if (start >= 0) return write(input, out, start, end);
  const { bytes } = input;
  input.bytes = input.spares[-2 - start] as Buffer;
  write(input, out, 0, end);
  input.bytes = bytes;
}

function compileField(field: DescField, { fields }: DescMessage, compiled: Writers): Field {
  const key = Buffer.from(`${JSON.stringify(field.name)}:`);
  const { number, oneof } = field;
  const value = valueOf(field, compiled);
  if (field.fieldKind === "list") {
    const items: ScannedField = { number, wireType: value.wireType, shape: "items", rivals: [] };
    return { ...items, key, write: listWriter(items, value), absent: Buffer.from("[]") };
  }
  if (field.fieldKind === "map") {
    const items: ScannedField = { number, wireType: WIRE.bytes, shape: "items", rivals: [] };
    const write = mapWriter(items, scalarOf(field.mapKey), value);
    return { ...items, key, write, absent: Buffer.from("{}") };
  }
  const presence: number = field.presence;
  return {
    key,
    number,
    wireType: value.wireType,
    shape: field.message === undefined ? "value" : "message",
    rivals:
      oneof === undefined
        ? []
        : fields.flatMap((rival, place) => (rival.oneof === oneof && rival !== field ? [place] : [])),
    write: value.write,
    absent: presence === IMPLICIT_PRESENCE ? value.zero : undefined,
  };
}

function valueOf(field: DescField, compiled: Writers): Value {
  if (field.message !== undefined) {
    const isGroup = field.fieldKind !== "map" && field.delimitedEncoding;
    const write = messageWriter(field.message, compiled);
    return { wireType: isGroup ? WIRE.group : WIRE.bytes, write, zero: undefined };
  }
  return field.enum === undefined ? scalarOf(field.scalar) : enumScalar(field.enum);
}

function listWriter(field: ScannedField, { write }: Value): RangeWriter {
  return (input, out, start, end) => {
    out.byte(OPEN_LIST);
    const first = out.at;
    for (let at = start; at < end && nextItem(input, field, at, end); ) {
      at = input.at;
      const { valueStart, valueEnd } = input;
      if (input.wireType !== field.wireType) writePacked(input, out, write, first);
      else {
        if (out.at !== first) out.byte(COMMA);
        write(input, out, valueStart, valueEnd);
      }
    }
    out.byte(CLOSE_LIST);
  };
}

/** Numbers one after the other; the list's items start at `first` of the line. */
function writePacked(input: PayloadReader, out: LineWriter, write: RangeWriter, first: number): void {
  const { valueStart, valueEnd } = input;
  for (let at = valueStart; at < valueEnd; at = input.at) {
    if (out.at !== first) out.byte(COMMA);
    write(input, out, at, valueEnd);
  }
}

/** Finds the next value of `field` from `at` on; it is then in `valueStart` and `valueEnd`. */
function nextItem(input: PayloadReader, field: ScannedField, at: number, end: number): boolean {
  input.at = at;
  input.end = end;
  while (input.at < end) {
    const tag = readTag(input);
    skipValue(input, tag);
    input.wireType = tag & 7;
    if (tag >>> 3 === field.number && isOf(field, input.wireType)) return true;
  }
  return false;
}

/** Of entries with the same key the last one counts. */
function mapWriter(field: ScannedField, key: Scalar, value: Value): RangeWriter {
  const index = fieldIndex([
    { number: 1, wireType: key.wireType, shape: "value", rivals: [] },
    { number: 2, wireType: value.wireType, shape: "value", rivals: [] },
  ]);
  return (input, out, start, end) => {
    const entries = new Map<string, readonly [start: number, end: number]>();
    for (let at = start; at < end && nextItem(input, field, at, end); ) {
      at = input.at;
      const slot = scan(input, input.valueStart, input.valueEnd, index);
      entries.set(keyText(input, out, slot, key), [
        input.slots[slot + 2] as number,
        input.slots[slot + 3] as number,
      ]);
      input.slotCount = slot;
    }
    out.byte(OPEN_OBJECT);
    let isFirst = true;
    for (const [text, [valueStart, valueEnd]] of entries) {
      if (!isFirst) out.byte(COMMA);
      isFirst = false;
      out.ascii(text);
      out.byte(COLON);
      if (valueStart !== -1) value.write(input, out, valueStart, valueEnd);
      else if (value.zero === undefined) value.write(input, out, 0, 0);
      else out.raw(value.zero);
    }
    out.byte(CLOSE_OBJECT);
  };
}

/** The key as a JSON string; its characters are the bytes of UTF-8. `out` is lent for the writing. */
function keyText(input: PayloadReader, out: LineWriter, slot: number, key: Scalar): string {
  const before = out.at;
  if (input.slots[slot] === -1) out.raw(key.zero);
  else key.write(input, out, input.slots[slot] as number, input.slots[slot + 1] as number);
  const text = out.bytes.toString("latin1", before, out.at);
  out.at = before;
  return text.charCodeAt(0) === QUOTE ? text : `"${text}"`;
}

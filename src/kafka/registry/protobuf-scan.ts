/**
 * Where the fields of a Protobuf message stand. They come in any order; of a field that comes more than once
 * the last one counts, but messages are merged: their bytes, one after the other, are the merged message.
 */

import { PayloadError, type PayloadReader } from "./payload-reader.ts";

/** https://protobuf.dev/programming-guides/encoding/#structure */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, group: 3, groupEnd: 4, fixed32: 5 } as const;

export interface ScannedField {
  readonly number: number;
  /** What a value of it is on the wire. */
  readonly wireType: number;
  /** One value; a message, of which there may be parts; or a list's or map's items. */
  readonly shape: "value" | "message" | "items";
  /** The places of the other fields of which only one can be there. */
  readonly rivals: readonly number[];
}

export interface FieldIndex {
  readonly fields: readonly ScannedField[];
  readonly places: ReadonlyMap<number, number>;
}

export function fieldIndex(fields: readonly ScannedField[]): FieldIndex {
  return { fields, places: new Map(fields.map(({ number }, place) => [number, place])) };
}

/**
 * Finds the fields of the message from `start` to `end`. Of the field at place `i`, `input.slots` holds the
 * range of its value at the answer + 2i and + 2i + 1:
 * - a start of -1: it isn't there,
 * - below that: the message stands in `input.spares[-2 - start]`, from 0,
 * - of items: from the first one's tag to the last one's end.
 */
export function scan(input: PayloadReader, start: number, end: number, index: FieldIndex): number {
  const { fields, places } = index;
  const base = reserve(input, 2 * fields.length);
  const { slots } = input;
  input.at = start;
  input.end = end;
  let next = 0;
  while (input.at < end) {
    const tagStart = input.at;
    const tag = readTag(input);
    const number = tag >>> 3;
    const wireType = tag & 7;
    const place = fields[next]?.number === number ? next : places.get(number);
    skipValue(input, tag);
    if (place === undefined) continue;
    const field = fields[place] as ScannedField;
    if (!isOf(field, wireType)) continue;
    next = place + (field.shape === "items" ? 0 : 1);
    const slot = base + 2 * place;
    if (field.shape === "items") {
      if (slots[slot] === -1) slots[slot] = tagStart;
      slots[slot + 1] = input.at;
      continue;
    }
    if (field.shape === "message" && slots[slot] !== -1) merge(input, slot);
    else {
      slots[slot] = input.valueStart;
      slots[slot + 1] = input.valueEnd;
    }
    for (const rival of field.rivals) slots[base + 2 * rival] = -1;
  }
  return base;
}

function reserve(input: PayloadReader, count: number): number {
  const base = input.slotCount;
  const needed = base + count;
  if (needed > input.slots.length) {
    const larger = new Int32Array(needed * 2);
    larger.set(input.slots);
    input.slots = larger;
  }
  input.slots.fill(-1, base, needed);
  input.slotCount = needed;
  return base;
}

/** A value of another wire type than the schema's is an unknown field; lists of numbers may be packed. */
export function isOf({ wireType: expected, shape }: ScannedField, found: number): boolean {
  return found === expected || (shape === "items" && found === WIRE.bytes && isPackable(expected));
}

function isPackable(wireType: number): boolean {
  return wireType !== WIRE.bytes && wireType !== WIRE.group;
}

function merge(input: PayloadReader, slot: number): void {
  const start = input.slots[slot] as number;
  const end = input.slots[slot + 1] as number;
  const earlier = start < -1 ? (input.spares[-2 - start] as Buffer) : input.bytes.subarray(start, end);
  const merged = Buffer.concat([earlier, input.bytes.subarray(input.valueStart, input.valueEnd)]);
  input.spares.push(merged);
  input.slots[slot] = -1 - input.spares.length;
  input.slots[slot + 1] = merged.length;
}

/** A field's number times 8, and its wire type. */
export function readTag(input: PayloadReader): number {
  input.varint();
  const tag = input.low >>> 0;
  if (input.high !== 0 || tag >>> 3 === 0) throw new PayloadError("A field in the data has no number");
  return tag;
}

/** Steps over the value behind a tag; its range is left in `valueStart` and `valueEnd`. */
export function skipValue(input: PayloadReader, tag: number): void {
  const wireType = tag & 7;
  if (wireType === WIRE.bytes) {
    input.skip(input.varintSize());
    input.valueEnd = input.at;
    input.valueStart = input.at - input.low;
    return;
  }
  const start = input.at;
  let end: number | undefined;
  switch (wireType) {
    case WIRE.varint:
      input.varint();
      break;
    case WIRE.fixed64:
      input.skip(8);
      break;
    case WIRE.fixed32:
      input.skip(4);
      break;
    case WIRE.group:
      end = skipGroup(input, tag >>> 3);
      break;
    default:
      throw new PayloadError(`A field in the data has the unknown wire type ${wireType}`);
  }
  input.valueStart = start;
  input.valueEnd = end ?? input.at;
}

/** Where the group's content ends: before the tag that closes it. */
function skipGroup(input: PayloadReader, number: number): number {
  input.enter();
  for (;;) {
    const end = input.at;
    const tag = readTag(input);
    if ((tag & 7) === WIRE.groupEnd) {
      if (tag >>> 3 !== number) throw new PayloadError("A group in the data ends as another");
      input.leave();
      return end;
    }
    skipValue(input, tag);
  }
}

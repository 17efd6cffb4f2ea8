/**
 * A block as it stands in a segment: a head with the lengths and a checksum, the headers as JSON, the ends of
 * the events where there are any, and the bytes as they came.
 *
 *     0 magic · 4 CRC-32 of all that follows · 8 length of the headers · 12 ends (-1: none) · 16 events ·
 *     20 length of the bytes · 24 CRC-32 of 8 to 24 · 28 headers, ends (4 bytes each), bytes
 *
 * The second checksum tells a record that was never finished from one whose length was damaged. The first
 * format has no such checksum; its records are still read.
 */

import { crc32 } from "node:zlib";
import type { EventBlock } from "../../tail/block.ts";

const MAGIC = 0x324b4253;
const FIRST_MAGIC = 0x314b4253;
/** What both begin with. */
export const MAGIC_BYTES = Buffer.from("SBK");
const HEAD_BYTES = 28;
const FIRST_HEAD_BYTES = 24;
const NO_ENDS = -1;
/** No block is longer: what says so is no head of ours. */
const MAX_PART_BYTES = 2 ** 30;

export interface EncodedBlock {
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
}

export function encodeBlock({ bytes, ends, events, headers }: EventBlock): EncodedBlock {
  const headerText = Buffer.from(JSON.stringify(headers));
  const endBytes = ends === undefined ? EMPTY : new Uint8Array(ends.buffer, ends.byteOffset, ends.byteLength);
  const head = Buffer.alloc(HEAD_BYTES + headerText.length);
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt32LE(headerText.length, 8);
  head.writeInt32LE(ends?.length ?? NO_ENDS, 12);
  head.writeUInt32LE(events, 16);
  head.writeUInt32LE(bytes.length, 20);
  head.writeUInt32LE(crc32(head.subarray(8, FIRST_HEAD_BYTES)), FIRST_HEAD_BYTES);
  head.set(headerText, HEAD_BYTES);
  head.writeUInt32LE(crc32(bytes, crc32(endBytes, crc32(head.subarray(8)))), 4);
  const parts = [head, endBytes, bytes].filter((part) => part.length > 0);
  return { parts, sizeBytes: head.length + endBytes.length + bytes.length };
}

const EMPTY = new Uint8Array(0);

export type Decoded =
  | { readonly kind: "block"; readonly block: EventBlock; readonly sizeBytes: number }
  /** The buffer ends before the record does. */
  | { readonly kind: "short"; readonly sizeBytes: number }
  /** No record stands here, or one with the wrong checksum. */
  | { readonly kind: "damaged" };

/** The record that begins at the buffer's start. The block's bytes are a view of the buffer. */
export function decodeBlock(buffer: Buffer, headersOf: (text: Buffer) => EventBlock["headers"]): Decoded {
  if (buffer.length < HEAD_BYTES && !isFirstFormat(buffer)) return { kind: "short", sizeBytes: HEAD_BYTES };
  if (buffer.length < FIRST_HEAD_BYTES) return { kind: "short", sizeBytes: FIRST_HEAD_BYTES };
  const headBytes = isFirstFormat(buffer) ? FIRST_HEAD_BYTES : HEAD_BYTES;
  if (headBytes === HEAD_BYTES && !isHead(buffer)) return { kind: "damaged" };
  const headerLength = buffer.readUInt32LE(8);
  const endCount = buffer.readInt32LE(12);
  const length = buffer.readUInt32LE(20);
  const endLength = endCount === NO_ENDS ? 0 : 4 * endCount;
  if (Math.max(headerLength, length, endLength) > MAX_PART_BYTES || endLength < 0) return { kind: "damaged" };
  const sizeBytes = headBytes + headerLength + endLength + length;
  if (buffer.length < sizeBytes) return { kind: "short", sizeBytes };
  if (crc32(buffer.subarray(8, sizeBytes)) !== buffer.readUInt32LE(4)) return { kind: "damaged" };
  const endsAt = headBytes + headerLength;
  const block = {
    bytes: buffer.subarray(endsAt + endLength, sizeBytes),
    ends: endCount === NO_ENDS ? undefined : copiedEnds(buffer.subarray(endsAt, endsAt + endLength)),
    events: buffer.readUInt32LE(16),
    headers: headersOf(buffer.subarray(headBytes, endsAt)),
  };
  return { kind: "block", block, sizeBytes };
}

function isFirstFormat(buffer: Buffer): boolean {
  return buffer.length >= 4 && buffer.readUInt32LE(0) === FIRST_MAGIC;
}

function isHead(buffer: Buffer): boolean {
  const checksum = crc32(buffer.subarray(8, FIRST_HEAD_BYTES));
  return buffer.readUInt32LE(0) === MAGIC && buffer.readUInt32LE(FIRST_HEAD_BYTES) === checksum;
}

/** A view would have to begin at a multiple of four. */
function copiedEnds(bytes: Buffer): Uint32Array {
  return new Uint32Array(new Uint8Array(bytes).buffer);
}

/** Blocks that follow each other mostly have the same headers: their text is parsed once. */
export function headerReader(): (text: Buffer) => EventBlock["headers"] {
  let lastText: Buffer = Buffer.alloc(0);
  let last: EventBlock["headers"] = {};
  return (text) => {
    if (!text.equals(lastText)) {
      lastText = Buffer.from(text);
      last = JSON.parse(text.toString("utf8")) as EventBlock["headers"];
    }
    return last;
  };
}

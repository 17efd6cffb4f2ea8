/**
 * Where ranges of CSV may end: a quoted value may hold line ends, and no range ends within a record. That is
 * decided from the range's own bytes and what follows them, so that each cut of a file gives the same
 * records.
 */

import { closeSync, openSync, readSync } from "node:fs";
import { MAX_LINE_BYTES } from "../formats/json.ts";
import { type QuotedShape, quotedRecords } from "../formats/quoted-feeds.ts";

export interface Span {
  /** Where a record begins. */
  readonly from: number;
  /** A line's end: where the range would end if records were lines. */
  readonly to: number;
  /** How many bytes there are in all; a last line without its line feed counts where `isEnd`. */
  readonly size: number;
  /** Whether no more bytes will come. */
  readonly isEnd: boolean;
}

const QUOTE = 34;
const LINE_FEED = 10;

/**
 * The last record's end up to `to`, or the end of a first record that is longer; `from` where the only record
 * may go on in bytes that are still to come.
 */
export function recordCut(path: string, { from, to, size, isEnd }: Span, shape: QuotedShape): number {
  if (to <= from) return from;
  if (!holdsQuote(path, from, to)) return to;
  const bytes = bytesOf(path, from, Math.min(size, to + MAX_LINE_BYTES));
  return from + cutOf(bytes, to - from, isEnd && from + bytes.length === size, shape);
}

/** The same of bytes that begin with a record; `to` counts from there. `seesEnd`: nothing follows them. */
export function cutOf(bytes: Buffer, to: number, seesEnd: boolean, shape: QuotedShape): number {
  const firstQuote = bytes.indexOf(QUOTE);
  if (firstQuote < 0 || firstQuote >= to) return to;
  const isOpen = seesEnd && bytes.at(-1) !== LINE_FEED;
  const whole = isOpen ? Buffer.concat([bytes, Buffer.of(LINE_FEED)]) : bytes;
  const { records, wholeBytes } = quotedRecords(whole, shape, seesEnd);
  const across = records.find(({ start, end }) => start < to && to < end);
  if (across === undefined) return Math.min(to, wholeBytes);
  return across.start > 0 ? across.start : Math.min(across.end, bytes.length);
}

const BLOCK_BYTES = 262_144;

/** Most files have none, and need no more than a look. */
function holdsQuote(path: string, start: number, end: number): boolean {
  const file = openSync(path, "r");
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let at = start; at < end; ) {
      const count = readSync(file, block, 0, Math.min(BLOCK_BYTES, end - at), at);
      if (count === 0) return false;
      if (block.subarray(0, count).includes(QUOTE)) return true;
      at += count;
    }
    return false;
  } finally {
    closeSync(file);
  }
}

function bytesOf(path: string, start: number, end: number): Buffer {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(end - start);
    let count = 0;
    for (let last = 1; last > 0 && count < bytes.length; count += last)
      last = readSync(file, bytes, count, bytes.length - count, start + count);
    return bytes.subarray(0, count);
  } finally {
    closeSync(file);
  }
}

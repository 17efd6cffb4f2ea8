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
  const bytes = bytesOf(path, from, Math.min(size, to + MAX_LINE_BYTES));
  const cut = to - from;
  const firstQuote = bytes.indexOf(QUOTE);
  if (firstQuote < 0 || firstQuote >= cut) return to;
  const seesEnd = isEnd && from + bytes.length === size;
  const isOpen = seesEnd && bytes.at(-1) !== LINE_FEED;
  const whole = isOpen ? Buffer.concat([bytes, Buffer.of(LINE_FEED)]) : bytes;
  const { records, wholeBytes } = quotedRecords(whole, shape, seesEnd);
  const across = records.find(({ start, end }) => start < cut && cut < end);
  if (across !== undefined)
    return from + (across.start > 0 ? across.start : Math.min(across.end, size - from));
  return from + Math.min(cut, wholeBytes);
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

/**
 * CSV records of several lines: a quoted value may hold line ends. All that reads segments goes by lines, so
 * such a record becomes one line, in which two bytes that the segment does not use stand for its line feeds
 * and carriage returns: every byte stays at its offset.
 *
 * A quote that nothing closes must not swallow its neighbours. A record of several lines is one only if its
 * quotes are closed as they should be, if it has as many values as the header, and if it is no longer than
 * `MAX_RECORD_LINES`; else its first line stands alone, and is a dead letter.
 */

import { MAX_LINE_BYTES } from "./json.ts";

export interface QuotedShape {
  readonly delimiter: string;
  /** How many values a record has; undefined where nobody knows. */
  readonly columnCount: number | undefined;
}

const MAX_RECORD_LINES = 1000;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const QUOTE = 34;
const SPACE = 32;

/** A run of lines; `end` is behind its last line feed. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/**
 * What is found from a line that leaves a quote open on: where the record ends; `broken` where it is none, so
 * that the line stands alone; `unknown` where the bytes end before that can be told.
 */
type Found = { readonly is: "record"; readonly end: number } | { readonly is: "broken" | "unknown" };

/**
 * The records of several lines in `bytes`, which begin at a record's start, the lines in which a quote stays
 * open, and where the last record ends that is surely over. What is unknown at the end is broken if `isEnd`,
 * and left over if not.
 */
export function quotedRecords(
  bytes: Uint8Array,
  shape: QuotedShape,
  isEnd: boolean,
): { readonly records: readonly Run[]; readonly broken: readonly Run[]; readonly wholeBytes: number } {
  const records: Run[] = [];
  const broken: Run[] = [];
  let start = 0;
  while (start < bytes.length) {
    const opening = nextOddLine(bytes, start);
    if (opening === undefined) break;
    const found = recordFrom(bytes, opening.start, shape);
    if (found.is === "unknown" && !isEnd) return { records, broken, wholeBytes: opening.start };
    if (found.is !== "record") broken.push(opening);
    else if (found.end > opening.end) records.push({ start: opening.start, end: found.end });
    start = found.is === "record" ? found.end : opening.end;
  }
  const lastFeed = bytes.lastIndexOf(LINE_FEED);
  return { records, broken, wholeBytes: isEnd ? bytes.length : lastFeed + 1 };
}

/** The next line, from a line's start on, in which the number of quotes is odd; `end` is behind its feed. */
function nextOddLine(bytes: Uint8Array, from: number): Run | undefined {
  let first = bytes.indexOf(QUOTE, from);
  if (first < 0) return undefined;
  let start = lineStart(bytes, first, from);
  let isOdd = false;
  for (; first < bytes.length; first += 1) {
    const byte = bytes[first];
    if (byte === QUOTE) isOdd = !isOdd;
    else if (byte === LINE_FEED) {
      if (isOdd) return { start, end: first + 1 };
      start = first + 1;
    }
  }
  return isOdd ? { start, end: bytes.length } : undefined;
}

function lineStart(bytes: Uint8Array, at: number, least: number): number {
  const before = at === 0 ? -1 : bytes.lastIndexOf(LINE_FEED, at - 1);
  return Math.max(before + 1, least);
}

/** Follows the values as a CSV reader does, from a line's start to its record's end. */
function recordFrom(bytes: Uint8Array, start: number, { delimiter, columnCount }: QuotedShape): Found {
  const comma = delimiter.charCodeAt(0);
  const limit = Math.min(bytes.length, start + MAX_LINE_BYTES);
  const overrun: Found = { is: limit < start + MAX_LINE_BYTES ? "unknown" : "broken" };
  let values = 1;
  let lines = 1;
  for (let at = start; ; at += 1, values += 1) {
    // A reader passes over one space before a quote.
    if (comma !== SPACE && bytes[at] === SPACE && bytes[at + 1] === QUOTE) at += 1;
    if (bytes[at] === QUOTE) {
      const closing = closingQuote(bytes, at + 1, limit);
      if (closing === undefined) return lineFeeds(bytes, at, limit) < MAX_RECORD_LINES ? overrun : BROKEN;
      lines += lineFeeds(bytes, at, closing);
      at = afterQuote(bytes, closing + 1, comma);
      if (at >= limit) return overrun;
      if (lines > MAX_RECORD_LINES || (bytes[at] !== comma && bytes[at] !== LINE_FEED)) return BROKEN;
    } else {
      while (at < limit && bytes[at] !== comma && bytes[at] !== LINE_FEED) at += 1;
      if (at >= limit) return overrun;
    }
    if (bytes[at] !== LINE_FEED) continue;
    const isWhole = lines === 1 || columnCount === undefined || values === columnCount;
    return isWhole ? { is: "record", end: at + 1 } : BROKEN;
  }
}

const BROKEN: Found = { is: "broken" };

/** The next quote that is not doubled; undefined where the byte behind it, which tells that, is not there. */
function closingQuote(bytes: Uint8Array, from: number, limit: number): number | undefined {
  for (let at = bytes.indexOf(QUOTE, from); at >= 0 && at + 1 < limit; at = bytes.indexOf(QUOTE, at + 2))
    if (bytes[at + 1] !== QUOTE) return at;
  return undefined;
}

/** Spaces and the returns of a line end may stand behind a value's quotes. */
function afterQuote(bytes: Uint8Array, from: number, comma: number): number {
  let at = from;
  if (comma !== SPACE) while (bytes[at] === SPACE) at += 1;
  while (bytes[at] === CARRIAGE_RETURN) at += 1;
  return at;
}

function lineFeeds(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED, start); at >= 0 && at < end; at = bytes.indexOf(LINE_FEED, at + 1))
    count += 1;
  return count;
}

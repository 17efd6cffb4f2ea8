/**
 * The lines of a segment's bytes, a block at a time: which are records, which no reader may see, and their
 * text for the reader. What is kept of a line is in memory for one block only.
 */

import { isUtf8 } from "node:buffer";
import { open } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import type { Format } from "./format.ts";
import { MAX_LINE_BYTES } from "./json.ts";
import { BYTE_ORDER_MARK, hasLoneReturn } from "./lines.ts";

export interface Line {
  readonly segmentOffset: number;
  /** Its place among all lines of the segment, from 0; blank ones count. */
  readonly number: number;
}

/** Records that stand one after the other; they are counted from 0 in each block. */
export interface LineBlock {
  readonly count: number;
  /** Whether there is no other block. */
  readonly isAll: boolean;
  /** How many records are before the block. */
  readonly recordsBefore: number;
  /** All that stands in it, blank lines too. */
  readonly bytes: Buffer;
  /** A record's bytes, without its line feed. */
  bytesAt(index: number): Buffer;
  at(index: number): Line;
  /** By index, lines that can't be given to a reader, and why. */
  readonly unreadable: ReadonlyMap<number, string>;
  /** UTF-8 text of these lines, in their order, each with a line feed. */
  textOf(indexes: readonly number[]): Buffer;
  /** The same as they came, with carriage returns and marks. */
  ownTextOf(indexes: readonly number[]): Buffer;
}

export interface BlockBounds {
  readonly maxLines: number;
  readonly maxBytes: number;
  /** Of a line that is a record. */
  readonly maxLineBytes: number;
}

/** Large enough that planning a statement costs little beside running it, small enough for any machine. */
const BLOCK_BOUNDS: BlockBounds = {
  maxLines: 32_768,
  maxBytes: 4_194_304,
  maxLineBytes: MAX_LINE_BYTES,
};

const MARK = Buffer.from(BYTE_ORDER_MARK);
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const NUMBER_SIGN = 35;
/** Space, tab, vertical tab, form feed: what DuckDB's JSON reader passes over between lines. */
const WHITE_SPACE: ReadonlySet<number> = new Set([32, 9, 11, 12]);

export function* lineBlocks(
  bytes: Buffer,
  format: Format,
  given: Partial<BlockBounds> = {},
): Generator<LineBlock> {
  const bounds = { ...BLOCK_BOUNDS, ...given };
  let found: Found = { starts: [], stops: [], numbers: [], fieldLines: [] };
  let recordsBefore = 0;
  let lines = 0;
  let blockStart = 0;
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, start);
    const stop = end < 0 ? bytes.length : end;
    if (format.blank === "comment" && isFieldLine(bytes, start))
      found.fieldLines.push({ text: bytes.subarray(start, stop), firstIndex: found.starts.length });
    if (!isBlank(bytes, start, stop, format)) {
      found.starts.push(start);
      found.stops.push(stop);
      found.numbers.push(lines);
    }
    lines += 1;
    start = stop + 1;
    const isFull = found.starts.length >= bounds.maxLines || start - blockStart >= bounds.maxBytes;
    if (!isFull && start < bytes.length) continue;
    const { fieldLines, starts } = found;
    yield blockOf(bytes, { from: blockStart, to: Math.min(start, bytes.length) }, found, {
      format,
      recordsBefore,
      maxLineBytes: bounds.maxLineBytes,
    });
    recordsBefore += starts.length;
    blockStart = start;
    const inForce = fieldLines.at(-1);
    found = { starts: [], stops: [], numbers: [], fieldLines: [] };
    if (inForce !== undefined) found.fieldLines.push({ text: inForce.text, firstIndex: 0 });
  }
}

interface Found {
  readonly starts: number[];
  readonly stops: number[];
  readonly numbers: number[];
  readonly fieldLines: FieldLine[];
}

interface BlockPlace {
  readonly format: Format;
  readonly recordsBefore: number;
  readonly maxLineBytes: number;
}

function blockOf(
  bytes: Buffer,
  { from, to }: { readonly from: number; readonly to: number },
  { starts, stops, numbers, fieldLines }: Found,
  { format, recordsBefore, maxLineBytes }: BlockPlace,
): LineBlock {
  const start = (index: number): number => {
    const offset = starts[index];
    if (offset === undefined) throw new StreamkitError("bug", "A line's index is out of range");
    return offset;
  };
  const bytesAt = (index: number): Buffer => bytes.subarray(start(index), stops[index]);
  // What holds for the block holds for its lines: mostly nothing need be asked of each.
  const whole = bytes.subarray(from, to);
  const isText = isUtf8(whole);
  const isSuspect = !isText || (format.mayJoinLines && hasLoneReturn(whole));
  const isVerbatim =
    isText && !whole.includes(CARRIAGE_RETURN) && !(format.dropsByteOrderMark && whole.includes(MARK));
  const unreadable = new Map<number, string>();
  for (let index = 0; index < starts.length; index += 1) {
    const length = (stops[index] ?? 0) - (starts[index] ?? 0);
    const reason =
      isSuspect || length >= maxLineBytes ? whyUnreadable(bytesAt(index), format, maxLineBytes) : undefined;
    if (reason !== undefined) unreadable.set(index, reason);
  }
  const asTheyAre = (indexes: readonly number[]): Buffer =>
    Buffer.concat([...runs(indexes, starts, stops, bytes)]);
  const changed = (indexes: readonly number[], change: (line: Buffer) => Buffer): Buffer => {
    const lineFeed = Buffer.of(LINE_FEED);
    return Buffer.concat(indexes.flatMap((index) => [change(bytesAt(index)), lineFeed]));
  };
  const plainTextOf = (indexes: readonly number[]): Buffer =>
    isVerbatim ? asTheyAre(indexes) : changed(indexes, (line) => textOfLine(line, format));
  return {
    count: starts.length,
    isAll: from === 0 && to === bytes.length,
    recordsBefore,
    bytes: whole,
    bytesAt,
    at: (index) => ({ segmentOffset: start(index), number: numbers[index] ?? 0 }),
    unreadable,
    textOf: (indexes) =>
      fieldLines.length === 0
        ? plainTextOf(indexes)
        : withFieldLines(indexes, fieldLines, plainTextOf, format),
    ownTextOf: (indexes) => (isText ? asTheyAre(indexes) : changed(indexes, asUtf8)),
  };
}

function asUtf8(line: Buffer): Buffer {
  return isUtf8(line) ? line : Buffer.from(line.toString("latin1"));
}

/** A line `#Fields: …`, and the index of the first line behind it. */
interface FieldLine {
  readonly text: Buffer;
  readonly firstIndex: number;
}

/** Each line behind the `#Fields` that it has in the segment. */
function withFieldLines(
  indexes: readonly number[],
  fieldLines: readonly FieldLine[],
  textOf: (indexes: readonly number[]) => Buffer,
  format: Format,
): Buffer {
  const parts: Buffer[] = [textOf(indexes.filter((index) => index < (fieldLines[0]?.firstIndex ?? 0)))];
  fieldLines.forEach(({ text, firstIndex }, number) => {
    const end = fieldLines[number + 1]?.firstIndex ?? Number.POSITIVE_INFINITY;
    const own = indexes.filter((index) => index >= firstIndex && index < end);
    if (own.length > 0) parts.push(textOfLine(text, format), Buffer.of(LINE_FEED), textOf(own));
  });
  return Buffer.concat(parts);
}

/** Lines that stand side by side are one piece of bytes, line feeds and all. */
function* runs(
  indexes: readonly number[],
  starts: readonly number[],
  stops: readonly number[],
  bytes: Buffer,
): Generator<Buffer> {
  for (let first = 0; first < indexes.length; ) {
    let last = first;
    while (starts[indexes[last + 1] ?? -1] === (stops[indexes[last] ?? -1] ?? 0) + 1) last += 1;
    const stop = stops[indexes[last] ?? -1] ?? 0;
    yield bytes.subarray(starts[indexes[first] ?? -1], stop);
    yield Buffer.of(LINE_FEED);
    first = last + 1;
  }
}

/**
 * Whether so many rows can only be one for each line. Of a single column a blank line is a row to DuckDB,
 * which would make up for two lines that were joined.
 */
export function isRowForLine(rows: number, bytes: Buffer, format: Format, columnCount: number): boolean {
  const lines = countLines(bytes);
  // Nearly always there is no blank line, which is asked of no line then.
  if (columnCount > 1 && rows === lines) return true;
  const blank = countBlank(bytes, format);
  return rows === lines - blank && (columnCount > 1 || blank === 0);
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1;
  return bytes.length > 0 && bytes.at(-1) !== LINE_FEED ? count + 1 : count;
}

function countBlank(bytes: Buffer, format: Format): number {
  let count = 0;
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, start);
    const stop = end < 0 ? bytes.length : end;
    if (isBlank(bytes, start, stop, format)) count += 1;
    start = stop + 1;
  }
  return count;
}

const FIELDS = Buffer.from("#Fields:");

function isFieldLine(bytes: Buffer, start: number): boolean {
  return bytes[start] === NUMBER_SIGN && FIELDS.equals(bytes.subarray(start, start + FIELDS.length));
}

/** Blank lines are no records, but where the format keeps them. */
function isBlank(bytes: Buffer, start: number, stop: number, { blank }: Format): boolean {
  if (blank === "record") return false;
  if (blank === "comment" && bytes[start] === NUMBER_SIGN) return true;
  for (let index = start; index < stop; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte !== CARRIAGE_RETURN && !(blank === "white space" && WHITE_SPACE.has(byte))) return false;
  }
  return true;
}

function whyUnreadable(line: Buffer, format: Format, maxLineBytes: number): string | undefined {
  if (line.length >= maxLineBytes) return `The line is longer than ${maxLineBytes} bytes`;
  if (format.mayJoinLines && hasLoneReturn(line)) return "A carriage return stands inside the line";
  if (format.otherEncoding === "refuse" && !isUtf8(line)) return "The line is not UTF-8";
  return undefined;
}

/**
 * Lines with and without a carriage return may stand side by side: no CSV reader takes both kinds in one
 * file.
 */
function textOfLine(line: Buffer, format: Format): Buffer {
  let end = line.length;
  while (end > 0 && line[end - 1] === CARRIAGE_RETURN) end -= 1;
  let start = 0;
  if (format.dropsByteOrderMark)
    while (MARK.every((byte, index) => line[start + index] === byte)) start += MARK.length;
  const bytes = line.subarray(start, end);
  return format.otherEncoding === "latin1" ? asUtf8(bytes) : bytes;
}

/** How much is looked at of each half of a longest line's bytes: other lines are shorter. */
const SAMPLE_BYTES = 65_536;

/**
 * Whether a line may be too long: one that is has no line feed where a sample is taken. How long a line a
 * reader takes beyond its limit depends on where in its buffer the line begins.
 */
export async function mayHoldLongLine(path: string, maxLineBytes: number): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const sample = Buffer.allocUnsafe(SAMPLE_BYTES);
    for (let offset = 0; offset + maxLineBytes / 2 <= size; offset += maxLineBytes / 2) {
      const { bytesRead } = await file.read(sample, 0, SAMPLE_BYTES, offset);
      if (!sample.subarray(0, bytesRead).includes(LINE_FEED)) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}

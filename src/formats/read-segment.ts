/**
 * A segment becomes a table; what does not fit becomes dead letters.
 *
 * First the format's reader takes the whole segment at full speed. Only if it refuses, the segment is taken
 * apart: lines that are surely unfit are found all at once, and what then still fails is halved until single
 * lines are left. The reader itself is the judge, so a line's fate never depends on its neighbours or on how
 * the stream was cut.
 */

import { isUtf8 } from "node:buffer";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { messageOf, StreamkitError } from "../base/error.ts";
import { type Database, DuckdbError, type Row } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { Format, Shape, UnfitLine } from "./format.ts";
import { MAX_LINE_BYTES } from "./json.ts";
import { BYTE_ORDER_MARK, hasLoneReturn } from "./lines.ts";

/**
 * A run of a segment's bytes and where it came from. Pieces are in order and start at a line's first byte.
 */
export interface Piece {
  /** A path, or `-` for the standard input. */
  readonly origin: string;
  readonly originOffset: number;
  readonly segmentOffset: number;
}

/** A file of whole lines that a source has read for one batch; it belongs to the batch until the commit. */
export interface Segment {
  readonly path: string;
  readonly sizeBytes: number;
  readonly pieces: readonly Piece[];
  readonly header: readonly string[] | undefined;
}

export interface DeadLetter {
  readonly origin: string;
  /** Byte offset of the line's first byte in its origin. */
  readonly offset: number;
  readonly line: string;
  readonly reason: string;
}

export interface Reading {
  readonly format: Format;
  readonly shape: Shape;
  /** Projection of each parsed record, as in the job file: `*`. */
  readonly select: Sql;
}

export interface ReadResult {
  /** The answer of the `figures` query. */
  readonly figures: Row;
  readonly deadLetters: readonly DeadLetter[];
}

/**
 * Makes the table `table` of the segment's records, in the order of its lines, and asks it for
 * `figures`, of which one is called `rows` and counts them.
 */
export async function readSegment(
  database: Database,
  segment: Segment,
  reading: Reading,
  table: string,
  figures: Sql,
): Promise<ReadResult> {
  const { format } = reading;
  const shape = { ...reading.shape, header: segment.header };
  const read = (path: string): Sql => selected(format.read(path, shape), { ...reading, shape });
  const isPlain =
    !(await mayHoldLongLine(segment.path)) && (format.isPlain?.(await readFile(segment.path)) ?? true);
  const statement = sql`${createTable(table, read(segment.path))}; ${figures}`;
  const taken = isPlain ? await rowUnlessUnfit(database, statement) : undefined;
  if (taken !== undefined) {
    const isWhole =
      !format.mayJoinLines || Number(taken["rows"]) === (await countLines(segment.path, format));
    if (isWhole) return { figures: taken, deadLetters: [] };
  }
  const deadLetters = await readApart(database, segment, { ...reading, shape }, table);
  return { figures: await database.row(figures), deadLetters };
}

/**
 * The projection of the records. A column that it leaves out is looked at all the same, or whether a line is
 * taken would depend on whether DuckDB found a reason to parse that column.
 */
function selected(records: Sql, { format, shape, select }: Reading): Sql {
  const from = sql`FROM (${raw(records.text)})`;
  if (select.text.trim() === "*") return sql`SELECT * ${from}`;
  const columns = format.columns(shape).map(({ name }) => id(name));
  return sql`SELECT ${select} ${from} WHERE hash(${columns}) IS NOT NULL`;
}

async function readApart(
  database: Database,
  segment: Segment,
  { format, shape, select }: Reading,
  table: string,
): Promise<DeadLetter[]> {
  const lines = splitLines(await readFile(segment.path), format);
  const unfit = new Map<number, string>();
  lines.forEach((line, index) => {
    const reason = unreadable(line, format);
    if (reason !== undefined) unfit.set(index, reason);
  });
  const path = `${segment.path}.apart`;
  const readLines = format.readTolerantly ?? format.read;
  const read = selected(readLines(path, shape), { format, shape, select });
  const fitting = (): number[] => [...lines.keys()].filter((index) => !unfit.has(index));
  const write = async (indexes: readonly number[]): Promise<void> =>
    writeFile(path, Buffer.concat(indexes.map((index) => utf8Line(lines[index], format))));
  /** Undefined when the reader takes these lines, each as one row, else its reason. */
  const refusal = async (indexes: readonly number[]): Promise<string | undefined> => {
    await write(indexes);
    try {
      const row = await database.row(sql`SELECT count(*) AS rows, count(COLUMNS(*)) FROM (${read})`);
      return Number(row["rows"]) === indexes.length ? undefined : "The line is no whole record";
    } catch (error) {
      if (error instanceof DuckdbError) return reasonOf(error);
      throw error;
    }
  };
  const halve = async (indexes: readonly number[]): Promise<void> => {
    if (indexes.length === 0) return;
    const reason = await refusal(indexes);
    if (reason === undefined) return;
    const [only] = indexes;
    if (indexes.length === 1 && only !== undefined) {
      unfit.set(only, reason);
      return;
    }
    const middle = indexes.length >> 1;
    await halve(indexes.slice(0, middle));
    await halve(indexes.slice(middle));
  };
  try {
    for (;;) {
      const candidates = fitting();
      await write(candidates);
      const found = candidates.length === 0 ? [] : await findUnfit(database, path, format, shape);
      const knownBefore = unfit.size;
      for (const { index, reason } of found) {
        const line = candidates[index];
        if (line !== undefined) unfit.set(line, reason);
      }
      if (unfit.size === knownBefore) break;
    }
    await halve(fitting());
    await write(fitting());
    const isEmpty = fitting().length === 0;
    await database.run(createTable(table, isEmpty ? sql`SELECT * FROM (${read}) WHERE false` : read));
  } finally {
    await rm(path, { force: true });
  }
  return [...unfit]
    .toSorted(([a], [b]) => a - b)
    .map(([index, reason]) => deadLetter(segment, lines[index], reason));
}

/** Where even the search fails, nothing is found: the reader will judge line by line. */
async function findUnfit(
  database: Database,
  path: string,
  format: Format,
  shape: Shape,
): Promise<readonly UnfitLine[]> {
  try {
    return (await format.findUnfit?.(database, path, shape)) ?? [];
  } catch (error) {
    if (error instanceof DuckdbError && isAboutInput(error)) return [];
    throw error;
  }
}

function createTable(table: string, select: Sql): Sql {
  return sql`CREATE OR REPLACE TABLE ${id(table)} AS ${select}`;
}

/** The last statement's row; undefined where a line of the input does not fit. */
async function rowUnlessUnfit(database: Database, statements: Sql): Promise<Row | undefined> {
  try {
    return await database.row(statements);
  } catch (error) {
    if (error instanceof DuckdbError && isAboutInput(error)) return undefined;
    throw error;
  }
}

/**
 * Errors about the bytes start with these words; others (a wrong projection, no memory) are no fault of a
 * line.
 */
function isAboutInput(error: DuckdbError): boolean {
  return /^(?:Invalid Input|Conversion|Out of Range|Invalid) Error/.test(error.message);
}

function reasonOf(error: DuckdbError): string {
  const text = messageOf(error).replaceAll(/\s*in file "[^"]*"(?:, (?:at byte \d+ )?in line \d+)?/g, "");
  const csvReason =
    /^(?:Error when converting|Expected Number of Columns|Value with|Invalid unicode).*$/m.exec(text)?.[0];
  return (
    csvReason ??
    (text.split("\n")[0] ?? text).replace(/^(?:Invalid Input|Conversion|Out of Range) Error: /, "")
  );
}

interface Line {
  readonly bytes: Uint8Array;
  readonly segmentOffset: number;
}

const MARK = Buffer.from(BYTE_ORDER_MARK);
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
/** Space, tab, vertical tab, form feed: what DuckDB's JSON reader passes over between lines. */
const WHITE_SPACE: readonly number[] = [32, 9, 11, 12];

/** Lines that are records: blank ones only where the format keeps them. */
async function countLines(path: string, format: Format): Promise<number> {
  const bytes = await readFile(path);
  let count = 0;
  for (const [start, stop] of lineBounds(bytes)) if (!isBlank(bytes, start, stop, format)) count += 1;
  return count;
}

function splitLines(bytes: Buffer, format: Format): Line[] {
  const lines: Line[] = [];
  for (const [start, stop] of lineBounds(bytes))
    if (!isBlank(bytes, start, stop, format))
      lines.push({ bytes: bytes.subarray(start, stop), segmentOffset: start });
  return lines;
}

/** How much is looked at of each half of a longest line's bytes: other lines are shorter. */
const SAMPLE_BYTES = 65_536;

/**
 * Whether a line may be too long: one that is has no line feed where a sample is taken. How long a line a reader takes
 * beyond its limit depends on where in its buffer the line begins.
 */
async function mayHoldLongLine(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const sample = Buffer.allocUnsafe(SAMPLE_BYTES);
    for (let offset = 0; offset + MAX_LINE_BYTES / 2 <= size; offset += MAX_LINE_BYTES / 2) {
      const { bytesRead } = await file.read(sample, 0, SAMPLE_BYTES, offset);
      if (!sample.subarray(0, bytesRead).includes(LINE_FEED)) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}

function* lineBounds(bytes: Buffer): Generator<readonly [start: number, stop: number]> {
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, start);
    const stop = end < 0 ? bytes.length : end;
    yield [start, stop];
    start = stop + 1;
  }
}

function isBlank(bytes: Buffer, start: number, stop: number, { blank }: Format): boolean {
  if (blank === "record") return false;
  for (let index = start; index < stop; index += 1) {
    const byte = bytes[index];
    if (byte !== CARRIAGE_RETURN && !(blank === "white space" && WHITE_SPACE.includes(byte ?? 0)))
      return false;
  }
  return true;
}

function unreadable(line: Line, format: Format): string | undefined {
  if (line.bytes.length >= MAX_LINE_BYTES) return `The line is longer than ${MAX_LINE_BYTES} bytes`;
  if (format.mayJoinLines && hasLoneReturn(line.bytes)) return "A carriage return stands inside the line";
  if (format.otherEncoding === "refuse" && !isUtf8(line.bytes)) return "The line is not UTF-8";
  return undefined;
}

function utf8Line(line: Line | undefined, format: Format): Buffer {
  if (line === undefined) throw new StreamkitError("bug", "A line's index is out of range");
  const isOther = format.otherEncoding === "latin1" && !isUtf8(line.bytes);
  const bytes = withoutEnds(line.bytes, format);
  const text = isOther ? Buffer.from(Buffer.from(bytes).toString("latin1")) : bytes;
  return Buffer.concat([text, Buffer.of(LINE_FEED)]);
}

/**
 * Lines with and without a carriage return may stand side by side: no CSV reader takes both kinds in one
 * file.
 */
function withoutEnds(bytes: Uint8Array, format: Format): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === CARRIAGE_RETURN) end -= 1;
  let start = 0;
  if (format.dropsByteOrderMark)
    while (MARK.every((byte, index) => bytes[start + index] === byte)) start += MARK.length;
  return bytes.subarray(start, end);
}

function deadLetter(segment: Segment, line: Line | undefined, reason: string): DeadLetter {
  if (line === undefined) throw new StreamkitError("bug", "A line's index is out of range");
  const piece = segment.pieces.findLast(({ segmentOffset }) => segmentOffset <= line.segmentOffset);
  if (piece === undefined)
    throw new StreamkitError("bug", `No piece of ${segment.path} holds ${line.segmentOffset}`);
  const isText = isUtf8(line.bytes);
  return {
    origin: piece.origin,
    offset: piece.originOffset + line.segmentOffset - piece.segmentOffset,
    line: Buffer.from(line.bytes)
      .toString(isText ? "utf8" : "latin1")
      .replaceAll("\0", "\\0"),
    reason,
  };
}

/**
 * A segment becomes a table; what does not fit becomes dead letters.
 *
 * First the format's reader takes the whole segment at full speed. Only if it refuses, the segment is taken apart:
 * lines that are surely unfit are found all at once, and what then still fails is halved until single lines are left.
 * The reader itself is the judge, so a line's fate never depends on its neighbours or on how the stream was cut.
 */

import { isUtf8 } from "node:buffer";
import { readFile, rm, writeFile } from "node:fs/promises";
import { messageOf, StreamkitError } from "../base/error.ts";
import { type Database, DuckdbError } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { Format, Shape } from "./format.ts";
import { MAX_LINE_BYTES } from "./json.ts";

/** A run of a segment's bytes and where it came from. Pieces are in order and start at a line's first byte. */
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

/** Makes the temporary table `table` of the segment's records, in the order of its lines. */
export async function readSegment(
  database: Database,
  segment: Segment,
  reading: Reading,
  table: string,
): Promise<DeadLetter[]> {
  const { format } = reading;
  const shape = { ...reading.shape, header: segment.header };
  const read = (path: string): Sql =>
    sql`SELECT ${reading.select} FROM (${raw(format.read(path, shape).text)})`;
  if (await isTaken(database, createTable(table, read(segment.path)))) {
    const isWhole =
      !format.mayJoinLines || (await countRows(database, table)) === (await countLines(segment.path));
    if (isWhole) return [];
  }
  return readApart(database, segment, { ...reading, shape }, table);
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
  const read = sql`SELECT ${select} FROM (${raw(readLines(path, shape).text)})`;
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
      const found = candidates.length === 0 ? [] : ((await format.findUnfit?.(database, path, shape)) ?? []);
      for (const { index, reason } of found) unfit.set(candidates[index] ?? -1, reason);
      if (found.length === 0) break;
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

function createTable(table: string, select: Sql): Sql {
  return sql`CREATE OR REPLACE TEMP TABLE ${id(table)} AS ${select}`;
}

async function isTaken(database: Database, statement: Sql): Promise<boolean> {
  try {
    await database.run(statement);
    return true;
  } catch (error) {
    if (error instanceof DuckdbError && isAboutInput(error)) return false;
    throw error;
  }
}

/** Errors about the bytes start with these words; others (a wrong projection, no memory) are no fault of a line. */
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

async function countRows(database: Database, table: string): Promise<number> {
  return Number((await database.row(sql`SELECT count(*) AS rows FROM ${id(table)}`))["rows"]);
}

interface Line {
  readonly bytes: Uint8Array;
  readonly segmentOffset: number;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Lines that are records: blank ones only where the format keeps them. */
async function countLines(path: string): Promise<number> {
  const bytes = await readFile(path);
  let count = 0;
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, start);
    const stop = end < 0 ? bytes.length : end;
    if (!isBlank(bytes, start, stop)) count += 1;
    start = stop + 1;
  }
  return count;
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  return end === start || (end === start + 1 && bytes[start] === CARRIAGE_RETURN);
}

function splitLines(bytes: Buffer, format: Format): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, start);
    const stop = end < 0 ? bytes.length : end;
    if (format.keepsEmptyLines || bytes.toString("latin1", start, Math.min(stop, start + 64)).trim() !== "")
      lines.push({ bytes: bytes.subarray(start, stop), segmentOffset: start });
    start = stop + 1;
  }
  return lines;
}

function unreadable(line: Line, format: Format): string | undefined {
  if (line.bytes.length >= MAX_LINE_BYTES) return `The line is longer than ${MAX_LINE_BYTES} bytes`;
  if (line.bytes.includes(0)) return "The line holds a NUL byte";
  if (format.otherEncoding === "refuse" && !isUtf8(line.bytes)) return "The line is not UTF-8";
  return undefined;
}

function utf8Line(line: Line | undefined, format: Format): Buffer {
  if (line === undefined) throw new StreamkitError("bug", "A line's index is out of range");
  const isOther = format.otherEncoding === "latin1" && !isUtf8(line.bytes);
  const text = isOther ? Buffer.from(Buffer.from(line.bytes).toString("latin1")) : line.bytes;
  return Buffer.concat([text, Buffer.of(LINE_FEED)]);
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

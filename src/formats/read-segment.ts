/**
 * A segment becomes a table; what does not fit becomes dead letters.
 *
 * First the format's reader takes the whole segment at full speed. Only if it refuses, the segment is taken
 * apart: lines that are surely unfit are found all at once, and what then still fails is halved until single
 * lines are left. The reader itself is the judge, so a line's fate never depends on its neighbours or on how
 * the stream was cut.
 */

import { isUtf8 } from "node:buffer";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import { type Database, DuckdbError, type Row } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { type Attributes, attributeJoin, attributesApart } from "./attributes.ts";
import { type EpochTime, unfitEpochTimes, withEpochTime } from "./epoch.ts";
import type { Format, RowSlice, Shape, UnfitLine } from "./format.ts";
import { withInnerFeeds } from "./inner-feeds.ts";
import { isAboutInput, reasonOf, rowOrFault } from "./input-errors.ts";
import { deepLines, mayHoldUnreadable } from "./nesting.ts";
import { lettersOfSlices, rowsNoRecords, rowsOfSlices, type UnfitRows } from "./row-slices.ts";
import { isRowForLine, type Line, splitSegment } from "./segment-lines.ts";
import { type StandIns, withoutStandIns } from "./stand-ins.ts";
import { unfitByProjection } from "./unfit-projection.ts";
import { ASKS_FOR_RULES } from "./values/strict.ts";

/**
 * A run of a segment's bytes and where it came from. Pieces are in order and start at a line's first byte.
 */
export interface Piece {
  /** A path, or `-` for the standard input. */
  readonly origin: string;
  readonly originOffset: number;
  readonly segmentOffset: number;
  /** Set by a source in partitions, for each of its pieces: none of their lines is blank. */
  readonly partition?: PartitionPiece;
}

interface PartitionPiece {
  readonly name: string;
  /** How many of the segment's lines are the piece's. */
  readonly lines: number;
  /** The offset of the record that a line of the piece is of; lines count from 0. */
  offsetOf(line: number): number;
}

/** A file of whole lines that a source has read for one batch; it belongs to the batch until the commit. */
export interface Segment {
  readonly path: string;
  readonly sizeBytes: number;
  readonly pieces: readonly Piece[];
  readonly header: readonly string[] | undefined;
  /** What separates CSV values, where the source knows it from a header. */
  readonly delimiter?: string | undefined;
  /** True where CSV records may go over several lines: no piece begins or ends within one. */
  readonly spansLines?: boolean | undefined;
  /** Where they do, each is a line, with these for its own line ends. */
  readonly standIns?: StandIns | undefined;
  /** True where a record's own line feeds stand as `inner-feeds.ts` writes them. */
  readonly holdsInnerFeeds?: boolean | undefined;
  readonly attributes?: Attributes | undefined;
  /** Why lines can't be records, by their numbers, where the source knows it better than the reader. */
  readonly reasons?: ReadonlyMap<number, string> | undefined;
  /** In the place of lines: rows that stand in files of their own, which the format reads. */
  readonly slices?: readonly RowSlice[] | undefined;
  /** What the source could not read, which is no line of the segment. */
  readonly letters?: readonly SourceLetter[] | undefined;
}

export type SourceLetter = Pick<DeadLetter, "origin" | "offset" | "line" | "reason">;

export interface DeadLetter {
  readonly origin: string;
  /** Byte offset of the line's first byte in its origin; of a partition, the record's offset. */
  readonly offset: number;
  readonly line: string;
  readonly reason: string;
  /** Its place among all lines of the segment, from 0. */
  readonly lineNumber: number;
}

export interface Reading {
  readonly format: Format;
  readonly shape: Shape;
  /** Projection of each parsed record, as in the job file: `*`. */
  readonly select: Sql;
  /** A number of the projected record that is its event time, and the number's type. */
  readonly epoch?: { readonly time: EpochTime; readonly type: string } | undefined;
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
  if (segment.slices !== undefined) {
    const rows = rowsOfSlices(segment.slices, reading);
    const projected = timed(sql`SELECT ${reading.select} FROM (${rows})`, reading);
    const statement = sql`${createTable(table, projected)}; ${figures}`;
    return { figures: await database.row(statement), deadLetters: [] };
  }
  const shape = await shapeIn(segment, reading);
  const { plain, bytes } = await plainPath(segment.path, format, shape);
  const rowOf = (records: Sql): Promise<Row | DuckdbError> => {
    const read = selected(records, { ...reading, shape }, segment.attributes);
    return rowOrFault(database, sql`${createTable(table, read)}; ${figures}`);
  };
  const taken =
    plain === undefined ? undefined : await readWhole(segment.path, plain, { format, shape }, rowOf);
  if (taken !== undefined) {
    const columnCount = format.columns(shape).length;
    const isWhole =
      !format.mayJoinLines ||
      isRowForLine(Number(taken["rows"]), bytes ?? (await readFile(segment.path)), format, columnCount);
    if (isWhole) {
      if (plain !== segment.path) await rm(`${segment.path}.plain`, { force: true });
      return { figures: taken, deadLetters: [] };
    }
  }
  await rm(`${segment.path}.plain`, { force: true });
  const deadLetters = await readApart(database, segment, { ...reading, shape }, table);
  return { figures: await database.row(figures), deadLetters };
}

/**
 * The row of all lines at once, in the first way or the exact one; undefined where one of them does not
 * fit.
 */
async function readWhole(
  path: string,
  plain: string,
  { format, shape }: Omit<Reading, "select">,
  rowOf: (records: Sql) => Promise<Row | DuckdbError>,
): Promise<Row | undefined> {
  const { exact } = format;
  if (exact?.isNeeded?.(shape) !== true) {
    const row = await rowOf(format.read(plain, shape));
    if (!(row instanceof DuckdbError)) return row;
    if (!row.message.includes(ASKS_FOR_RULES)) return undefined;
  }
  if (exact === undefined) return undefined;
  const file = exact.bytes === undefined ? plain : `${path}.exact`;
  if (exact.bytes !== undefined) await writeFile(file, exact.bytes(await readFile(plain), shape));
  try {
    const row = await rowOf(exact.read(file, shape));
    return row instanceof DuckdbError ? undefined : row;
  } finally {
    if (file !== plain) await rm(file, { force: true });
  }
}

/**
 * The projection of the records with their attributes. A fallible column that it leaves out is looked at all
 * the same, or whether a line is taken would depend on whether DuckDB found a reason to parse that column.
 */
function selected(records: Sql, reading: Reading, attributes: Attributes | undefined): Sql {
  return timed(projectedRows(records, reading, attributes), reading);
}

/** The projected records with their event time. */
export function timed(rows: Sql, { epoch }: Pick<Reading, "epoch">): Sql {
  return epoch === undefined ? rows : withEpochTime(rows, epoch.time, epoch.type);
}

/** What a segment says of its lines, and the source of all of them. */
export async function shapeIn(segment: Segment, { shape }: Pick<Reading, "shape">): Promise<Shape> {
  const { header, delimiter = shape.delimiter, standIns, holdsInnerFeeds } = segment;
  const writtenAtMs = (await stat(segment.path)).mtimeMs;
  return { ...shape, header, delimiter, standIns, holdsInnerFeeds, writtenAtMs };
}

function projectedRows(
  records: Sql,
  { format, shape, select }: Reading,
  attributes: Attributes | undefined,
): Sql {
  const from = sql`FROM (${raw(records.text)})${attributeJoin(attributes)}`;
  if (select.text.trim() === "*") return sql`SELECT * ${from}`;
  const fallible = format.fallibleColumns ?? format.columns(shape).map(({ name }) => name);
  return sql`SELECT ${select} ${from} WHERE hash(${fallible.map((name) => id(name))}) IS NOT NULL`;
}

interface PlainBytes {
  /** Where the bytes stand that the format's reader can take as a whole; undefined if it can't. */
  readonly plain: string | undefined;
  /** What the file at the path holds, where somebody had to look. */
  readonly bytes?: Buffer;
}

export async function plainPath(path: string, format: Format, shape: Shape): Promise<PlainBytes> {
  if (await mayHoldUnreadable(path, format, shape)) return { plain: undefined };
  if (format.plain === undefined) return { plain: path };
  const bytes = await readFile(path);
  const plain = format.plain(bytes);
  if (plain === undefined || plain === bytes) return { plain: plain && path, bytes };
  await writeFile(`${path}.plain`, plain);
  return { plain: `${path}.plain`, bytes };
}

async function readApart(
  database: Database,
  segment: Segment,
  reading: Reading,
  table: string,
): Promise<DeadLetter[]> {
  const { format, shape, epoch } = reading;
  const lines = splitSegment(await readFile(segment.path), format);
  const unfit = new Map([...deepLines(lines, format, shape), ...lines.unreadable]);
  const path = `${segment.path}.apart`;
  const beside = await attributesApart(segment.attributes, `${path}.attributes`);
  const { exact } = format;
  const records = (format.readTolerantly ?? exact?.read ?? format.read)(path, shape);
  const read = selected(records, reading, beside?.attributes);
  const fitting = (): number[] => [...Array(lines.count).keys()].filter((index) => !unfit.has(index));
  const textOf = (indexes: readonly number[]): Buffer => {
    const text = lines.textOf(indexes);
    return exact?.bytes === undefined ? text : exact.bytes(text, shape);
  };
  const write = async (indexes: readonly number[]): Promise<void> => {
    await writeFile(path, textOf(indexes));
    await beside?.write(indexes);
  };
  /** Undefined when the reader takes the lines that are written, each as one row, else its reason. */
  const refusal = async (count: number, reader: Sql = read): Promise<string | undefined> => {
    try {
      const rows = await database.runCounting(createTable(table, reader));
      return rows === count ? undefined : "The line is no whole record";
    } catch (error) {
      if (error instanceof DuckdbError && isAboutInput(error)) return reasonOf(error);
      throw error;
    }
  };
  const refusalOf = async (line: number): Promise<string | undefined> => {
    await write([line]);
    return refusal(1);
  };
  /** True when the lines are in the table: by the fast reader, or else by the tolerant one. */
  const isTaken = async (indexes: readonly number[]): Promise<boolean> => {
    const text = textOf(indexes);
    const plain = format.readTolerantly === undefined ? undefined : format.plain?.(text);
    await beside?.write(indexes);
    if (plain !== undefined) {
      await writeFile(path, plain);
      const fast = selected(format.read(path, shape), reading, beside?.attributes);
      if ((await refusal(indexes.length, fast)) === undefined) return true;
    }
    await writeFile(path, text);
    return (await refusal(indexes.length)) === undefined;
  };
  /** Of lines that are written: those whose event time is no time, all at once. */
  const unfitTimes = async (indexes: readonly number[]): Promise<readonly UnfitLine[]> => {
    if (epoch === undefined || indexes.length === 0) return [];
    const projected = projectedRows(records, reading, beside?.attributes);
    try {
      const { rows } = await database.row(sql`SELECT count(*) AS rows FROM (${projected})`);
      if (Number(rows) !== indexes.length) return [];
      const found = await database.rows(unfitEpochTimes(projected, epoch.time, epoch.type));
      return found.map(({ index, reason }) => ({ index: Number(index), reason: String(reason) }));
    } catch (error) {
      if (error instanceof DuckdbError && isAboutInput(error)) return [];
      throw error;
    }
  };
  const halve = async (indexes: readonly number[]): Promise<void> => {
    if (indexes.length === 0) return;
    await write(indexes);
    const reason = await refusal(indexes.length);
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
      if (candidates.length === 0) break;
      const knownBefore = unfit.size;
      for (const { index, reason } of await findUnfit(database, path, format, shape)) {
        const line = candidates[index];
        if (line !== undefined) unfit.set(line, reason);
      }
      const left = fitting();
      if (left.length > 0 && (await isTaken(left))) return deadLettersOf();
      if (unfit.size === knownBefore) {
        for (const { index, reason } of await unfitTimes(left)) unfit.set(left[index] ?? -1, reason);
        const projection = { records, attributes: beside?.attributes, select: reading.select };
        for (const [line, reason] of await unfitByProjection(database, projection, left, refusalOf))
          unfit.set(line, reason);
        if (unfit.size === knownBefore) break;
      }
    }
    await halve(fitting());
    await write(fitting());
    const isEmpty = fitting().length === 0;
    await database.run(createTable(table, isEmpty ? sql`SELECT * FROM (${read}) WHERE false` : read));
    return deadLettersOf();
  } finally {
    await rm(path, { force: true });
    await rm(`${path}.attributes`, { force: true });
  }

  function deadLettersOf(): DeadLetter[] {
    return [...unfit]
      .toSorted(([a], [b]) => a - b)
      .map(([index, reason]) => deadLetter(segment, lines.at(index), reason));
  }
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

/**
 * Dead letters of rows that were read from a segment, by their numbers in its table, from 0. `deadLetters`
 * are those of its lines that became no row. Throws code `job` where rows are no lines.
 */
export async function lettersOfRows(
  segment: Segment,
  format: Format,
  deadLetters: readonly DeadLetter[],
  { rows, reasons, texts }: UnfitRows,
): Promise<DeadLetter[]> {
  if (segment.slices !== undefined) return lettersOfSlices(segment.slices, { rows, reasons, texts });
  const lines = splitSegment(await readFile(segment.path), format);
  if (lines.count - deadLetters.length !== rows) throw rowsNoRecords(rows, lines.count - deadLetters.length);
  const unfit = new Set(deadLetters.map(({ lineNumber }) => lineNumber));
  const letters: DeadLetter[] = [];
  for (let index = 0, row = 0; index < lines.count; index += 1) {
    const line = lines.at(index);
    if (unfit.has(line.number)) continue;
    const reason = reasons.get(row);
    if (reason !== undefined) letters.push(deadLetter(segment, line, reason));
    row += 1;
  }
  return letters;
}

function placeOf({ path, pieces }: Segment, line: Line): Pick<DeadLetter, "origin" | "offset"> {
  const index = pieces.findLastIndex((candidate) => candidate.segmentOffset <= line.segmentOffset);
  const piece = pieces[index];
  if (piece === undefined) throw new StreamkitError("bug", `No piece of ${path} holds ${line.segmentOffset}`);
  const { origin, partition } = piece;
  if (partition === undefined)
    return { origin, offset: piece.originOffset + line.segmentOffset - piece.segmentOffset };
  const linesBefore = pieces.slice(0, index).reduce((sum, before) => sum + (before.partition?.lines ?? 0), 0);
  return { origin, offset: partition.offsetOf(line.number - linesBefore) };
}

/** A line's text as it came. */
function ownText({ holdsInnerFeeds, standIns }: Segment, text: string): string {
  if (standIns !== undefined) return withoutStandIns(text, standIns);
  return holdsInnerFeeds === true ? withInnerFeeds(text) : text;
}

function deadLetter(segment: Segment, line: Line, reason: string): DeadLetter {
  const isText = isUtf8(line.bytes);
  const text = Buffer.from(line.bytes).toString(isText ? "utf8" : "latin1");
  return {
    ...placeOf(segment, line),
    line: ownText(segment, text).replaceAll("\0", "\\0"),
    reason: segment.reasons?.get(line.number) ?? reason,
    lineNumber: line.number,
  };
}

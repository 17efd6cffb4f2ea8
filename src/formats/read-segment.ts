/**
 * A segment becomes a table; what does not fit becomes dead letters.
 *
 * First the format's reader takes the whole segment at full speed. Only if it refuses, the segment is taken
 * apart (`read-apart.ts`). The reader itself is the judge, so a line's fate never depends on its neighbours
 * or on how the stream was cut.
 */

import { readFile, rm, writeFile } from "node:fs/promises";
import { type Database, DuckdbError, type Row } from "../duckdb/database.ts";
import { type Sql, sql } from "../duckdb/sql.ts";
import { type DeadLetters, NO_LETTERS } from "./dead-letters.ts";
import type { Format, Shape } from "./format.ts";
import { rowOrFault } from "./input-errors.ts";
import { mayHoldUnreadable } from "./nesting.ts";
import { createTable, readApart } from "./read-apart.ts";
import { type Reading, selected, shapeIn, timed } from "./reading.ts";
import { rowsOfSlices } from "./row-slices.ts";
import type { Segment } from "./segment.ts";
import { isRowForLine } from "./segment-lines.ts";
import { ASKS_FOR_RULES } from "./values/strict.ts";

export interface ReadResult {
  /** The answer of the `figures` query. */
  readonly figures: Row;
  readonly deadLetters: DeadLetters;
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
    return { figures: await database.row(statement), deadLetters: NO_LETTERS };
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
      return { figures: taken, deadLetters: NO_LETTERS };
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

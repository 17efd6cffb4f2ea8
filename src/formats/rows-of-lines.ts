/** From a row of a segment's table back to the line that it was made of: rows stand in the order of lines. */

import { readFile } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { id, type Sql, sql } from "../duckdb/sql.ts";
import { type DeadLetters, letterNumbers, openLetters, type Place, placeFinder } from "./dead-letters.ts";
import type { Format, RowSlice } from "./format.ts";
import { rowsNoRecords } from "./row-slices.ts";
import type { Segment } from "./segment.ts";
import { type LineBlock, lineBlocks } from "./segment-lines.ts";

/** A segment's table. */
export interface ReadRows {
  readonly segment: Segment;
  readonly format: Format;
  /** How many rows were made. */
  readonly rows: number;
  /** Of lines that became no row. */
  readonly deadLetters: DeadLetters;
}

/** Rows of a block, by the indexes of their lines. */
interface RowsOfBlock {
  readonly block: LineBlock;
  readonly indexes: readonly number[];
  readonly rows: readonly number[];
}

/** `wanted` are numbers of rows, from 0, ascending. Throws code `job` where rows are no lines. */
async function* rowsByBlock(
  database: Database,
  { segment, format, rows, deadLetters }: ReadRows,
  wanted: Float64Array,
): AsyncGenerator<RowsOfBlock> {
  const bytes = await readFile(segment.path);
  const unfit = await letterNumbers(database, deadLetters);
  const records = lineBlocks(bytes, format).reduce((sum, { count }) => sum + count, 0);
  if (records - unfit.length !== rows) throw rowsNoRecords(rows, records - unfit.length);
  let row = 0;
  let nextUnfit = 0;
  let nextWanted = 0;
  for (const block of lineBlocks(bytes, format)) {
    const indexes: number[] = [];
    const found: number[] = [];
    for (let index = 0; index < block.count; index += 1) {
      if (unfit[nextUnfit] === block.at(index).number) {
        nextUnfit += 1;
        continue;
      }
      if (wanted[nextWanted] === row) {
        indexes.push(index);
        found.push(row);
        nextWanted += 1;
      }
      row += 1;
    }
    if (indexes.length > 0) yield { block, indexes, rows: found };
  }
}

/** Where rows stand in the input, by their numbers. */
export async function placesOfRows(
  database: Database,
  read: ReadRows,
  wanted: readonly number[],
): Promise<ReadonlyMap<number, Place>> {
  const { segment } = read;
  const places = new Map<number, Place>();
  const ascending = Float64Array.from(wanted).toSorted();
  if (segment.slices !== undefined) {
    const records = segment.slices.reduce((sum, { from, to }) => sum + to - from, 0);
    if (records !== read.rows) throw rowsNoRecords(read.rows, records);
    for (const row of ascending) places.set(row, placeInSlices(segment.slices, row));
    return places;
  }
  const placeOf = placeFinder(segment);
  for await (const { block, indexes, rows } of rowsByBlock(database, read, ascending))
    for (const [place, index] of indexes.entries()) places.set(rows[place] ?? 0, placeOf(block.at(index)));
  return places;
}

/**
 * Rows as dead letters. `unfit` is a table with the columns `index`, a row's number, ascending, `reason`, and
 * `text`, what to show of a row that is no line.
 */
export async function lettersOfRows(
  database: Database,
  read: ReadRows,
  unfit: string,
  letterTable: string,
): Promise<DeadLetters> {
  const { segment } = read;
  const found = await database.row(sql`SELECT count(*) AS count FROM ${id(unfit)}`);
  const count = Number(found["count"]);
  if (segment.slices !== undefined)
    return { count, rows: rowsOfSlices(segment.slices, read.rows, unfit), files: [] };
  const wanted = new Float64Array(count);
  let next = 0;
  for await (const [block = []] of database.columnBlocks(sql`SELECT index::DOUBLE FROM ${id(unfit)}`)) {
    wanted.set(block as number[], next);
    next += block.length;
  }
  const letters = openLetters(database, segment, letterTable);
  for await (const { block, indexes, rows } of rowsByBlock(database, read, wanted.toSorted()))
    await letters.add(block, {
      indexes,
      reasons: sql`SELECT index, reason FROM ${id(unfit)}
        WHERE index BETWEEN ${rows[0] ?? 0} AND ${rows.at(-1) ?? 0}`,
    });
  return letters.letters();
}

/** Rows are counted as lines are: of each file, by their numbers in it. */
function rowsOfSlices(slices: readonly RowSlice[], rows: number, unfit: string): Sql {
  let before = 0;
  const selects = slices.map(({ origin, from, to }) => {
    const first = before;
    before += to - from;
    return sql`(${first}, ${before - 1}, ${origin}, ${from - first})`;
  });
  if (before !== rows) throw rowsNoRecords(rows, before);
  return sql`SELECT index AS number, origin, index + slice.shift AS byte_offset, text AS line, reason
    FROM ${id(unfit)} JOIN (VALUES ${selects}) AS slice(first, last, origin, shift)
      ON index BETWEEN slice.first AND slice.last`;
}

function placeInSlices(slices: readonly RowSlice[], row: number): Place {
  let before = 0;
  for (const { origin, from, to } of slices) {
    if (row < before + to - from) return { origin, offset: from + row - before };
    before += to - from;
  }
  throw new StreamkitError("bug", `No slice holds row ${row}`);
}

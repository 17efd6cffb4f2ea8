/**
 * Dead letters as rows: lines that became no record, with their place and the reason. However many there are,
 * none is an object of JavaScript: they are written into files, which DuckDB reads, and stay in a table or,
 * where that would be large, in Parquet files beside the segment.
 */

import { rm, writeFile } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import type { Database } from "../duckdb/database.ts";
import { insertInto } from "../duckdb/insert.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { innerFeedsOf } from "./inner-feeds.ts";
import { linesAsTheyAre } from "./lines.ts";
import type { Segment, SourceLetter } from "./segment.ts";
import type { Line, LineBlock } from "./segment-lines.ts";
import { standInsReplaced } from "./stand-ins.ts";

export interface DeadLetters {
  readonly count: number;
  /**
   * SELECT number, origin, byte_offset, line, reason, in the order of `number`: the line's place among all
   * lines of the segment, from 0.
   */
  readonly rows: Sql;
  /**
   * What `rows` reads, where they are many; else they are in a table, until the next segment is read into the
   * same place. The files belong to whoever has the letters.
   */
  readonly files: readonly string[];
}

const COLUMNS = raw("number BIGINT, origin VARCHAR, byte_offset BIGINT, line VARCHAR, reason VARCHAR");

export const NO_LETTERS: DeadLetters = {
  count: 0,
  rows: raw(`SELECT NULL::BIGINT AS number, NULL::VARCHAR AS origin, NULL::BIGINT AS byte_offset,
    NULL::VARCHAR AS line, NULL::VARCHAR AS reason WHERE false`),
  files: [],
};

/** Letters of several hands, one after the other. */
export function allLetters(parts: readonly DeadLetters[]): DeadLetters {
  const some = parts.filter(({ count }) => count > 0);
  if (some.length === 0) return NO_LETTERS;
  return {
    count: some.reduce((sum, { count }) => sum + count, 0),
    rows: join(
      some.map(({ rows }) => rows),
      " UNION ALL ",
    ),
    files: some.flatMap(({ files }) => files),
  };
}

/** What a source could not read, behind the lines of its segment: a few. */
export function lettersOfSource(letters: readonly SourceLetter[] = []): DeadLetters {
  const rows = letters.map(
    ({ origin, offset, line, reason }, index) =>
      sql`(${Number.MAX_SAFE_INTEGER - index}, ${origin}, ${offset}, ${line}, ${reason})`,
  );
  if (rows.length === 0) return NO_LETTERS;
  return {
    count: rows.length,
    rows: sql`SELECT * FROM (VALUES ${rows}) AS letters(number, origin, byte_offset, line, reason)`,
    files: [],
  };
}

export interface FirstLetter {
  readonly number: number;
  readonly reason: string;
  readonly place: string;
}

/** Undefined where there is none. */
export async function firstLetter(
  database: Database,
  { count, rows }: DeadLetters,
): Promise<FirstLetter | undefined> {
  if (count === 0) return undefined;
  const row = await database.row(sql`SELECT number, reason, origin, byte_offset FROM (${rows}) LIMIT 1`);
  return {
    number: Number(row["number"]),
    reason: String(row["reason"]),
    place: `${String(row["origin"])}, at ${String(row["byte_offset"])}`,
  };
}

/** The numbers of their lines, ascending. */
export async function letterNumbers(database: Database, { count, rows }: DeadLetters): Promise<Float64Array> {
  const numbers = new Float64Array(count);
  if (count === 0) return numbers;
  let next = 0;
  for await (const [block = []] of database.columnBlocks(sql`SELECT number::DOUBLE FROM (${rows})`)) {
    numbers.set(block as number[], next);
    next += block.length;
  }
  return numbers.toSorted();
}

export async function forgetLetters({ files }: DeadLetters): Promise<void> {
  for (const file of files) await rm(file, { force: true });
}

/** Lines of a block that become letters. */
interface UnfitLines {
  readonly indexes: readonly number[];
  /** A query with the columns `index` and `reason`: a row for each line, whose order `index` gives. */
  readonly reasons: Sql;
}

export interface LetterWriter {
  /** Blocks come in their order. */
  add(block: LineBlock, lines: UnfitLines): Promise<void>;
  letters(): Promise<DeadLetters>;
}

/** What a table holds before it becomes a file. */
const MAX_TABLE_LETTERS = 16_000;

/** `table` and the files are made anew; `name` tells several writers of a segment apart. */
export function openLetters(database: Database, segment: Segment, table: string): LetterWriter {
  const placeOf = placeFinder(segment);
  const path = `${segment.path}.${table}`;
  const files: string[] = [];
  let count = 0;
  let inTable = 0;
  let isMade = false;
  const emptied = sql`CREATE OR REPLACE TABLE ${id(table)} (${COLUMNS})`;

  const places = (block: LineBlock, indexes: readonly number[]): { text: string; origin: Sql } => {
    const origins = new Map<string, number>();
    const texts = indexes.map((index) => {
      const line = block.at(index);
      const { origin, offset } = placeOf(line);
      const known = origins.get(origin) ?? origins.size;
      origins.set(origin, known);
      return `${line.number},${offset},${known}\n`;
    });
    const [only = ""] = origins.keys();
    const names = [...origins.keys()].map((origin) => sql`${origin}`);
    return {
      text: texts.join(""),
      origin: origins.size === 1 ? sql`${only}` : sql`[${names}][origin_at + 1]`,
    };
  };

  /** The source's own, where it knows better; else an empty line. */
  const ownReasons = (block: LineBlock, indexes: readonly number[]): string =>
    indexes
      .map((index) => `${(segment.reasons?.get(block.at(index).number) ?? "").replaceAll("\n", " ")}\n`)
      .join("");

  const toFile = async (rows: Sql): Promise<number> => {
    const file = `${path}${files.length}.parquet`;
    const written = await database.runCounting(sql`COPY (${rows}) TO ${file} (FORMAT parquet)`);
    files.push(file);
    return written;
  };
  const tableToFile = async (): Promise<void> => {
    if (inTable === 0) return;
    await toFile(sql`FROM ${id(table)}`);
    await database.run(emptied);
    inTable = 0;
  };
  /** The letters of the files that were written. All of them stand in the same order. */
  const rowsOf = (origin: Sql, reasons: Sql): Sql => {
    const own =
      segment.reasons === undefined
        ? { reason: raw("reason"), join: raw("") }
        : {
            reason: raw("coalesce(nullif(own, ''), reason)"),
            join: sql` POSITIONAL JOIN (SELECT line AS own FROM (${linesAsTheyAre(`${path}.reasons`)}))`,
          };
    return sql`SELECT number, ${origin} AS origin, byte_offset, ${ownText(segment)} AS line,
        ${own.reason} AS reason
      FROM (${linesAsTheyAre(`${path}.lines`)}) AS placed
      POSITIONAL JOIN (SELECT number, byte_offset, origin_at FROM read_csv(${`${path}.places`},
        auto_detect = false, header = false, delim = ',', quote = '', escape = '',
        columns = {'number': 'BIGINT', 'byte_offset': 'BIGINT', 'origin_at': 'INTEGER'}))
      POSITIONAL JOIN (SELECT reason FROM (${reasons}) ORDER BY index)${own.join}`;
  };

  return {
    async add(block, { indexes, reasons }) {
      if (indexes.length === 0) return;
      const isMany = indexes.length > MAX_TABLE_LETTERS;
      if (isMany) await tableToFile();
      const { text, origin } = places(block, indexes);
      try {
        await writeFile(`${path}.lines`, block.ownTextOf(indexes));
        await writeFile(`${path}.places`, text);
        if (segment.reasons !== undefined) await writeFile(`${path}.reasons`, ownReasons(block, indexes));
        const rows = rowsOf(origin, reasons);
        const added = insertInto(id(table), rows);
        const written = isMany
          ? await toFile(rows)
          : await database.runCounting(isMade ? added : sql`${emptied}; ${added}`);
        if (written !== indexes.length)
          throw new StreamkitError("bug", `${indexes.length} lines gave ${written} dead letters`);
      } finally {
        for (const name of ["lines", "places", "reasons"]) await rm(`${path}.${name}`, { force: true });
      }
      count += indexes.length;
      if (isMany) return;
      isMade = true;
      inTable += indexes.length;
      if (inTable > MAX_TABLE_LETTERS) await tableToFile();
    },
    async letters() {
      if (count === 0) return NO_LETTERS;
      if (files.length === 0) return { count, rows: sql`SELECT * FROM ${id(table)}`, files };
      await tableToFile();
      const names = files.map((file) => sql`${file}`);
      return { count, rows: sql`SELECT * FROM read_parquet([${names}])`, files };
    },
  };
}

/** A line's text as it came. */
function ownText({ holdsInnerFeeds, standIns }: Segment): Sql {
  const line = raw("placed.line");
  const own =
    standIns !== undefined
      ? standInsReplaced(line, standIns)
      : holdsInnerFeeds === true
        ? innerFeedsOf(line)
        : line;
  return sql`replace(${own}, chr(0), ${"\\0"})`;
}

export interface Place {
  readonly origin: string;
  /** Byte offset of the line's first byte in its origin; of a partition, the record's offset. */
  readonly offset: number;
}

/** Lines must be asked for in their order. */
export function placeFinder({ path, pieces }: Segment): (line: Line) => Place {
  let index = 0;
  let linesBefore = 0;
  return (line) => {
    for (;;) {
      const next = pieces[index + 1];
      if (next === undefined || next.segmentOffset > line.segmentOffset) break;
      linesBefore += pieces[index]?.partition?.lines ?? 0;
      index += 1;
    }
    const piece = pieces[index];
    if (piece === undefined || piece.segmentOffset > line.segmentOffset)
      throw new StreamkitError("bug", `No piece of ${path} holds ${line.segmentOffset}`);
    const { origin, partition, originOffset, segmentOffset } = piece;
    if (partition === undefined) return { origin, offset: originOffset + line.segmentOffset - segmentOffset };
    return { origin, offset: partition.offsetOf(line.number - linesBefore) };
  };
}

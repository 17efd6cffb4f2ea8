/**
 * The lines of a source, read a second time: both sides of `verify` read with the engine's reader, so what it
 * reads wrongly is wrong on both and equal. Here the same lines are taken apart in plain TypeScript, which
 * shares nothing with that reader, and each value is compared with what the engine made of it; also which
 * lines became dead letters. The bytes of a segment are the common ground.
 */

import { readFile } from "node:fs/promises";
import type { Column, Database, Row } from "../../duckdb/database.ts";
import { id, join, raw, sql } from "../../duckdb/sql.ts";
import type { DeadLetters } from "../../formats/dead-letters.ts";
import { withInnerFeeds } from "../../formats/inner-feeds.ts";
import { readSegment } from "../../formats/read-segment.ts";
import type { Reading } from "../../formats/reading.ts";
import type { Segment } from "../../formats/segment.ts";
import { hidesRowid, rowNumber } from "../../sql/stream.ts";
import { type Context, compareLine, type Finding } from "./compare-line.ts";
import { type IndependentFormat, independentFormats, whyNotCompared } from "./formats.ts";
import { type RecordLine, recordLines, textOfLine } from "./segment-lines.ts";
import { engineValue, valueReader } from "./value.ts";

/** What the engine made of a segment. */
interface EngineReading {
  readonly segment: Segment;
  readonly deadLetters: DeadLetters;
  /** Its rows, in the order of the lines. */
  readonly table: string;
}

export interface ReadingFacts {
  readonly format: string;
  /** Why nothing is compared. */
  readonly reason: string | undefined;
  readonly values: number;
  readonly columns: number;
  /** Columns whose types are not compared. */
  readonly notCompared: readonly Column[];
  /** Objects and lists in columns of text. */
  readonly undecided: number;
  readonly lines: number;
  readonly linesCompared: number;
  readonly differing: number;
  /** The first of them. */
  readonly differences: readonly ReadingDifference[];
}

export interface ReadingDifference extends Finding {
  readonly origin: string;
  readonly offset: number;
}

export interface ReadingCheck {
  compare(database: Database, engine: EngineReading): Promise<void>;
  facts(): ReadingFacts;
}

/** Lines are compared in blocks of so many: all of them at first, then ever fewer, spread over the input. */
const BLOCK_LINES = 1000;
const WHOLE_BLOCKS = 200;
const MAX_DIFFERENCES = 5;

/** `reading` is the source's, with its own `select`. */
export function openReadingCheck(reading: Reading, wholeBlocks = WHOLE_BLOCKS): ReadingCheck {
  const { format, shape } = reading;
  const independent = independentFormats[format.name];
  const counts = { values: 0, undecided: 0, lines: 0, linesCompared: 0, differing: 0 };
  const differences: ReadingDifference[] = [];
  let columns = shape.header === undefined && format.name === "csv" ? shape.columns : format.columns(shape);
  let reason = independent === undefined ? whyNotCompared(format.name) : undefined;

  const differ = (segment: Segment, line: RecordLine, found: Finding): void => {
    counts.differing += 1;
    if (differences.length < MAX_DIFFERENCES) differences.push({ ...placeOf(segment, line), ...found });
  };

  return {
    async compare(database, engine) {
      const { segment } = engine;
      if (segment.slices !== undefined) reason = whyNotCompared("parquet");
      if (independent === undefined || segment.slices !== undefined) return;
      columns = format.columns({ ...shape, header: segment.header });
      const { table, deadLetters } = await beforeSelect(database, engine, reading);
      const context: Context = { independent, columns, delimiter: shape.delimiter, zone: shape.timezone };
      const dead = await reasonsByLine(database, deadLetters);
      const lines = [...recordLines(await readFile(segment.path), independent)];
      const rows = Number((await database.row(sql`SELECT count(*) AS rows FROM ${id(table)}`))["rows"]);
      const [first] = lines;
      if (first !== undefined && rows !== lines.length - dead.size)
        differ(segment, first, {
          column: undefined,
          written: `${lines.length} lines from here on`,
          independent: `${lines.length} records`,
          engine: `${rows} rows and ${dead.size} dead letters`,
        });
      else
        for (const block of blocksOf(lines, dead)) {
          const number = Math.floor(counts.lines / BLOCK_LINES);
          counts.lines += block.lines.length;
          if (number % (1 + Math.floor(number / wholeBlocks)) !== 0) continue;
          counts.linesCompared += block.lines.length;
          const read = await rowsOf(database, table, columns, block);
          let next = 0;
          for (const line of block.lines) {
            const deadFor = dead.get(line.number);
            const row = deadFor === undefined ? read[next++] : undefined;
            if (segment.reasons?.has(line.number) === true) continue;
            const compared = compareLine(textOf(line, segment, independent), row, deadFor, context);
            counts.values += compared.values;
            counts.undecided += compared.undecided;
            if (compared.finding !== undefined) differ(segment, line, compared.finding);
          }
        }
      if (table !== engine.table) await database.run(sql`DROP TABLE ${id(table)}`);
    },
    facts() {
      const notCompared = columns.filter(({ type }) => valueReader(type) === undefined);
      const compared = columns.length - notCompared.length;
      return { format: format.name, reason, columns: compared, notCompared, differences, ...counts };
    },
  };
}

/** By the lines' numbers. */
async function reasonsByLine(
  database: Database,
  { count, rows }: DeadLetters,
): Promise<ReadonlyMap<number, string>> {
  const reasons = new Map<number, string>();
  if (count === 0) return reasons;
  for await (const [numbers = [], texts = []] of database.columnBlocks(
    sql`SELECT number::DOUBLE, reason FROM (${rows})`,
  ))
    for (const [index, number] of numbers.entries()) reasons.set(Number(number), String(texts[index]));
  return reasons;
}

/** `select:` computes columns: the records are compared as they are before it. */
async function beforeSelect(
  database: Database,
  engine: EngineReading,
  reading: Reading,
): Promise<Pick<EngineReading, "table" | "deadLetters">> {
  if (reading.select.text.trim() === "*") return engine;
  const table = "_records";
  const count = sql`SELECT count(*) AS rows FROM ${id(table)}`;
  const whole = { ...reading, select: raw("*") };
  const { deadLetters } = await readSegment(database, engine.segment, whole, table, count);
  return { table, deadLetters };
}

interface Block {
  readonly lines: readonly RecordLine[];
  /** Of the table. */
  readonly fromRow: number;
  readonly toRow: number;
}

function* blocksOf(lines: readonly RecordLine[], dead: ReadonlyMap<number, string>): Generator<Block> {
  let row = 0;
  for (let first = 0; first < lines.length; first += BLOCK_LINES) {
    const block = lines.slice(first, first + BLOCK_LINES);
    const fromRow = row;
    row += block.filter(({ number }) => !dead.has(number)).length;
    yield { lines: block, fromRow, toRow: row };
  }
}

async function rowsOf(
  database: Database,
  table: string,
  columns: readonly Column[],
  { fromRow, toRow }: Block,
): Promise<readonly Row[]> {
  const values = columns.flatMap(({ name, type }, index) =>
    valueReader(type) === undefined ? [] : [sql`${engineValue(id(name), type)} AS ${id(`c${index}`)}`],
  );
  const number = rowNumber(columns);
  const numbered = hidesRowid(columns) ? sql`(SELECT *, ${number} AS _row FROM ${id(table)})` : id(table);
  const place = hidesRowid(columns) ? raw("_row") : number;
  return database.rows(sql`SELECT ${join([sql`1 AS row`, ...values])} FROM ${numbered}
    WHERE ${place} >= ${fromRow} AND ${place} < ${toRow} ORDER BY ${place}`);
}

function textOf(line: RecordLine, segment: Segment, format: IndependentFormat): string | undefined {
  const text = textOfLine(line, format);
  return segment.holdsInnerFeeds === true && text !== undefined ? withInnerFeeds(text) : text;
}

function placeOf(
  { path, pieces }: Segment,
  { start }: RecordLine,
): Pick<ReadingDifference, "origin" | "offset"> {
  const piece = pieces.findLast(({ segmentOffset }) => segmentOffset <= start);
  if (piece === undefined) return { origin: path, offset: start };
  return { origin: piece.origin, offset: piece.originOffset + start - piece.segmentOffset };
}

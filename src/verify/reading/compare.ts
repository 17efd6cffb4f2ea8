/**
 * The lines of a source, read a second time: both readings of `verify` are the engine's, so what it reads wrongly
 * is wrong on both sides and equal. Here the same lines are taken apart in plain TypeScript, which shares nothing
 * with the engine's reader, and each value is compared with what the engine made of it; also which lines became
 * dead letters. The bytes of a segment are the common ground.
 */

import { readFile } from "node:fs/promises";
import type { Column, Database, Row } from "../../duckdb/database.ts";
import { id, join, raw, sql } from "../../duckdb/sql.ts";
import { hidesRowid, rowNumber } from "../../engine/stream.ts";
import { withInnerFeeds } from "../../formats/inner-feeds.ts";
import { type DeadLetter, type Reading, readSegment, type Segment } from "../../formats/read-segment.ts";
import { type IndependentFormat, independentFormats, whyNotCompared } from "./formats.ts";
import { type RecordLine, recordLines, textOfLine } from "./segment-lines.ts";
import { engineText, engineValue, shownValue, valueReader } from "./value.ts";

/** What the engine made of a segment. */
export interface EngineReading {
  readonly segment: Segment;
  readonly deadLetters: readonly DeadLetter[];
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
  readonly nestedTexts: number;
  readonly lines: number;
  readonly linesCompared: number;
  readonly differing: number;
  /** The first of them. */
  readonly differences: readonly ReadingDifference[];
}

export interface ReadingDifference {
  readonly origin: string;
  readonly offset: number;
  /** Undefined where it is about the line. */
  readonly column: Column | undefined;
  /** What the line says. */
  readonly written: string;
  readonly independent: string;
  readonly engine: string;
}

export interface ReadingCheck {
  compare(database: Database, engine: EngineReading): Promise<void>;
  facts(): ReadingFacts;
}

/** Lines are compared in blocks of so many: all of them at first, then ever fewer, spread over the input. */
const BLOCK_LINES = 1000;
const WHOLE_BLOCKS = 200;
const MAX_DIFFERENCES = 5;
const DOES_NOT_FIT = "a dead letter";

/** `reading` is the source's, with its own `select`. */
export function openReadingCheck(reading: Reading, wholeBlocks = WHOLE_BLOCKS): ReadingCheck {
  const { format, shape } = reading;
  const independent = independentFormats[format.name];
  const counts = { values: 0, nestedTexts: 0, lines: 0, linesCompared: 0, differing: 0 };
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
      const dead = new Map(deadLetters.map((letter) => [letter.lineNumber, letter.reason]));
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
            counts.nestedTexts += compared.nestedTexts;
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

interface Context {
  readonly independent: IndependentFormat;
  readonly columns: readonly Column[];
  readonly delimiter: string;
  readonly zone: string | undefined;
}

type Finding = Omit<ReadingDifference, "origin" | "offset">;

interface Compared {
  readonly values: number;
  readonly nestedTexts: number;
  readonly finding?: Finding;
}

/** `row` is the engine's, or else it has put the line aside and `deadFor` says why. */
function compareLine(
  line: string | undefined,
  row: Row | undefined,
  deadFor: string | undefined,
  { independent, columns, delimiter, zone }: Context,
): Compared {
  const cells = line === undefined ? undefined : independent.cells(line, columns, delimiter);
  const dead = `${DOES_NOT_FIT} (${deadFor})`;
  const counts = { values: 0, nestedTexts: 0 };
  const found = (
    column: Column | undefined,
    written: string,
    expected: string,
    engine: string,
  ): Compared => ({
    ...counts,
    finding: { column, written, independent: expected, engine },
  });
  if (cells === undefined)
    return row === undefined
      ? counts
      : found(undefined, line ?? "bytes that are no text", DOES_NOT_FIT, "a row");
  let fits = true;
  let isAll = true;
  for (const [index, column] of columns.entries()) {
    const cell = cells[index];
    const read = valueReader(column.type);
    if (read === undefined || cell === undefined || (cell.kind === "nested" && column.type === "VARCHAR")) {
      isAll = false;
      if (read !== undefined) counts.nestedTexts += 1;
      continue;
    }
    const expected = cell.kind === "null" ? null : cell.kind === "text" ? read(cell.text, zone) : undefined;
    if (expected === undefined) fits = false;
    const written =
      cell.kind === "text" ? `"${cell.text}"` : cell.kind === "null" ? "nothing" : "an object or list";
    const shown = (text: string | null): string => (text === null ? "NULL" : shownValue(text, column.type));
    if (row !== undefined) {
      counts.values += 1;
      const value = row[`c${index}`] ?? null;
      const engine = value === null ? null : engineText(String(value), column.type);
      if (engine !== expected)
        return found(column, written, expected === undefined ? DOES_NOT_FIT : shown(expected), shown(engine));
    } else if (expected !== undefined && deadFor?.startsWith(`"${column.name}" is not `) === true)
      return found(column, written, shown(expected), dead);
  }
  // A value that is not compared may be what did not fit.
  if (row === undefined && fits && isAll) return found(undefined, line ?? "", "a row", dead);
  return counts;
}

function placeOf(
  { path, pieces }: Segment,
  { start }: RecordLine,
): Pick<ReadingDifference, "origin" | "offset"> {
  const piece = pieces.findLast(({ segmentOffset }) => segmentOffset <= start);
  if (piece === undefined) return { origin: path, offset: start };
  return { origin: piece.origin, offset: piece.originOffset + start - piece.segmentOffset };
}

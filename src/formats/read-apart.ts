/**
 * A segment that its format's reader refuses as a whole, taken apart a block of lines at a time, so that what
 * it costs does not grow with what is wrong. A block is first tried as it is. Lines that are surely unfit are
 * then found all at once, and what still fails is halved until single lines are left.
 */

import { readFile, rm, writeFile } from "node:fs/promises";
import { type Database, DuckdbError } from "../duckdb/database.ts";
import { insertInto } from "../duckdb/insert.ts";
import { id, type Sql, sql } from "../duckdb/sql.ts";
import { type AttributesApart, attributesApart } from "./attributes.ts";
import { type DeadLetters, type LetterWriter, openLetters } from "./dead-letters.ts";
import { unfitEpochTimes } from "./epoch.ts";
import { isAboutInput, reasonOf } from "./input-errors.ts";
import { lineLimit } from "./json.ts";
import { deepLines } from "./nesting.ts";
import { projectedRows, type Reading, selected } from "./reading.ts";
import type { Segment } from "./segment.ts";
import { type LineBlock, lineBlocks } from "./segment-lines.ts";
import { openUnfit } from "./unfit-lines.ts";
import { type OwnReasons, unfitByProjection } from "./unfit-projection.ts";

export function createTable(table: string, select: Sql): Sql {
  return sql`CREATE OR REPLACE TABLE ${id(table)} AS ${select}`;
}

/** What is the same for all blocks. */
interface Apart {
  readonly database: Database;
  readonly reading: Reading;
  /** The file that the reader is given. */
  readonly path: string;
  readonly beside: AttributesApart | undefined;
  readonly letters: LetterWriter;
  /** The records as the tolerant reader reads them, and as they are projected. */
  readonly records: Sql;
  readonly read: Sql;
  /** The block's rows. */
  readonly part: string;
  readonly own: OwnReasons;
}

/** Makes `table` of the segment's lines that fit. `reading` has the segment's own shape. */
export async function readApart(
  database: Database,
  segment: Segment,
  reading: Reading,
  table: string,
): Promise<DeadLetters> {
  const { format, shape } = reading;
  const path = `${segment.path}.apart`;
  const beside = await attributesApart(segment.attributes, `${path}.attributes`);
  const records = (format.readTolerantly ?? format.exact?.read ?? format.read)(path, shape);
  const apart: Apart = {
    database,
    reading,
    path,
    beside,
    letters: openLetters(database, segment, `_letters_${table}`),
    records,
    read: selected(records, reading, beside?.attributes),
    part: `_part_of_${table}`,
    own: { count: 0, first: undefined },
  };
  const bounds = { maxLineBytes: lineLimit(shape) };
  let isMade = false;
  try {
    for (const block of lineBlocks(await readFile(segment.path), format, bounds)) {
      if (!(await readBlock(apart, block))) continue;
      const part = sql`SELECT * FROM ${id(apart.part)}`;
      await database.run(isMade ? insertInto(id(table), part) : createTable(table, part));
      isMade = true;
    }
    if (!isMade) {
      await writeFile(path, "");
      await beside?.write([]);
      await database.run(createTable(table, sql`SELECT * FROM (${apart.read}) WHERE false`));
    }
    return await apart.letters.letters();
  } finally {
    await rm(path, { force: true });
    await rm(`${path}.attributes`, { force: true });
    await database.run(sql`DROP TABLE IF EXISTS ${id(apart.part)}`);
  }
}

/** Whether the block has rows: they are in the part's table then. Its other lines are letters. */
async function readBlock(apart: Apart, block: LineBlock): Promise<boolean> {
  const { database, reading, path, letters } = apart;
  const unfit = openUnfit(database, block.count);
  await unfit.addEach(new Map([...deepLines(block, reading.format, reading.shape), ...block.unreadable]));
  // All lines at once were tried before.
  if (!block.isAll && unfit.count() === 0 && (await isTaken(apart, block, unfit.fitting())))
    return block.count > 0;
  let isDone = false;
  while (!isDone) {
    const candidates = unfit.fitting();
    if (candidates.length === 0) break;
    const before = unfit.count();
    await write(apart, block, candidates);
    const { findUnfit } = reading.format;
    if (findUnfit !== undefined)
      await unlessFailing(() =>
        findUnfit(database, path, reading.shape, (found) => unfit.addFound(candidates, found)),
      );
    const left = unfit.fitting();
    if (left.length === 0) break;
    isDone = await isTaken(apart, block, left);
    if (isDone || unfit.count() > before) continue;
    await unfitTimes(apart, left, (found) => unfit.addFound(left, found));
    await unfit.addEach(await byProjection(apart, block, left));
    if (unfit.count() > before) continue;
    await unfit.addEach(await halved(apart, block, left));
    const rest = unfit.fitting();
    await write(apart, block, rest);
    if (rest.length > 0) await database.run(createTable(apart.part, apart.read));
    isDone = true;
  }
  await letters.add(block, { indexes: unfit.indexes(), reasons: unfit.reasons });
  return unfit.count() < block.count;
}

/** As the tolerant reader takes them. */
async function write({ path, beside, reading }: Apart, block: LineBlock, indexes: readonly number[]) {
  const { exact, readTolerantly } = reading.format;
  const text = block.textOf(indexes);
  const isExact = readTolerantly === undefined && exact?.bytes !== undefined;
  await writeFile(path, isExact ? (exact.bytes?.(text, reading.shape) ?? text) : text);
  await beside?.write(indexes.map((index) => block.recordsBefore + index));
}

/** Undefined when the reader takes the lines that are written, each as one row, else its reason. */
async function refusal(
  { database, part, read }: Apart,
  count: number,
  by = read,
): Promise<string | undefined> {
  try {
    const rows = await database.runCounting(createTable(part, by));
    return rows === count ? undefined : "The line is no whole record";
  } catch (error) {
    if (error instanceof DuckdbError && isAboutInput(error)) return reasonOf(error);
    throw error;
  }
}

/** True when the lines are in the part's table: by the fast reader, or else by the tolerant one. */
async function isTaken(apart: Apart, block: LineBlock, indexes: readonly number[]): Promise<boolean> {
  const { reading, path, beside } = apart;
  const { format, shape } = reading;
  const text = block.textOf(indexes);
  const plain = format.plain === undefined ? text : format.plain(text);
  const hasOtherWay = format.readTolerantly !== undefined || format.exact !== undefined;
  if (plain !== undefined && hasOtherWay && format.exact?.isNeeded?.(shape) !== true) {
    await writeFile(path, plain);
    await beside?.write(indexes.map((index) => block.recordsBefore + index));
    const fast = selected(format.read(path, shape), reading, beside?.attributes);
    if ((await refusal(apart, indexes.length, fast)) === undefined) return true;
  }
  await write(apart, block, indexes);
  return (await refusal(apart, indexes.length)) === undefined;
}

/** Of lines that are written: those whose event time is no time, all at once. */
async function unfitTimes(
  { database, reading, records, beside }: Apart,
  { length }: readonly number[],
  take: (found: Sql) => Promise<number>,
): Promise<void> {
  const { epoch } = reading;
  if (epoch === undefined) return;
  const projected = projectedRows(records, reading, beside?.attributes);
  await unlessFailing(async () => {
    const { rows } = await database.row(sql`SELECT count(*) AS rows FROM (${projected})`);
    return Number(rows) === length ? take(unfitEpochTimes(projected, epoch.time, epoch.type)) : 0;
  });
}

/** The same of lines that the projection fails on. */
async function byProjection(
  apart: Apart,
  block: LineBlock,
  lines: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const { database, records, beside, reading, own } = apart;
  const refusalOf = async (line: number): Promise<string | undefined> => {
    await write(apart, block, [line]);
    return refusal(apart, 1);
  };
  return unfitByProjection(
    database,
    { records, attributes: beside?.attributes, select: reading.select },
    lines,
    { own, refusalOf },
  );
}

async function halved(
  apart: Apart,
  block: LineBlock,
  lines: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const unfit = new Map<number, string>();
  const halve = async (indexes: readonly number[]): Promise<void> => {
    if (indexes.length === 0) return;
    await write(apart, block, indexes);
    const reason = await refusal(apart, indexes.length);
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
  await halve(lines);
  return unfit;
}

/** Where even the search fails, nothing is found: the reader will judge line by line. */
async function unlessFailing(search: () => Promise<unknown>): Promise<void> {
  try {
    await search();
  } catch (error) {
    if (error instanceof DuckdbError && isAboutInput(error)) return;
    throw error;
  }
}

/** One source of a running job: from its range to a table of rows, with what the batch must know of it. */

import { mkdir } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import { type Column, type Database, DuckdbError, type Row } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import type { KeyedColumn } from "../formats/column-names.ts";
import { allLetters, type DeadLetters, lettersOfSource, NO_LETTERS } from "../formats/dead-letters.ts";
import { type RecordColumn, withEpochTime } from "../formats/epoch.ts";
import type { Format, Shape } from "../formats/format.ts";
import { segmentOfRecords } from "../formats/join-records.ts";
import { formatFor, formatNamed } from "../formats/list.ts";
import { readSegment } from "../formats/read-segment.ts";
import type { Reading } from "../formats/reading.ts";
import { placesOfRows, type ReadRows } from "../formats/rows-of-lines.ts";
import type { Segment } from "../formats/segment.ts";
import { AUTO_FORMAT, type SourceConfig } from "../job/schema.ts";
import type { Origin } from "../operators/on-error/letters.ts";
import { resolveSource } from "../sources/list.ts";
import { optionError, type Range, type Source } from "../sources/source.ts";
import { emptySourceTable } from "../sql/input.ts";
import { describeRow } from "../sql/of-one-row.ts";
import { processingTimeBound } from "../sql/processing-time.ts";
import { refuseUnnamedStructs } from "../sql/refusals.ts";
import { eventTime, hidesRowid, relation, type Stream, type TimeBound } from "../sql/stream.ts";
import { openBadShare } from "./bad-share.ts";
import { declareHint } from "./declare-hint.ts";
import { epochOf, timeColumnOf } from "./event-time.ts";
import {
  aheadLimitUs,
  type FutureTimestampGuard,
  futureTimestampGuard,
  type Moment,
  takeFutureTimestamps,
} from "./future-timestamp-guard.ts";
import { partitionTimes } from "./partition-times.ts";
import type { PartitionTimes } from "./watermark.ts";

/** What a batch took from a source. */
export interface BatchInput {
  readonly rows: number;
  readonly bytes: number;
  readonly lateRows: number;
  /** Of the late rows; null where there is none, or it is infinite. */
  readonly earliestLateUs: bigint | null;
  readonly maxEventTimeUs: bigint | null;
  /** Of a source in partitions: the highest event time of each one that was read. */
  readonly partitions?: PartitionTimes | undefined;
  /** Of lines, of rows that are too far ahead, and of what the source could not read. */
  readonly deadLetters: readonly DeadLetters[];
  /** Where the lines stand that rows of the source's table came from; undefined where rows are no lines. */
  originsOf?(rows: readonly number[]): Promise<ReadonlyMap<number, Origin> | undefined>;
}

const NO_INTAKE: BatchInput = {
  rows: 0,
  bytes: 0,
  lateRows: 0,
  earliestLateUs: null,
  maxEventTimeUs: null,
  deadLetters: [],
};

/** A source as a stream of rows: what can be said of it once its record columns are known. */
export interface SourceShape {
  readonly name: string;
  readonly stream: Stream;
  readonly timeColumn: string | undefined;
  /** The columns of a record, before `select`: kept in the checkpoint, so that a restart reads as before. */
  readonly recordColumns: readonly RecordColumn[];
  readonly reading: Reading;
  /** The column that holds the time when a row's batch was planned. */
  readonly received: string | undefined;
  readonly guard: FutureTimestampGuard | undefined;
  /** Whether the record columns were found in the input. */
  readonly isFound: boolean;
  /** The source's `max_bad:`. */
  readonly maxBad: SourceConfig["max_bad"];
}

/** Whether a source's event time is the clock's: it goes on without input. */
export function isTimedByClock({ timeColumn, received }: SourceShape): boolean {
  return received !== undefined && timeColumn === received;
}

/** A range as a table of rows, in a table of its own or already in the source's. */
export interface Load {
  readonly range: Range;
  readonly table: string;
  readonly figures: Row;
  readonly segment: Segment;
  readonly deadLetters: DeadLetters;
}

export interface SourceReader extends SourceShape {
  readonly source: Source;
  /** Makes `table` of the range's rows; the source's name for the batch at hand, another one for the next. */
  load(database: Database, range: Range, table: string): Promise<Load>;
  /** Makes the source's table hold the loaded rows, or none, and tells what the batch must know of them. */
  take(database: Database, load: Load | undefined, moment: Moment): Promise<BatchInput>;
}

/** The record columns that need no look at the input; undefined where it must be looked at. */
export function knownColumns(
  config: SourceConfig,
  saved: readonly RecordColumn[] | undefined,
): readonly RecordColumn[] | undefined {
  if (config.schema !== undefined)
    return Object.entries(config.schema).map(([name, type]) => ({ name, type }));
  return formatNamed(namedFormat(config.format)).columnsInInput === true ? saved : [];
}

/** Throws code `job`, whose option is the key that is wrong. */
export function formatOf({ format, log_format, from }: SourceConfig): Format {
  const isReceived = resolveSource(from).kind.isReceiver === true;
  return formatFor(namedFormat(format), { log_format, isReceived });
}

/** Where nothing tells the format, it is JSON. */
function namedFormat(format: string): string {
  return format === AUTO_FORMAT ? "json" : format;
}

/**
 * Throws code `job` where the projection or the time column does not fit. Makes the empty table of the
 * stream.
 */
export async function describeSource(
  database: Database,
  name: string,
  config: SourceConfig,
  recordColumns: readonly RecordColumn[],
): Promise<SourceShape> {
  const format = formatOf(config);
  const shape: Shape = {
    columns: await withFullTypes(database, recordColumns),
    header: undefined,
    delimiter: config.delimiter ?? ",",
    pattern: config.pattern,
    timezone: config.timezone,
  };
  const select = raw(config.select);
  const { kind, options } = resolveSource(config.from);
  const attributes = kind.attributes?.(options) ?? [];
  const nulls = withAttributes(format.columns(shape), attributes).map(
    ({ name: column, type }) => sql`NULL::${raw(type)} AS ${id(column)}`,
  );
  // The line's end ends a comment too.
  const projected = sql`SELECT ${select}\n FROM (SELECT ${join(nulls)})`;
  const selected = await describeRow(database, projected).catch((error: unknown) => {
    const isOfSelect = error instanceof StreamkitError && !(error instanceof DuckdbError);
    throw isOfSelect ? optionError(["select"], error.message) : error;
  });
  const epoch = epochOf(config, selected, recordColumns);
  const timed =
    epoch === undefined
      ? selected
      : await database.describe(withEpochTime(projected, epoch.time, epoch.type));
  const columns = withReceived(timed, config.received);
  refuseUnnamedStructs(columns);
  const timeColumn = timeColumnOf(config, columns);
  // Where a partition's rows are in the table, only DuckDB's own rowid tells.
  if (kind.hasPartitions === true && timeColumn !== undefined && hidesRowid(columns))
    throw new StreamkitError(
      "job",
      'the records have a column "rowid", which is what DuckDB calls the place of a row: give it another ' +
        "name with select: * RENAME (rowid AS row_id)",
    );
  await database.run(emptySourceTable(name, columns));
  const times = new Map<string, TimeBound>();
  if (timeColumn !== undefined) times.set(timeColumn, (watermark: Sql) => watermark);
  if (config.received !== undefined && config.received !== timeColumn)
    times.set(config.received, processingTimeBound(name));
  return {
    name,
    timeColumn,
    recordColumns,
    reading: { format, shape, select, epoch },
    received: config.received,
    guard: futureTimestampGuard(config, kind),
    maxBad: config.max_bad,
    isFound: config.schema === undefined && format.columnsInInput === true,
    stream: { name, columns, mode: "append", sources: [name], times },
  };
}

export function openReader(shape: SourceShape, source: Source, keepsLateRows: boolean): SourceReader {
  const { name, timeColumn, reading, stream, received, guard } = shape;
  /** The time column of the rows as they are read. */
  const readTime = isTimedByClock(shape) ? undefined : timeColumn;
  const empty = emptySourceTable(name, stream.columns);
  const hinted = shape.isFound
    ? declareHint(name, shape.recordColumns)
    : async (_database: Database, letters: DeadLetters) => letters;
  const late = id(relation.late(name));
  const badShare = openBadShare(name, reading.format.name, shape.maxBad);

  /** The rows that are behind the watermark; they also go to a table where a sink asks for them. */
  async function takeLate(
    database: Database,
    minEventTimeUs: bigint | null,
    watermarkUs: bigint | null,
  ): Promise<Pick<BatchInput, "lateRows" | "earliestLateUs">> {
    const { lateRows, earliestLateUs } = NO_INTAKE;
    const none = { lateRows, earliestLateUs };
    if (timeColumn === undefined) return none;
    const isLate = sql`${eventTime(stream.columns, timeColumn)} < ${timestampUs(watermarkUs)}`;
    if (keepsLateRows)
      await database.run(sql`CREATE OR REPLACE TEMP TABLE ${late} AS FROM ${id(name)} WHERE ${isLate}`);
    const mayBeLate = minEventTimeUs === null || (watermarkUs !== null && minEventTimeUs < watermarkUs);
    if (!mayBeLate) return none;
    const found = figuresOf(
      await database.row(figuresQuery(keepsLateRows ? relation.late(name) : name, timeColumn, isLate)),
    );
    return { lateRows: found.rows, earliestLateUs: found.earliestUs };
  }

  /** Without the rows that are too far ahead, which become dead letters. */
  async function guarded(
    database: Database,
    load: Load,
    figures: Figures,
    moment: Moment,
  ): Promise<{ readonly figures: Figures; readonly letters: DeadLetters }> {
    const limitUs = aheadLimitUs(guard, moment, figures.earliestUs);
    const isWithin = limitUs === null || figures.highestUs === null || figures.highestUs <= limitUs;
    if (isWithin || guard === undefined || readTime === undefined) return { figures, letters: NO_LETTERS };
    const rows = { ...load, table: name, timeColumn: readTime, format: reading.format };
    const letters = await takeFutureTimestamps(database, rows, limitUs, guard, moment.plannedAtUs);
    return { figures: figuresOf(await database.row(figuresQuery(name, readTime))), letters };
  }

  return {
    ...shape,
    source,
    async load(database, range, table) {
      const segment = await segmentOfRecords(await source.read(range), reading.shape, table);
      // Reading ahead is the longer of two ways that run side by side: the times are looked at on the other.
      const query = figuresQuery(table, table === name ? readTime : undefined);
      const { figures, deadLetters } = await readSegment(database, segment, reading, table, query);
      return { range, table, figures, deadLetters: await hinted(database, deadLetters), segment };
    },
    async take(database, load, moment) {
      const { plannedAtUs, watermarkUs } = moment;
      if (load === undefined) {
        await database.run(keepsLateRows ? sql`${empty}; TRUNCATE ${late}` : empty);
        return isTimedByClock(shape) ? { ...NO_INTAKE, maxEventTimeUs: plannedAtUs } : NO_INTAKE;
      }
      const found = figuresOf(
        load.table === name
          ? load.figures
          : await database.row(sql`DROP TABLE IF EXISTS ${id(name)};
              ALTER TABLE ${id(load.table)} RENAME TO ${id(name)}; ${figuresQuery(name, readTime)}`),
      );
      await badShare.see(database, found.rows, load.deadLetters);
      const { figures: left, letters } = await guarded(database, load, found, moment);
      const partitioned = { ...load, table: name, rows: found.rows };
      const partitions =
        readTime === undefined
          ? undefined
          : await partitionTimes(database, { ...partitioned, timeColumn: readTime });
      if (received !== undefined)
        await database.run(sql`ALTER TABLE ${id(name)}
          ADD COLUMN ${id(received)} TIMESTAMP DEFAULT ${timestampUs(plannedAtUs)}`);
      const byClock = isTimedByClock(shape);
      return {
        rows: left.rows,
        maxEventTimeUs: byClock ? plannedAtUs : left.highestUs,
        partitions,
        ...(await takeLate(database, byClock ? plannedAtUs : left.earliestUs, watermarkUs)),
        bytes: load.segment.sizeBytes,
        deadLetters: [load.deadLetters, letters, lettersOfSource(load.segment.letters)],
        async originsOf(numbers) {
          const deadLetters = allLetters([load.deadLetters, letters]);
          const read = { segment: load.segment, format: reading.format, rows: left.rows, deadLetters };
          return originsOf(database, read, numbers);
        },
      };
    },
  };
}

/** Undefined where the rows are no lines. */
async function originsOf(
  database: Database,
  read: ReadRows,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, Origin> | undefined> {
  try {
    return await placesOfRows(database, read, numbers);
  } catch (error) {
    if (error instanceof StreamkitError && error.code === "job") return undefined;
    throw error;
  }
}

/** What the figures query tells. */
interface Figures {
  readonly rows: number;
  readonly earliestUs: bigint | null;
  readonly highestUs: bigint | null;
}

function figuresOf({ rows, earliest, highest }: Row): Figures {
  return {
    rows: Number(rows),
    earliestUs: typeof earliest === "bigint" ? earliest : null,
    highestUs: typeof highest === "bigint" ? highest : null,
  };
}

/**
 * One row: how many rows there are, the lowest event time in microseconds (NULL if it is infinite or there is
 * none), and the highest finite one.
 */
function figuresQuery(table: string, timeColumn: string | undefined, where: Sql = raw("true")): Sql {
  if (timeColumn === undefined)
    return sql`SELECT count(*) AS rows, NULL AS earliest, NULL AS highest FROM ${id(table)}`;
  const time = sql`${id(timeColumn)}::TIMESTAMP`;
  return sql`SELECT count(*) AS rows, epoch_us(min(${time})) AS earliest,
    epoch_us(max(${time}) FILTER (isfinite(${time}))) AS highest FROM ${id(table)} WHERE ${where}`;
}

/** The columns with their types as DuckDB writes them: `INTEGER`, not `int`. */
async function withFullTypes(
  database: Database,
  columns: readonly KeyedColumn[],
): Promise<readonly KeyedColumn[]> {
  if (columns.length === 0) return columns;
  const described = await database.describe(
    sql`SELECT ${join(columns.map(({ name, type }) => sql`NULL::${raw(type)} AS ${id(name)}`))}`,
  );
  return described.map((column, index) => {
    const key = columns[index]?.key;
    return key === undefined ? column : { ...column, key };
  });
}

/** A record's own columns, and those beside them. Throws code `job` where a name is in both. */
function withAttributes(columns: readonly Column[], attributes: readonly Column[]): readonly Column[] {
  const names = new Set(columns.map(({ name }) => name.toLowerCase()));
  const taken = attributes.find(({ name }) => names.has(name.toLowerCase()));
  if (taken !== undefined)
    throw new StreamkitError(
      "job",
      `the records have a column "${taken.name}" already: give the attribute another name`,
    );
  return [...columns, ...attributes];
}

/** A record's columns and that of the time when it was received. Throws code `job` where that is taken. */
function withReceived(columns: readonly Column[], received: string | undefined): readonly Column[] {
  if (received === undefined) return columns;
  if (columns.some(({ name }) => name.toLowerCase() === received.toLowerCase()))
    throw new StreamkitError(
      "job",
      `received: names a column that the records have already: "${received}"; give it another name`,
    );
  return [...columns, { name: received, type: "TIMESTAMP" }];
}

/** A working folder of a source's own. */
export async function segmentFolder(folder: string, source: string): Promise<string> {
  const path = `${folder}/segments/${source}`;
  await mkdir(path, { recursive: true });
  return path;
}

/** One source of a running job: from its range to a table of rows, with what the batch must know of it. */

import { mkdir } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import type { Column, Database, Row } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import { formats } from "../formats/list.ts";
import { type DeadLetter, type Reading, readSegment } from "../formats/read-segment.ts";
import type { SourceConfig } from "../job/schema.ts";
import type { Range, Source } from "../sources/source.ts";
import { emptySourceTable } from "./input.ts";
import { relation, type Stream } from "./stream.ts";

/** What a batch took from a source. */
export interface Intake {
  readonly rows: number;
  readonly bytes: number;
  readonly lateRows: number;
  readonly maxEventTimeUs: bigint | null;
  readonly deadLetters: readonly DeadLetter[];
}

const NO_INTAKE: Intake = {
  rows: 0,
  bytes: 0,
  lateRows: 0,
  maxEventTimeUs: null,
  deadLetters: [],
};

/** A source as a stream of rows: what can be said of it once its record columns are known. */
export interface SourceShape {
  readonly name: string;
  readonly stream: Stream;
  readonly timeColumn: string | undefined;
  /** The columns of a record, before `select`: kept in the checkpoint, so that a restart reads as before. */
  readonly recordColumns: readonly Column[];
  readonly reading: Reading;
}

/** A range as a table of rows, in a table of its own or already in the source's. */
export interface Load {
  readonly range: Range;
  readonly table: string;
  readonly figures: Row;
  readonly bytes: number;
  readonly deadLetters: readonly DeadLetter[];
}

export interface SourceReader extends SourceShape {
  readonly source: Source;
  /** Makes `table` of the range's rows; the source's name for the batch at hand, another one for the next. */
  load(database: Database, range: Range, table: string): Promise<Load>;
  /** Makes the source's table hold the loaded rows, or none, and tells which of them are late. */
  take(database: Database, load: Load | undefined, watermarkUs: bigint | null): Promise<Intake>;
}

/** The record columns that need no look at the input; undefined where it must be looked at. */
export function knownColumns(
  config: SourceConfig,
  saved: readonly Column[] | undefined,
): readonly Column[] | undefined {
  if (config.schema !== undefined)
    return Object.entries(config.schema).map(([name, type]) => ({ name, type }));
  if (config.format !== "json" && config.format !== "csv") return [];
  return saved;
}

/**
 * Throws code `job` where the projection or the time column does not fit. Makes the empty table of the
 * stream.
 */
export async function describeSource(
  database: Database,
  name: string,
  config: SourceConfig,
  recordColumns: readonly Column[],
): Promise<SourceShape> {
  const format = formats.find((candidate) => candidate.name === config.format);
  if (format === undefined) throw new StreamkitError("bug", `No format ${config.format}`);
  const shape = {
    columns: recordColumns,
    header: undefined,
    delimiter: config.delimiter,
    pattern: config.pattern,
  };
  const select = raw(config.select);
  const nulls = format
    .columns(shape)
    .map(({ name: column, type }) => sql`NULL::${raw(type)} AS ${id(column)}`);
  const columns = await database.describe(sql`SELECT ${select} FROM (SELECT ${join(nulls)})`);
  const timeColumn = timeColumnOf(config, columns);
  await database.run(emptySourceTable(name, columns));
  const times = new Map(timeColumn === undefined ? [] : [[timeColumn, (watermark: Sql) => watermark]]);
  return {
    name,
    timeColumn,
    recordColumns,
    reading: { format, shape, select },
    stream: { name, columns, mode: "append", sources: [name], times },
  };
}

export function openReader(shape: SourceShape, source: Source, keepsLateRows: boolean): SourceReader {
  const { name, timeColumn, reading, stream } = shape;
  const empty = emptySourceTable(name, stream.columns);
  const late = id(relation.late(name));

  /** How many rows are behind the watermark; they also go to a table where a sink asks for them. */
  async function takeLate(
    database: Database,
    minEventTimeUs: bigint | null,
    watermarkUs: bigint | null,
  ): Promise<number> {
    if (timeColumn === undefined) return 0;
    const isLate = sql`${id(timeColumn)}::TIMESTAMP < ${timestampUs(watermarkUs)}`;
    if (keepsLateRows)
      return database.runCounting(
        sql`CREATE OR REPLACE TEMP TABLE ${late} AS FROM ${id(name)} WHERE ${isLate}`,
      );
    const mayBeLate = minEventTimeUs === null || (watermarkUs !== null && minEventTimeUs < watermarkUs);
    if (!mayBeLate) return 0;
    const row = await database.row(sql`SELECT count(*) AS late FROM ${id(name)} WHERE ${isLate}`);
    return Number(row["late"]);
  }

  return {
    ...shape,
    source,
    async load(database, range, table) {
      const segment = await source.read(range);
      // Reading ahead is the longer of two ways that run side by side: the times are looked at on the other.
      const query = figuresQuery(table, table === name ? timeColumn : undefined);
      const { figures, deadLetters } = await readSegment(database, segment, reading, table, query);
      return { range, table, figures, deadLetters, bytes: segment.sizeBytes };
    },
    async take(database, load, watermarkUs) {
      if (load === undefined) {
        await database.run(keepsLateRows ? sql`${empty}; TRUNCATE ${late}` : empty);
        return NO_INTAKE;
      }
      const figures =
        load.table === name
          ? load.figures
          : await database.row(sql`DROP TABLE IF EXISTS ${id(name)};
              ALTER TABLE ${id(load.table)} RENAME TO ${id(name)}; ${figuresQuery(name, timeColumn)}`);
      const { earliest, highest, rows } = figures;
      const minEventTimeUs = typeof earliest === "bigint" ? earliest : null;
      return {
        rows: Number(rows),
        maxEventTimeUs: typeof highest === "bigint" ? highest : null,
        lateRows: await takeLate(database, minEventTimeUs, watermarkUs),
        bytes: load.bytes,
        deadLetters: load.deadLetters,
      };
    },
  };
}

/**
 * One row: how many rows there are, the lowest event time in microseconds (NULL if it is infinite or there is
 * none), and the highest finite one.
 */
function figuresQuery(table: string, timeColumn: string | undefined): Sql {
  if (timeColumn === undefined)
    return sql`SELECT count(*) AS rows, NULL AS earliest, NULL AS highest FROM ${id(table)}`;
  const time = sql`${id(timeColumn)}::TIMESTAMP`;
  return sql`SELECT count(*) AS rows, epoch_us(min(${time})) AS earliest,
    epoch_us(max(${time}) FILTER (isfinite(${time}))) AS highest FROM ${id(table)}`;
}

function timeColumnOf(config: SourceConfig, columns: readonly Column[]): string | undefined {
  const wanted = config.time ?? "ts";
  const column = columns.find(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  if (column === undefined) {
    if (config.time === undefined) return undefined;
    throw new StreamkitError(
      "job",
      `there is no column "${wanted}": found ${columns.map(({ name }) => name).join(", ")}`,
    );
  }
  if (/^(?:TIMESTAMP|DATE)/.test(column.type)) return column.name;
  if (config.time === undefined) return undefined;
  throw new StreamkitError(
    "job",
    `the event-time column "${wanted}" is a ${column.type}: make it a TIMESTAMP, by schema or select`,
  );
}

/** A working folder of a source's own. */
export async function segmentFolder(folder: string, source: string): Promise<string> {
  const path = `${folder}/segments/${source}`;
  await mkdir(path, { recursive: true });
  return path;
}

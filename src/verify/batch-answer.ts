/**
 * The specification: what the queries of a job say in plain DuckDB, in one thread, over the whole input at
 * once.
 */

import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import { isAboutValues, reasonOf } from "../duckdb/data-error.ts";
import { type Database, openDatabase } from "../duckdb/database.ts";
import { insertInto } from "../duckdb/insert.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { MIND_TRY } from "../duckdb/try.ts";
import { MAX_SEGMENT_BYTES, openSource } from "../engine/prepare.ts";
import { openTables } from "../engine/tables.ts";
import { firstLetter, forgetLetters } from "../formats/dead-letters.ts";
import { rowJson } from "../formats/json-rows.ts";
import { isTimedByClock, openReader, type SourceShape } from "../ingest/source-reader.ts";
import type { LoadedJob } from "../job/load.ts";
import { queryConfig } from "../job/schema.ts";
import type { PlannedQuery } from "../operators/query.ts";
import type { Range } from "../sources/source.ts";
import { emptySourceTable } from "../sql/input.ts";
import { underscored } from "../sql/own-names.ts";
import { ownColumns, rowNumber } from "../sql/stream.ts";
import { WINDOW_MACROS } from "../sql/window-macros.ts";
import { type PutAside, restOfQuery } from "./put-aside.ts";
import { openReadingCheck, type ReadingFacts } from "./reading/compare.ts";
import type { Answer } from "./rows.ts";
import { placedRows, settledText } from "./settled-text.ts";

/** What one source holds in all. */
export interface WholeInput {
  readonly rows: number;
  readonly bytes: number;
  readonly deadLetters: number;
  /** The reason of the first of them. */
  readonly firstReason: string | undefined;
  /** How far an event time stands behind the highest one before it, at most. */
  readonly disorderUs: bigint;
  /** How the engine's reading compares with an independent one. */
  readonly reading: ReadingFacts;
}

export interface BatchSide {
  /** By the names of sources. */
  readonly inputs: ReadonlyMap<string, WholeInput>;
  answers(view?: View): Promise<ReadonlyMap<string, Answer>>;
  close(): void;
}

/** What the stream knows of the input, and the batch can't. */
interface View {
  /** By source: rows, from 0, that the queries must not see. */
  readonly withoutRows?: Readonly<Record<string, readonly number[]>>;
  /** By source: what each of the stream's batches read of it. Needed where `dependsOnClock`. */
  readonly batches?: ReadonlyMap<string, readonly TakenRows[]>;
  /** What queries must not see of what they read; needs the queries' plans. */
  readonly putAside?: readonly PutAside[];
}

export interface TakenRows {
  readonly rows: number;
  readonly plannedAtMs: number;
}

/** Whether a source's rows depend on when they are read: by a stamp, or by being too far ahead. */
export function dependsOnClock({ received, guard }: SourceShape): boolean {
  return received !== undefined || guard !== undefined;
}

export type ReaderFault = (shape: SourceShape) => SourceShape;

export interface BatchSideOptions {
  readonly job: LoadedJob;
  readonly shapes: readonly SourceShape[];
  /** The queries' names; each comes after what it reads. */
  readonly order: readonly string[];
  /** How they run; left out where nothing is put aside of any. */
  readonly queries?: readonly PlannedQuery[];
  readonly clock: Clock;
  /** No batch of the stream is planned after this. */
  readonly lastPlanMs: number;
  /** For segments. */
  readonly folder: string;
  /** Stands between a source and what reads it: for tests that put faults there. */
  readonly through?: ReaderFault | undefined;
}

/** Reads the whole input into a database of its own. */
export async function openBatchSide(options: BatchSideOptions): Promise<BatchSide> {
  const { job, shapes, order, clock, queries = [] } = options;
  const database = await openDatabase({ threads: 1 });

  /** All rows of a source, in the table `allOf(name)`. */
  async function readWhole(shape: SourceShape): Promise<WholeInput> {
    const { name, stream } = shape;
    const given = {
      database,
      clock,
      freshSeed: () => 1,
      isBounded: true,
      allowsEmpty: true,
      notify: () => {},
    };
    const source = await openSource(name, job, given, {
      committed: undefined,
      segmentFolder: `${options.folder}/whole/${name}`,
      isDurable: false,
    });
    try {
      const read = options.through?.(shape) ?? shape;
      const reader = openReader(read, source, false);
      const check = openReadingCheck(read.reading);
      const columns = stream.columns.filter((column) => column.name !== shape.received);
      await database.run(emptySourceTable(allOf(name), columns));
      const limit = { maxBytes: MAX_SEGMENT_BYTES, maxLines: Number.POSITIVE_INFINITY };
      let deadLetters = 0;
      let firstReason: string | undefined;
      let bytes = 0;
      for (let last: Range | undefined; ; ) {
        const range = await source.plan(limit, last);
        if (range === undefined) break;
        const load = await reader.load(database, range, "_part");
        await check.compare(database, { ...load, table: "_part" });
        await database.run(insertInto(id(allOf(name)), sql`SELECT * FROM "_part"`));
        await source.commit(range);
        firstReason ??= (await firstLetter(database, load.deadLetters))?.reason;
        deadLetters += load.deadLetters.count;
        await forgetLetters(load.deadLetters);
        bytes += load.segment.sizeBytes;
        last = range;
      }
      const { rows, disorder } = await database.row(disorderQuery(shape, options.lastPlanMs));
      const disorderUs = typeof disorder === "bigint" ? disorder : 0n;
      return { rows: Number(rows), bytes, deadLetters, firstReason, disorderUs, reading: check.facts() };
    } finally {
      await source.close();
    }
  }

  /** What the column of a row's place is called: as nothing is that the job names or reads. */
  async function freePlace(): Promise<string> {
    const names: string[] = JSON.stringify(job.config).match(/[\p{L}\p{N}_]+/gu) ?? [];
    const streams = [...shapes.map(({ stream }) => stream), ...queries.map(({ output }) => output)];
    names.push(...streams.flatMap(({ columns }) => columns.map(({ name }) => name)));
    for (const table of Object.keys(job.config.tables ?? {}))
      names.push(...(await database.describe(sql`FROM ${id(table)}`)).map(({ name }) => name));
    return ownColumns(underscored(names)).place;
  }

  const columnsOf = (stream: string) =>
    shapes.find(({ name }) => name === stream)?.stream.columns ??
    queries.find(({ output }) => output.name === stream)?.output.columns ??
    [];
  try {
    await database.run(WINDOW_MACROS);
    if (queries.some(({ onError }) => onError === null)) await database.run(MIND_TRY);
    await openTables(database, job.config.tables, job.folder, clock);
    const place = await freePlace();
    const inputs = new Map<string, WholeInput>();
    for (const shape of shapes) inputs.set(shape.name, await readWhole(shape));
    return {
      inputs,
      async answers({ withoutRows = {}, batches, putAside = [] } = {}) {
        const rowsOf = new Map<string, Sql>();
        for (const shape of shapes) {
          const { name } = shape;
          const isTaken = dependsOnClock(shape);
          if (isTaken) await database.run(takenTable(shape, batches?.get(name) ?? []));
          const table = id(isTaken ? takenOf(name) : allOf(name));
          const numbered = placedRows(table, shape.stream.columns, place);
          const left = (withoutRows[name] ?? []).map((row) => raw(String(row)));
          const placed =
            left.length === 0 ? numbered : sql`FROM (${numbered}) WHERE ${id(place)} NOT IN (${left})`;
          rowsOf.set(name, placed);
          const shown =
            left.length === 0 ? sql`FROM ${table}` : sql`SELECT * EXCLUDE (${id(place)}) FROM (${placed})`;
          await database.run(sql`CREATE OR REPLACE VIEW ${id(name)} AS ${shown}`);
        }
        const answers = new Map<string, Answer>();
        for (const name of order) {
          const query = job.config.queries[name];
          if (query === undefined) continue;
          const planned = queries.find(({ output }) => output.name === name);
          const rest =
            planned === undefined
              ? undefined
              : await restOfQuery(database, planned, { queries, columnsOf, putAside });
          const placed = new Map(rowsOf);
          for (const stream of rest?.shown ?? []) placed.set(stream, inTheirOrder(stream, place));
          const text = await settledText(database, rest?.text.text ?? queryConfig(query).sql, placed, place);
          answers.set(name, await queryAnswer(database, name, text));
          await rest?.close();
          rowsOf.set(name, placedRows(id(name), await database.describe(sql`FROM ${id(name)}`), place));
        }
        return answers;
      },
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Rows of a view that keeps their order, with their places. */
function inTheirOrder(view: string, place: string): Sql {
  return sql`SELECT *, row_number() OVER () AS ${id(place)} FROM ${id(view)}`;
}

/** What a query says, over tables that are there; it is one itself then. */
export async function queryAnswer(database: Database, name: string, text: Sql): Promise<Answer> {
  try {
    await database.run(sql`CREATE OR REPLACE TABLE ${id(name)} AS ${text}`);
  } catch (error) {
    if (!isAboutValues(error)) throw error;
    throw new StreamkitError("input", `Query ${name} fails over the whole input: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  const columns = await database.describe(sql`FROM ${id(name)}`);
  const rows = await database.rows(sql`SELECT ${rowJson(columns)} AS json FROM ${id(name)}`);
  return {
    rows: rows.map((row) => String(row["json"])),
    inexact: columns.filter(({ type }) => /DOUBLE|FLOAT/.test(type)).map((column) => column.name),
  };
}

/** Internal relations start with an underscore, which no name in a job may. */
function allOf(source: string): string {
  return `_all_${source}`;
}

function takenOf(source: string): string {
  return `_taken_${source}`;
}

/** The rows as the stream's batches took them: stamped, and without those that were too far ahead then. */
function takenTable(
  { name, stream, received, guard, timeColumn }: SourceShape,
  batches: readonly TakenRows[],
): Sql {
  let first = 0;
  const firsts = batches.flatMap(({ rows, plannedAtMs }) => {
    const batch = sql`(${first}, ${plannedAtMs * 1000})`;
    first += rows;
    return rows === 0 ? [] : [batch];
  });
  const stamp = received === undefined ? raw("") : sql`, make_timestamp(_planned_us) AS ${id(received)}`;
  const limit = sql`make_timestamp(_planned_us + ${Math.round(guard?.maxAheadMs ?? 0) * 1000})`;
  const isTaken =
    guard === undefined || timeColumn === undefined
      ? raw("true")
      : sql`(${id(timeColumn)}::TIMESTAMP > ${limit} AND isfinite(${id(timeColumn)}::TIMESTAMP)) IS NOT TRUE`;
  return sql`CREATE OR REPLACE TABLE ${id(takenOf(name))} AS
    SELECT * EXCLUDE (_row, _first, _planned_us)${stamp}
    FROM (SELECT *, ${rowNumber(stream.columns)} AS _row FROM ${id(allOf(name))})
      ASOF JOIN (VALUES ${firsts.length === 0 ? raw("(0, 0)") : join(firsts)}) AS batches(_first, _planned_us)
      ON _row >= _first
    WHERE ${isTaken} ORDER BY _row`;
}

/** What no batch takes sets no watermark. */
function disorderQuery(shape: SourceShape, lastPlanMs: number): Sql {
  const { name, timeColumn, guard } = shape;
  const all = id(allOf(name));
  if (timeColumn === undefined || isTimedByClock(shape))
    return sql`SELECT count(*) AS rows, NULL AS disorder FROM ${all}`;
  const time = sql`${id(timeColumn)}::TIMESTAMP`;
  const isTaken =
    guard === undefined ? raw("true") : sql`epoch_ms(${time}) <= ${Math.ceil(lastPlanMs + guard.maxAheadMs)}`;
  const highest = sql`SELECT epoch_us(${time}) AS us,
      max(epoch_us(${time})) OVER (ORDER BY _row ROWS UNBOUNDED PRECEDING) AS highest_us
    FROM (SELECT *, ${rowNumber(shape.stream.columns)} AS _row FROM ${all})
    WHERE isfinite(${time}) AND ${isTaken}`;
  return sql`SELECT (SELECT count(*) FROM ${all}) AS rows,
    (SELECT max(highest_us - us) FROM (${highest})) AS disorder`;
}

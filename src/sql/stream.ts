/** What the planner knows of a stream: a source, or a query that others read. */

import type { Column } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { OutputMode } from "../job/schema.ts";

export interface Stream {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly mode: OutputMode;
  /** The sources that it comes from: their least watermark is the stream's. */
  readonly sources: readonly string[];
  /**
   * Its event-time columns. A value is SQL from the watermark (a TIMESTAMP expression) to the least value
   * that the column may still have in rows to come.
   */
  readonly times: ReadonlyMap<string, TimeBound>;
  /** Of a stream that is a view: its rows with a column of their order. A table's order is its rowid. */
  readonly rowsInOrder?: { readonly rows: Sql; readonly order: Sql } | undefined;
  /** Of a stream that is a view: the table whose rows it shows. */
  readonly table?: string | undefined;
}

/** The place of a row in its table, from 0. A column that is called `rowid` hides what DuckDB calls so. */
export function rowNumber(columns: readonly Column[]): Sql {
  return hidesRowid(columns) ? raw("row_number() OVER () - 1") : raw("rowid");
}

export function hidesRowid(columns: readonly Column[]): boolean {
  return columns.some(({ name }) => name.toLowerCase() === "rowid");
}

/**
 * A time column as a TIMESTAMP that may be compared with any watermark. Trap: DuckDB compares a DATE with a
 * TIMESTAMP by cutting the TIMESTAMP, which an infinite one does not bear.
 */
export function eventTime(columns: readonly Column[], name: string): Sql {
  const isDate = columns.find((column) => column.name.toLowerCase() === name.toLowerCase())?.type === "DATE";
  return isDate ? sql`(${id(name)} + INTERVAL 0 SECOND)` : sql`${id(name)}::TIMESTAMP`;
}

export interface TimeBound {
  (watermark: Sql): Sql;
  /** Where a column is of another time than the stream's: whose watermark tells of it (`clocks.ts`). */
  readonly clock?: string;
}

/** Internal relations start with an underscore, which no name in a job may. */
export const relation = {
  /** The batch's rows of a query's input, with `_o`, their order, and without late rows. */
  input: (query: string) => `_input_${query}`,
  /** A source's rows of a batch to come, by the lane that reads it. */
  ahead: (source: string, lane: number) => `_ahead_${lane}_${source}`,
  /** What a batch adds to a query's state. */
  partial: (query: string) => `_partial_${query}`,
  /** The rows of windows that close. */
  closing: (query: string) => `_closing_${query}`,
  /** A query's state, in the checkpoint. */
  state: (query: string) => `state_${query}`,
  /** The batch's late rows of a source. */
  late: (source: string) => `_late_${source}`,
  deadLetters: "_dead_letters",
  /** What the batch adds to its dead letters after it has read. */
  newLetters: "_new_letters",
} as const;

/** Columns that stand beside a user's own, in relations that a query reads and keeps. */
export interface OwnColumns {
  /** The source's order within a batch, and what orders batches. */
  readonly order: Sql;
  readonly batch: Sql;
  /** When a row of a query's state is closed. */
  readonly end: Sql;
  /** A row's place in the whole input, in relations that are asked for it. */
  readonly place: string;
}

/** `taken`: the user's names, in lower case. Ours give way to them: `_o` becomes `__o`. */
export function ownColumns(taken: ReadonlySet<string>): OwnColumns {
  return {
    order: raw(freeName("_o", taken)),
    batch: raw(freeName("_b", taken)),
    end: raw(freeName("_end", taken)),
    place: freeName("_place", taken),
  };
}

export function freeName(name: string, taken: ReadonlySet<string>): string {
  return taken.has(name) ? freeName(`_${name}`, taken) : name;
}

/** Where no column of a user's stands beside them. */
export const PLAIN_COLUMNS: OwnColumns = ownColumns(new Set());
/** A batch has fewer rows, as a segment has no more bytes. */
export const MAX_BATCH_ROWS = 2 ** 26;
/** Of such a column: never NULL, so that it can be looked for with IN. */
export function endOf(column: Sql): Sql {
  return sql`coalesce(${column}, '-infinity'::TIMESTAMP)`;
}

/** What a row of an update or complete query means. */
export const OP_COLUMN = "_op";

/** The name under which the checkpoint's database is attached. */
export const CHECKPOINT = "ckpt";

/** The session variable that holds what is late for a windowed query. */
export function lateVariable(query: string): string {
  return `_late_before_${query}`;
}

/** The least of what a watermark means for several columns of times. */
export function leastOf(bounds: readonly TimeBound[]): TimeBound | undefined {
  const [first, ...others] = [...new Map(bounds.map((bound) => [bound(raw("w")).text, bound])).values()];
  if (first === undefined || others.length === 0) return first;
  return (watermark: Sql) => sql`least(${[first, ...others].map((bound) => bound(watermark))})`;
}

/** Names of the checkpoint's tables that hold a static table as the last committed batch saw it. */
export const FORMER_TABLE_PREFIX = "table_";

export function formerTable(name: string): Sql {
  return id(CHECKPOINT, `${FORMER_TABLE_PREFIX}${name}`);
}

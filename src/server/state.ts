/**
 * The live state and the one function that changes it. The hub and every page run this same code over the
 * same deltas, bounds included, so a page that missed none has the hub's state to the last row.
 *
 * No import here may need more than a browser has.
 */

import type { BatchReport, Json } from "../engine/batch-progress.ts";
import { CANDLE_KEY, candleColumns } from "./candles.ts";
import { type CellBounds, sizeOfRow } from "./cut.ts";
import type {
  Column,
  Delta,
  FeedKind,
  FeedStatus,
  StateSnapshot,
  TableDelta,
  Totals,
  Values,
} from "./protocol.ts";

export interface StateBounds extends CellBounds {
  readonly maxReports: number;
  /** Further queries are left out. */
  readonly maxTables: number;
  /** Of a table with a key; the row that changed longest ago goes first. */
  readonly maxKeyedRows: number;
  /** Of an append table without a key; the oldest row goes first. */
  readonly maxAppendRows: number;
  /** Of all rows together, about; the oldest of the largest table goes first. */
  readonly maxChars: number;
}

/** 20,000 candles are 100 symbols over 200 minutes: some 3 MB as a snapshot. */
export const STATE_BOUNDS: StateBounds = {
  maxReports: 300,
  maxTables: 32,
  maxKeyedRows: 20_000,
  maxAppendRows: 500,
  maxChars: 4 * 2 ** 20,
  maxColumns: 200,
  maxCellChars: 4096,
};

export interface LiveTable {
  readonly query: string;
  mode: TableDelta["mode"];
  key: readonly string[];
  columns: readonly Column[];
  /** By row name; in the order of their last change. */
  rows: Map<string, Values>;
  rowsEver: number;
  omittedRows: number;
  /** Of its rows, as `sizeOfRow` counts. */
  chars: number;
}

export interface LiveState {
  job: string;
  feed: FeedStatus;
  readonly totals: Totals;
  readonly reports: BatchReport[];
  readonly tables: Map<string, LiveTable>;
}

export function emptyState(feed: FeedKind): LiveState {
  return {
    job: "",
    feed: { kind: feed, ended: false, brokenLines: 0 },
    totals: { batches: 0, inputRows: 0, inputBytes: 0, lateRows: 0, deadLetters: 0, outputRows: 0 },
    reports: [],
    tables: new Map(),
  };
}

/** Changes `state` by one delta. Deltas must come in the order of their sequence numbers. */
export function applyDelta(state: LiveState, delta: Delta, bounds: StateBounds = STATE_BOUNDS): void {
  if (delta.kind === "feed") {
    state.feed = delta.feed;
    return;
  }
  state.job = delta.job;
  if (delta.kind === "batch") {
    addToTotals(state.totals, delta.report);
    state.reports.push(delta.report);
    if (state.reports.length > bounds.maxReports) state.reports.shift();
  }
  for (const change of delta.tables) {
    const table = tableOf(state, change, bounds);
    if (table !== undefined) applyToTable(table, change, bounds);
  }
  shrink(state, bounds);
}

function shrink({ tables }: LiveState, { maxChars }: StateBounds): void {
  let chars = 0;
  for (const table of tables.values()) chars += table.chars;
  while (chars > maxChars) {
    let largest: LiveTable | undefined;
    for (const table of tables.values())
      if (table.rows.size > 0 && table.chars > (largest?.chars ?? -1)) largest = table;
    const [oldest] = largest?.rows.keys() ?? [];
    if (largest === undefined || oldest === undefined) return;
    const before = largest.chars;
    remove(largest, oldest);
    chars -= before - largest.chars;
  }
}

function remove(table: LiveTable, name: string): void {
  const values = table.rows.get(name);
  if (values === undefined) return;
  table.rows.delete(name);
  table.chars -= sizeOfRow(values);
}

function addToTotals(totals: Totals, report: BatchReport): void {
  totals.batches += 1;
  totals.inputRows += report.inputRows;
  totals.inputBytes += report.inputBytes;
  totals.lateRows += report.lateRows;
  totals.deadLetters += report.deadLetters;
  for (const rows of Object.values(report.outputRows)) totals.outputRows += rows;
}

function tableOf(state: LiveState, change: TableDelta, bounds: StateBounds): LiveTable | undefined {
  const { query, mode, key, columns } = change;
  let table = state.tables.get(query);
  if (table === undefined) {
    if (state.tables.size >= bounds.maxTables) return undefined;
    table = { query, mode, key, columns, rows: new Map(), rowsEver: 0, omittedRows: 0, chars: 0 };
    state.tables.set(query, table);
  }
  const isSameShape =
    table.mode === mode && JSON.stringify([table.columns, table.key]) === JSON.stringify([columns, key]);
  if (!isSameShape) reshape(table, change);
  return table;
}

/** A query whose columns, key or mode changed keeps its rows, by the names of the columns. */
function reshape(table: LiveTable, { mode, key, columns }: TableDelta): void {
  const from = columns.map((column) => table.columns.findIndex((old) => old.name === column.name));
  const rows = Array.from(table.rows.values(), (values) => from.map((index): Json => values[index] ?? null));
  Object.assign(table, { mode, key, columns, rows: namedRows({ ...table, mode, key, columns }, rows) });
  table.chars = charsOf(table.rows.values());
}

/** Rows without a name of their own are numbered; the newest is the last that ever was. */
function namedRows(
  table: Pick<LiveTable, "mode" | "key" | "columns" | "rowsEver">,
  rows: readonly Values[],
): Map<string, Values> {
  const nameOf = rowNamer(table);
  const firstRow = table.rowsEver - rows.length;
  return new Map(rows.map((values, index) => [nameOf?.(values) ?? String(firstRow + index), values]));
}

function charsOf(rows: Iterable<Values>): number {
  let chars = 0;
  for (const values of rows) chars += sizeOfRow(values);
  return chars;
}

function applyToTable(table: LiveTable, change: TableDelta, bounds: StateBounds): void {
  table.omittedRows += change.omittedRows;
  const nameOf = rowNamer(table);
  const replacesAll = table.mode === "complete" && table.key.length === 0 && change.rows.length > 0;
  if (replacesAll) {
    table.rows.clear();
    table.chars = 0;
  }
  let nextDeleted = 0;
  for (const [index, values] of change.rows.entries()) {
    const isDeleted = change.deleted[nextDeleted] === index;
    if (isDeleted) nextDeleted += 1;
    const name = nameOf?.(values) ?? String(table.rowsEver);
    if (nameOf !== undefined) remove(table, name);
    if (isDeleted) continue;
    table.rows.set(name, values);
    table.chars += sizeOfRow(values);
    table.rowsEver += 1;
  }
  const maxRows = nameOf === undefined ? bounds.maxAppendRows : bounds.maxKeyedRows;
  for (const name of table.rows.keys()) {
    if (table.rows.size <= maxRows) break;
    remove(table, name);
  }
}

/**
 * What names a row: its key; symbol and window of a candle; all of it where a query that is not append has
 * no key. Undefined for append tables without a key, where no row replaces another.
 */
export function rowNamer(
  table: Pick<LiveTable, "mode" | "key" | "columns">,
): ((values: Values) => string) | undefined {
  const key = table.key.length === 0 && candleColumns(table.columns) !== undefined ? CANDLE_KEY : table.key;
  if (key.length === 0) return table.mode === "append" ? undefined : (values) => JSON.stringify(values);
  const indexes = key.map((name) => table.columns.findIndex((column) => column.name === name));
  return (values) => JSON.stringify(indexes.map((index): Json => values[index] ?? null));
}

/** All of it, for a page that has nothing. */
export function snapshotOf(state: LiveState): StateSnapshot {
  return {
    job: state.job,
    feed: state.feed,
    totals: state.totals,
    reports: state.reports,
    tables: Array.from(state.tables.values(), ({ chars: _chars, ...table }) => ({
      ...table,
      rows: [...table.rows.values()],
    })),
  };
}

/** The state that `snapshotOf` was taken of. */
export function stateOf(snapshot: StateSnapshot): LiveState {
  const tables = new Map<string, LiveTable>();
  for (const { rows, ...table } of snapshot.tables)
    tables.set(table.query, { ...table, rows: namedRows(table, rows), chars: charsOf(rows) });
  return { ...snapshot, totals: { ...snapshot.totals }, reports: [...snapshot.reports], tables };
}

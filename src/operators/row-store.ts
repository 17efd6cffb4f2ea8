/** Stores of rows as they came, with or without their windows. */

import type { Column } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql } from "../duckdb/sql.ts";
import { MAX_BATCH_ROWS, type OwnColumns } from "../sql/stream.ts";
import type { StoreShape } from "./store.ts";

export interface RowsRequest {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly own: OwnColumns;
  /** FROM text of the input with its windows, if any: its rows have the order of `own`. */
  readonly from: Sql;
  /** From a row to the time after which it may be forgotten. */
  readonly end: Sql;
}

export function rowShape({ name, columns, own, from, end: endOfRow }: RowsRequest): StoreShape {
  const { order, batch, end } = own;
  const names = columns.map((column) => id(column.name));
  return {
    name,
    own,
    holdsRows: true,
    words: "rows",
    partial: (batchId) =>
      sql`SELECT ${join(names)}, ${order}, ${batchId}::BIGINT AS ${batch}, ${endOfRow} AS ${end} ${from}`,
    answer: (parts, hasPlace) =>
      sql`SELECT ${withPlace(names, own, hasPlace)} FROM ${parts} AS parts ORDER BY ${batch}, ${order}`,
    unordered: (parts) => sql`SELECT ${join(names)} FROM ${parts} AS parts`,
    columnOf: (column) => id(nameIn(columns, column)),
  };
}

export interface SessionRequest extends Omit<RowsRequest, "end"> {
  readonly timeColumn: string;
  readonly gap: Sql;
  /** How much later than its end a session closes, where that is not at once. */
  readonly closesAfter: Sql | undefined;
  /** FROM text of the window call over a relation called `_rows`. */
  readonly sessions: Sql;
}

/**
 * Rows of sessions. Which session a row is in, later rows may still change: the windows are computed when
 * they are asked for. A row's end is the earliest time at which its session may end.
 */
export function sessionShape(request: SessionRequest): StoreShape {
  const { columns, timeColumn, gap, closesAfter, sessions, own } = request;
  const { order, batch, end } = own;
  const closing = (windowEnd: Sql): Sql =>
    closesAfter === undefined ? windowEnd : sql`${windowEnd} + ${closesAfter}`;
  const kept = columns.filter(({ name }) => name !== "window_start" && name !== "window_end");
  const rows = rowShape({ ...request, columns: kept, end: closing(sql`${id(timeColumn)} + ${gap}`) });
  const names = kept.map((column) => id(column.name));
  const all = columns.map((column) => id(column.name));
  const windowed = (parts: Sql, items: readonly Sql[]): Sql =>
    sql`WITH _rows AS (FROM ${parts} AS parts) SELECT ${join(items)} ${sessions}`;
  return {
    ...rows,
    columnOf: rows.columnOf,
    words: "rows of open sessions",
    answer: (parts, hasPlace) =>
      sql`${windowed(parts, withPlace(all, own, hasPlace))} ORDER BY ${batch}, ${order}`,
    unordered: (parts) => windowed(parts, all),
    resolved: (parts) =>
      windowed(parts, [...names, order, batch, sql`${closing(raw("window_end"))} AS ${end}`]),
  };
}

function withPlace(
  names: readonly Sql[],
  { batch, order, place }: OwnColumns,
  hasPlace = false,
): readonly Sql[] {
  return hasPlace ? [...names, sql`${batch} * ${MAX_BATCH_ROWS} + ${order} AS ${raw(place)}`] : names;
}

function nameIn(columns: readonly Column[], name: string): string {
  return columns.find((column) => column.name.toLowerCase() === name)?.name ?? name;
}

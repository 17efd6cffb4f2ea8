/** The relations that every stateful query makes for itself. */

import type { Column } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import { eventTime, lateVariable, type OwnColumns, relation, rowNumber, type Stream } from "./stream.ts";

/**
 * The batch's rows of a query's input with their order, and for a windowed query without late ones. A row
 * without an event time is never late: its window is NULL, and closes when the input ends.
 */
export function inputView(
  query: string,
  input: Stream,
  timeColumn: string | undefined,
  { order }: OwnColumns,
): Sql {
  const view = id(relation.input(query));
  const { rowsInOrder } = input;
  const isCalledSo = rowsInOrder?.order.text === order.text;
  const all =
    rowsInOrder === undefined || isCalledSo
      ? raw("")
      : sql`SELECT * RENAME (${rowsInOrder.order} AS ${order}) `;
  const rows =
    rowsInOrder === undefined
      ? sql`SELECT *, ${rowNumber(input.columns)} AS ${order} FROM ${id(input.name)}`
      : sql`${all}FROM (${rowsInOrder.rows})`;
  if (timeColumn === undefined) return sql`CREATE OR REPLACE TEMP VIEW ${view} AS ${rows}`;
  const time = eventTime(input.columns, timeColumn);
  return sql`SET VARIABLE ${id(lateVariable(query))} = '-infinity'::TIMESTAMP;
    CREATE OR REPLACE TEMP VIEW ${view} AS ${rows}
    WHERE ${time} IS NULL OR ${time} >= getvariable(${lateVariable(query)})`;
}

export function emptyTable(name: string, columns: readonly Column[]): Sql {
  return sql`CREATE OR REPLACE TEMP TABLE ${id(name)} (${definitionsOf(columns)})`;
}

/** Sources' tables are seen by both connections: the one that reads ahead, and the one that executes. */
export function emptySourceTable(name: string, columns: readonly Column[]): Sql {
  return sql`CREATE OR REPLACE TABLE ${id(name)} (${definitionsOf(columns)})`;
}

/** `name type, …` as CREATE TABLE takes them. */
export function definitionsOf(columns: readonly Column[]): readonly Sql[] {
  return columns.map(({ name, type }) => sql`${id(name)} ${raw(type)}`);
}

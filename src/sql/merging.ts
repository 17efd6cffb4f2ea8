/** What a rule for a merging aggregate is: its call, and how its value is made of parts. */

import { raw, type Sql, sql } from "../duckdb/sql.ts";

/** One item of an aggregate's ORDER BY. */
interface OrderItem {
  readonly value: Sql;
  /** `ASC NULLS LAST`, as DuckDB's `create_sort_key` takes it. */
  readonly direction: string;
}

export interface AggregateCall {
  readonly name: string;
  readonly arguments: readonly Sql[];
  readonly filter: Sql | undefined;
  /** Of its ORDER BY; empty where it has none. */
  readonly orders: readonly OrderItem[];
  /** The type of the aggregate's value, and that of its first argument. */
  readonly type: string;
  readonly valueType: string | undefined;
  /**
   * Where the second argument, or all of its ORDER BY, is the time of the row's window: microseconds since
   * the window's start, few enough to share a BIGINT with the row's order. That is a third cheaper than
   * ordering by two columns.
   */
  readonly offsetUs: Sql | undefined;
  /** The column of a row's order in its batch. */
  readonly order: Sql;
  /** Whether lists of values may be kept: those of windows are forgotten one day. */
  readonly keepsValues: boolean;
  /** Whether what has an ORDER BY may merge: a former version kept its rows. */
  readonly mergesOrdered: boolean;
}

export interface Merging {
  /** Over the rows of a batch: the partial columns. */
  readonly partials: readonly Sql[];
  /** Over the partial columns of many batches, given as references: the same columns for all of them. */
  combine(partials: readonly Sql[]): readonly Sql[];
  /** From combined partial columns to the aggregate's value, but for its type. */
  finish(partials: readonly Sql[]): Sql;
  /** How many values a partial row holds, where that is not a fixed number of columns. */
  size?(partials: readonly Sql[]): Sql;
}

export type Rule = (call: AggregateCall) => Merging | undefined;

export function filtered(filter: Sql | undefined): Sql {
  return filter === undefined ? raw("") : sql` FILTER (${filter})`;
}

/** The same as one more condition of a filter that is there. */
export function andFilter(filter: Sql | undefined): Sql {
  return filter === undefined ? raw("") : sql` AND (${filter})`;
}

/** Rules name as many partials as they made. */
export function part(partial: Sql | undefined): Sql {
  if (partial === undefined)
    throw new RangeError("A merge asked for a partial column that its rule did not make");
  return partial;
}

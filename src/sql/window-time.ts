/**
 * What event time means for a window: which rows are late, when it closes, and what its columns tell others.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { TreeNode } from "../duckdb/syntax.ts";
import { MAX_OFFSET_US } from "./aggregates.ts";
import { refusal } from "./refusals.ts";
import type { Stream, TimeBound } from "./stream.ts";
import { isColumn } from "./syntax-facts.ts";
import { monthsOf } from "./window-macros.ts";
import { windowSizes } from "./window-sizes.ts";
import { openWindowStart, type WindowCall } from "./windows.ts";

/** By the name of an output column, in lower case: which column of the window it is. */
export type WindowColumns = ReadonlyMap<string, "window_start" | "window_end">;

export interface Timing {
  readonly timeColumn: string;
  readonly bound: TimeBound;
  /** The window's parameters as SQL. */
  readonly sizes: readonly Sql[];
  /** Of sessions whose gap has months: how much later than their end they close. */
  readonly closesAfter: Sql | undefined;
  /** Microseconds from a row's window_start to its time; undefined where they may be many. */
  readonly offsetUs: Sql | undefined;
  /** The end of a group's window, from the names of the columns that hold its keys. */
  windowEnd(keys: readonly TreeNode[]): (keyNames: readonly Sql[]) => Sql;
  /** The same with another meaning of the watermark. */
  withBound(bound: TimeBound): Timing;
  /** Of the columns that come out. */
  times(local: WindowColumns, columns: readonly Column[]): ReadonlyMap<string, TimeBound>;
}

/** What the watermark means for a window's rows and for the window columns that come out. */
export async function timingOf(
  database: Database,
  select: TreeNode,
  window: WindowCall,
  input: Stream,
): Promise<Timing> {
  const found = [...input.times].find(
    ([column]) => column.toLowerCase() === window.timeColumn.toLowerCase(),
  )?.[1];
  if (found === undefined) {
    const known = [...input.times.keys()].join(", ") || "none";
    throw refusal(
      `"${window.timeColumn}" is no event-time column of ${input.name} (it has: ${known})`,
      "name the source's time column with time:, and pass it through the queries between",
    );
  }
  const timeType = typeOf(input, window.timeColumn);
  const { sizes, origin } = await windowSizes(database, select, window, timeType);
  const { kind } = window;
  // DuckDB compares a month as 30 days, and adds it by the calendar: a row may be less than the gap later
  // than the last one, and yet as much as two days later than the end.
  const closesAfter =
    kind === "session" && (await hasMonths(database, sizes)) ? raw("INTERVAL 3 DAY") : undefined;
  const offsetUs =
    kind === "session" || timeType !== "TIMESTAMP"
      ? undefined
      : await offsetOf(database, window.timeColumn, sizes);
  const withBound = (bound: TimeBound): Timing => ({
    timeColumn: window.timeColumn,
    bound,
    sizes,
    closesAfter,
    offsetUs,
    withBound,
    windowEnd(keys) {
      const start = keys.findIndex((key) => isColumn(key, ["window_start"]));
      const end = keys.findIndex((key) => isColumn(key, ["window_end"]));
      const size = sizes.at(-1) ?? raw("INTERVAL 0 SECOND");
      return (names) =>
        end >= 0 ? (names[end] ?? raw("NULL")) : sql`${names[start] ?? raw("NULL")} + ${size}`;
    },
    times(local, columns) {
      const endBound: TimeBound =
        closesAfter === undefined ? bound : (watermark) => sql`(${bound(watermark)} - ${closesAfter})`;
      return new Map(
        columns.flatMap(({ name }): [string, TimeBound][] => {
          const meaning = local.get(name.toLowerCase());
          // A session that is open may have begun at any time.
          if (meaning === undefined || (kind === "session" && meaning === "window_start")) return [];
          if (kind === "session" || meaning === "window_end") return [[name, endBound]];
          return [[name, (watermark) => openWindowStart(kind, { sizes, origin }, bound(watermark))]];
        }),
      );
    },
  });
  return withBound(found);
}

async function hasMonths(database: Database, [gap]: readonly Sql[]): Promise<boolean> {
  if (gap === undefined) return false;
  const row = await database.row(sql`SELECT ${monthsOf(sql`(${gap})::INTERVAL`)} AS months`);
  return row["months"] !== 0n;
}

function typeOf({ columns }: Stream, name: string): string | undefined {
  return columns.find((column) => column.name.toLowerCase() === name.toLowerCase())?.type;
}

async function offsetOf(
  database: Database,
  timeColumn: string,
  sizes: readonly Sql[],
): Promise<Sql | undefined> {
  const start = sql`TIMESTAMP '2000-01-01'`;
  const size = sizes.at(-1) ?? raw("INTERVAL 0 SECOND");
  const row = await database.row(sql`SELECT epoch_us(${start} + ${size}) - epoch_us(${start}) AS us`);
  const isShort = Number(row["us"]) <= MAX_OFFSET_US;
  return isShort ? sql`(epoch_us(${id(timeColumn)}) - epoch_us(window_start))` : undefined;
}

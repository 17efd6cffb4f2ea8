/** Event time through a query: which of its columns are event times of its inputs, by whatever name. */

import type { Column } from "../duckdb/database.ts";
import { type TreeNode, textIn } from "../duckdb/syntax.ts";
import { type ColumnLineage, passedOn } from "./lineage.ts";
import { scanNumberOf } from "./scan-numbering.ts";
import type { TimeBound } from "./stream.ts";
import { windowCallOf } from "./windows.ts";

/** The event-time columns of a place, by their names. */
export type TimesOfScan = (scan: number) => ReadonlyMap<string, TimeBound>;

/** `tree` is a query without CTEs whose places are marked; its rows each come from single rows. */
export function timesThrough(
  tree: TreeNode,
  timesOf: TimesOfScan,
  columns: readonly Column[],
): ReadonlyMap<string, TimeBound> {
  const passed = timesOfSelect(tree, timesOf);
  return new Map(
    columns.flatMap(({ name }): [string, TimeBound][] => {
      const bound = passed.get(name.toLowerCase());
      return bound === undefined ? [] : [[name, bound]];
    }),
  );
}

function timesOfSelect(select: TreeNode, timesOf: TimesOfScan): ReadonlyMap<string, TimeBound> {
  if (select["type"] !== "SELECT_NODE") return new Map();
  return passedOn(select, timesOfFrom(select["from_table"] as TreeNode, timesOf));
}

function timesOfFrom(from: TreeNode, timesOf: TimesOfScan): readonly ColumnLineage<TimeBound>[] {
  const isRenamed = ((from["column_name_alias"] as readonly string[] | null) ?? []).length > 0;
  if (isRenamed) return [];
  const scan = scanNumberOf(from);
  if (scan !== undefined) return timesAtScan(from, timesOf(scan));
  if (from["type"] === "SUBQUERY") {
    const inner = timesOfSelect((from["subquery"] as TreeNode)["node"] as TreeNode, timesOf);
    return lineagesOf(textIn(from, "alias"), [...inner]);
  }
  if (from["type"] !== "JOIN") return [];
  const left = timesOfFrom(from["left"] as TreeNode, timesOf);
  const right = timesOfFrom(from["right"] as TreeNode, timesOf);
  return [...left, ...right];
}

function timesAtScan(
  from: TreeNode,
  times: ReadonlyMap<string, TimeBound>,
): readonly ColumnLineage<TimeBound>[] {
  const window = windowCallOf(from);
  const alias = textIn(from, "alias");
  const relation = alias !== "" ? alias : (window?.kind ?? textIn(from, "table_name"));
  const own = [...times].map(([name, bound]): [string, TimeBound] => [name.toLowerCase(), bound]);
  const bound = own.find(([name]) => name === window?.timeColumn.toLowerCase())?.[1];
  // A window's end is later than the time of any of its rows: rows to come have none before the watermark.
  return lineagesOf(relation, bound === undefined ? own : [...own, ["window_end", bound]]);
}

function lineagesOf(
  relation: string,
  times: readonly (readonly [string, TimeBound])[],
): readonly ColumnLineage<TimeBound>[] {
  return times.map(([column, meaning]) => ({
    relation: relation.toLowerCase(),
    column: column.toLowerCase(),
    meaning,
  }));
}

/** ASOF joins of streams: for each row of the left, the latest row of the right that is not later. */

import type { Column } from "../duckdb/database.ts";
import { id, raw, sql } from "../duckdb/sql.ts";
import { type TreeNode, textIn } from "../duckdb/syntax.ts";
import type { Pruning } from "../operators/stored-scans.ts";
import { conjunctsOf, type TimeAt, type TimeColumns, timesInFrom } from "../sql/join-bounds.ts";
import { type ColumnLineage, meaningOf } from "../sql/lineage.ts";
import { relationOf } from "../sql/query-analysis.ts";
import { refusal } from "../sql/refusals.ts";
import { scanNumberOf } from "../sql/scan-numbering.ts";
import { eventTime, lateVariable } from "../sql/stream.ts";
import { includesName } from "../sql/syntax-facts.ts";

export interface AsOf {
  /** The places of the two sides. */
  readonly left: number;
  readonly right: number;
  readonly leftTime: string;
  readonly rightTime: string;
  /** The right side's columns that must equal the left's. */
  readonly rightKeys: readonly string[];
}

/**
 * `join` is in resolved names. Undefined where it does not look back in event time from each row of the left.
 * Throws code `job` where its sides are none that can be kept.
 */
export function asOfOf(join: TreeNode, timeColumns: TimeColumns): AsOf | undefined {
  const [leftItem, rightItem] = [join["left"], join["right"]] as readonly TreeNode[];
  const right = rightItem === undefined ? undefined : scanNumberOf(rightItem);
  if (right === undefined || leftItem === undefined || rightItem === undefined)
    throw refusal("the right side of its ASOF join is no stream by name", "put it into a query of its own");
  if (!["INNER", "LEFT"].includes(textIn(join, "join_type")))
    throw refusal(
      `its ASOF join gives rows of the right side that nothing looks back to`,
      "use ASOF JOIN or ASOF LEFT JOIN",
    );
  const compared = comparisonsOf(join, relationOf(rightItem).toLowerCase());
  const times = compared?.filter(({ isTime }) => isTime) ?? [];
  const [time] = times;
  if (compared === undefined || time === undefined || times.length > 1) return undefined;
  const own = timesInFrom(leftItem, timeColumns);
  const left = time.left === undefined ? usingTime(own, time.right.column) : meaningOf(time.left, own);
  const isRightTime = time.right.isWhole && includesName(timeColumns(right), time.right.column);
  if (left === undefined || !isRightTime) return undefined;
  return {
    left: left.scan,
    right,
    leftTime: left.column,
    rightTime: time.right.column,
    rightKeys: compared.filter(({ isTime }) => !isTime).map((key) => key.right.column),
  };
}

/** What a condition compares with a column of the right side, or with a field of one. */
interface Compared {
  /** Undefined where USING names both sides by one name. */
  readonly left: TreeNode | undefined;
  readonly right: { readonly column: string; readonly isWhole: boolean };
  /** Whether the left is to be no earlier than the right; else the two are to be equal. */
  readonly isTime: boolean;
}

/** Undefined where a conjunct is none of those. */
function comparisonsOf(join: TreeNode, rightRelation: string): readonly Compared[] | undefined {
  const using = (join["using_columns"] ?? []) as readonly string[];
  if (using.length > 0)
    return using.map((column, index) => ({
      left: undefined,
      right: { column, isWhole: true },
      isTime: index === using.length - 1,
    }));
  const found: Compared[] = [];
  for (const conjunct of conjunctsOf(join["condition"] ?? null)) {
    const [a, b] = [conjunct["left"], conjunct["right"]] as readonly (TreeNode | undefined)[];
    const isTurned = relationBefore(a) === rightRelation;
    const [left, right] = isTurned ? [b, a] : [a, b];
    if (left === undefined || relationBefore(left) === undefined) return undefined;
    if (relationBefore(right) !== rightRelation || relationBefore(left) === rightRelation) return undefined;
    const type = textIn(conjunct, "type");
    const isTime = (isTurned ? /LESSTHAN/ : /GREATERTHAN/).test(type);
    if (type !== "COMPARE_EQUAL" && !isTime) return undefined;
    const [, column = "", ...fields] = (right?.["column_names"] ?? []) as readonly string[];
    found.push({ left, right: { column, isWhole: fields.length === 0 }, isTime });
  }
  return found;
}

function usingTime(times: readonly ColumnLineage<TimeAt>[], column: string): TimeAt | undefined {
  const found = times.filter((time) => time.column === column.toLowerCase());
  return found.length === 1 ? found[0]?.meaning : undefined;
}

/** What stands before a column's name, in resolved names. */
function relationBefore(node: TreeNode | undefined): string | undefined {
  const parts = node?.["class"] === "COLUMN_REF" ? (node["column_names"] as readonly string[]) : [];
  return parts.length > 1 ? parts[0]?.toLowerCase() : undefined;
}

/** Of the right side's rows behind the watermark, the latest of each key: the only ones still looked at. */
export function asOfPruning(
  { rightTime, rightKeys }: AsOf,
  storeName: string,
  columns: readonly Column[],
): Pruning {
  const time = eventTime(columns, rightTime);
  const isBehind = sql`${time} < getvariable(${lateVariable(storeName)})`;
  const partition = rightKeys.length === 0 ? raw("") : sql`PARTITION BY ${rightKeys.map((key) => id(key))}`;
  const ofKey = rightKeys.length === 0 ? "of all" : `of each ${rightKeys.toSorted().join(", ")}`;
  return {
    merged: (rows) => sql`FROM ${rows} AS parts
      QUALIFY ${time} IS NULL OR NOT ${isBehind}
        OR ${time} = max(CASE WHEN ${isBehind} THEN ${time} END) OVER (${partition})`,
    words: `behind the watermark the latest by ${rightTime} ${ofKey}`,
  };
}

/** ASOF joins of streams: for each row of the left, the latest row of the right that is not later. */

import type { Column } from "../duckdb/database.ts";
import { id, raw, sql } from "../duckdb/sql.ts";
import { type TreeNode, textIn } from "../duckdb/syntax.ts";
import { conjunctsOf, type TimeColumns } from "./join-bounds.ts";
import { leafIndexesOf, leafIndexOf } from "./leaves.ts";
import type { Pruning } from "./places.ts";
import { refusal } from "./refusals.ts";
import { relationOf } from "./shape.ts";
import { eventTime, lateVariable } from "./stream.ts";
import { includesName } from "./syntax-facts.ts";
import { nameOf } from "./windows.ts";

export interface AsOf {
  /** The places of the two sides. */
  readonly left: number;
  readonly right: number;
  readonly leftTime: string;
  readonly rightTime: string;
  /** The right side's columns that must equal the left's. */
  readonly rightKeys: readonly string[];
}

/** Throws code `job` where the join does not look back in time from each row of the left. */
export function asOfOf(join: TreeNode, timeColumns: TimeColumns): AsOf {
  const [leftItem, rightItem] = [join["left"], join["right"]] as readonly TreeNode[];
  const left = leafIndexesOf(leftItem ?? null)[0];
  const right = rightItem === undefined ? undefined : leafIndexOf(rightItem);
  if (left === undefined || right === undefined || leftItem === undefined || rightItem === undefined)
    throw refusal("the right side of its ASOF join is no stream by name", "put it into a query of its own");
  if (!["INNER", "LEFT"].includes(textIn(join, "join_type")))
    throw refusal(
      `its ASOF join gives rows of the right side that nothing looks back to`,
      "use ASOF JOIN or ASOF LEFT JOIN",
    );
  const using = (join["using_columns"] ?? []) as readonly string[];
  const pairs = using.map((name) => [name, name] as const);
  const time = pairs.pop();
  const found = { keys: pairs.map(([, name]) => name), time };
  for (const conjunct of conjunctsOf(join["condition"] ?? null)) {
    const [a, b] = [conjunct["left"], conjunct["right"]] as readonly (TreeNode | undefined)[];
    const isTurned = relationBefore(a) === relationOf(rightItem).toLowerCase();
    const [own, other] = isTurned ? [b, a] : [a, b];
    const names = [nameOf(own), nameOf(other)] as const;
    if (own?.["class"] !== "COLUMN_REF" || other?.["class"] !== "COLUMN_REF") continue;
    if (relationBefore(own) === undefined || relationBefore(other) === undefined) continue;
    const type = textIn(conjunct, "type");
    if (type === "COMPARE_EQUAL") found.keys.push(names[1] ?? "");
    const looksBack = isTurned ? /LESSTHAN/ : /GREATERTHAN/;
    if (looksBack.test(type)) found.time = [names[0] ?? "", names[1] ?? ""];
  }
  const conditions = conjunctsOf(join["condition"] ?? null).length;
  const [leftTime, rightTime] = found.time ?? [];
  const isKnown =
    leftTime !== undefined &&
    rightTime !== undefined &&
    includesName(timeColumns(left), leftTime) &&
    includesName(timeColumns(right), rightTime) &&
    (using.length > 0 || found.keys.length === conditions - 1);
  if (!isKnown)
    throw refusal(
      "its ASOF join does not look back in event time",
      "join ON a.key = b.key AND a.ts >= b.ts, with the event-time columns of both streams",
    );
  return { left, right, leftTime, rightTime, rightKeys: found.keys };
}

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

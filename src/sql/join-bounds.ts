/**
 * How far apart in time rows may be that a join brings together, read from its conditions: `b.ts BETWEEN a.ts
 * AND a.ts + INTERVAL 5 MINUTE` and the like. What is known of pairs is carried on to all places by shortest
 * paths (Floyd–Warshall).
 */

import type { Database } from "../duckdb/database.ts";
import { sql } from "../duckdb/sql.ts";
import { expressionText, nodesOf, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { type ColumnLineage, meaningOf, passedOn } from "./lineage.ts";
import { relationOf } from "./query-analysis.ts";
import { scanNumberOf, scanNumbersOf } from "./scan-numbering.ts";
import { hasColumn } from "./syntax-facts.ts";

/** An event-time column at a place. */
export interface TimeAt {
  readonly scan: number;
  readonly column: string;
}

export interface JoinBounds {
  /** The event-time column of each place that the bounds speak of. */
  readonly timeColumns: readonly string[];
  /** `maxUs[i][j]`: how much later than a row of place i a row of place j may be; Infinity if unbounded. */
  readonly maxUs: readonly (readonly number[])[];
}

/** The event-time columns of a place. */
export type TimeColumns = (scan: number) => readonly string[];

/** `tree` is marked and in resolved names; its places are 0 … count − 1. */
export async function joinBoundsOf(
  database: Database,
  tree: TreeNode,
  count: number,
  timeColumns: TimeColumns,
): Promise<JoinBounds> {
  const nodes: TimeAt[] = Array.from({ length: count }, (_, scan) =>
    timeColumns(scan).map((column) => ({ scan, column: column.toLowerCase() })),
  ).flat();
  const distances = nodes.map((_, row) => nodes.map((_other, column) => (row === column ? 0 : Infinity)));
  const indexOf = (at: TimeAt): number =>
    nodes.findIndex(({ scan, column }) => scan === at.scan && column === at.column);
  for (const { from, to, differenceUs } of await constraintsOf(database, tree, timeColumns)) {
    const row = distances[indexOf(from)];
    const column = indexOf(to);
    if (row !== undefined) row[column] = Math.min(row[column] ?? Infinity, differenceUs);
  }
  for (const [via, onward] of distances.entries())
    for (const row of distances)
      for (const [to, rest] of onward.entries())
        row[to] = Math.min(row[to] ?? Infinity, (row[via] ?? Infinity) + rest);
  const chosen = chooseColumns(nodes, distances, count);
  return {
    timeColumns: chosen.map((node) => nodes[node]?.column ?? ""),
    maxUs: chosen.map((from) => chosen.map((to) => distances[from]?.[to] ?? Infinity)),
  };
}

/** For each place the time column of which most is known. */
function chooseColumns(
  nodes: readonly TimeAt[],
  distances: readonly (readonly number[])[],
  count: number,
): readonly number[] {
  const known = (node: number): number =>
    nodes.filter((_, other) => distances[node]?.[other] !== Infinity && distances[other]?.[node] !== Infinity)
      .length;
  return Array.from({ length: count }, (_, scan) => {
    const own = nodes.flatMap((node, index) => (node.scan === scan ? [index] : []));
    return own.reduce((best, node) => (best < 0 || known(node) > known(best) ? node : best), -1);
  });
}

/** `to` is at most `differenceUs` later than `from`. */
interface Constraint {
  readonly from: TimeAt;
  readonly to: TimeAt;
  readonly differenceUs: number;
}

async function constraintsOf(
  database: Database,
  select: TreeNode,
  timeColumns: TimeColumns,
): Promise<readonly Constraint[]> {
  const found: Constraint[] = [];
  for (const node of nodesOf(select)) {
    if (node["type"] !== "SELECT_NODE") continue;
    const from = node["from_table"] as TreeNode;
    const scope = timesInFrom(from, timeColumns);
    const hasOuter = [...nodesOf(from)].some(
      (item) => item["type"] === "JOIN" && textIn(item, "join_type") !== "INNER",
    );
    const conditions = joinConditionsOf(from);
    for (const condition of hasOuter ? conditions : [...conditions, node["where_clause"] ?? null])
      for (const conjunct of conjunctsOf(condition))
        found.push(...(await comparisonOf(database, select, conjunct, scope)));
  }
  return found;
}

/** The columns of a FROM clause that are an event time of a place, passed on unchanged. */
export function timesInFrom(from: TreeNode, timeColumns: TimeColumns): readonly ColumnLineage<TimeAt>[] {
  if (((from["column_name_alias"] ?? []) as readonly string[]).length > 0) return [];
  const relation = relationOf(from).toLowerCase();
  const scan = scanNumberOf(from);
  if (scan !== undefined)
    return timeColumns(scan).map((name) => {
      const column = name.toLowerCase();
      return { relation, column, meaning: { scan, column } };
    });
  if (from["type"] === "JOIN")
    return [from["left"], from["right"]].flatMap((side) => timesInFrom(side as TreeNode, timeColumns));
  const select =
    from["type"] === "SUBQUERY" ? ((from["subquery"] as TreeNode)["node"] as TreeNode) : undefined;
  if (select?.["type"] !== "SELECT_NODE") return [];
  const inner = passedOn(select, timesInFrom(select["from_table"] as TreeNode, timeColumns));
  return [...inner].map(([column, meaning]) => ({ relation, column, meaning }));
}

function joinConditionsOf(from: TreeNode): readonly Tree[] {
  if (from["type"] !== "JOIN") return [];
  const sides = [from["left"], from["right"]] as readonly TreeNode[];
  const joinsStreams = sides.every((side) => scanNumbersOf(side).length > 0);
  // An outer join's condition with a static table says nothing of the rows that it lets through.
  const holds = textIn(from, "join_type") === "INNER" || joinsStreams;
  return [...(holds ? [from["condition"] ?? null] : []), ...sides.flatMap(joinConditionsOf)];
}

export function conjunctsOf(condition: Tree): readonly TreeNode[] {
  if (condition === null || typeof condition !== "object" || Array.isArray(condition)) return [];
  const node = condition as TreeNode;
  return node["type"] === "CONJUNCTION_AND"
    ? (node["children"] as readonly TreeNode[]).flatMap((child) => conjunctsOf(child))
    : [node];
}

async function comparisonOf(
  database: Database,
  select: TreeNode,
  node: TreeNode,
  scope: readonly ColumnLineage<TimeAt>[],
): Promise<readonly Constraint[]> {
  const term = (side: Tree | undefined): Promise<Term | undefined> =>
    termOf(database, select, side as TreeNode, scope);
  const atMost = (smaller: Term | undefined, greater: Term | undefined): Constraint[] =>
    smaller === undefined || greater === undefined || smaller.at.scan === greater.at.scan
      ? []
      : [{ from: greater.at, to: smaller.at, differenceUs: greater.offsetUs - smaller.offsetUs }];
  if (node["type"] === "COMPARE_BETWEEN") {
    const [input, lower, upper] = [
      await term(node["input"]),
      await term(node["lower"]),
      await term(node["upper"]),
    ];
    return [...atMost(lower, input), ...atMost(input, upper)];
  }
  const left = await term(node["left"]);
  const right = await term(node["right"]);
  switch (node["type"]) {
    case "COMPARE_EQUAL":
      return [...atMost(left, right), ...atMost(right, left)];
    case "COMPARE_LESSTHAN":
    case "COMPARE_LESSTHANOREQUALTO":
      return atMost(left, right);
    case "COMPARE_GREATERTHAN":
    case "COMPARE_GREATERTHANOREQUALTO":
      return atMost(right, left);
    default:
      return [];
  }
}

/** A time column plus a constant. */
interface Term {
  readonly at: TimeAt;
  readonly offsetUs: number;
}

async function termOf(
  database: Database,
  select: TreeNode,
  node: TreeNode | undefined,
  scope: readonly ColumnLineage<TimeAt>[],
): Promise<Term | undefined> {
  if (node === undefined) return undefined;
  const at = meaningOf(node, scope);
  if (at !== undefined) return { at, offsetUs: 0 };
  const operator = textIn(node, "function_name");
  if (node["class"] !== "FUNCTION" || (operator !== "+" && operator !== "-")) return undefined;
  const [left, right] = node["children"] as readonly TreeNode[];
  const [column, constant] =
    operator === "+" && left !== undefined && !hasColumn(left) ? [right, left] : [left, right];
  const inner = await termOf(database, select, column, scope);
  if (inner === undefined || constant === undefined || hasColumn(constant)) return undefined;
  const us = await intervalUs(database, select, constant);
  if (us === undefined) return undefined;
  return { at: inner.at, offsetUs: inner.offsetUs + (operator === "+" ? us : -us) };
}

/** Undefined for what is no interval, or has months, which differ in length. */
async function intervalUs(database: Database, select: TreeNode, node: TreeNode): Promise<number | undefined> {
  const text = await expressionText(database, select, node);
  const [column] = await database.describe(sql`SELECT ${text}`);
  if (column?.type !== "INTERVAL") return undefined;
  const row = await database.row(
    sql`SELECT datepart('month', ${text}) + 12 * datepart('year', ${text}) AS months,
      epoch_us(${text}) AS us`,
  );
  return Number(row["months"]) === 0 && row["us"] !== null ? Number(row["us"]) : undefined;
}

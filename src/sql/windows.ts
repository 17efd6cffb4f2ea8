/**
 * Calls of the window functions, as the syntax tree has them: `tumble`, `hop`, `cumulate` and `session` add
 * the columns `window_start` and `window_end`.
 */

import { type Sql, sql } from "../duckdb/sql.ts";
import { nodesOf, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { bucketOf, isMixed } from "./window-macros.ts";

export const WINDOW_COLUMNS: readonly string[] = ["window_start", "window_end"];

type WindowKind = "tumble" | "hop" | "cumulate" | "session";

/** A window function in a FROM clause, taken apart. */
export interface WindowCall {
  readonly kind: WindowKind;
  readonly stream: string;
  readonly timeColumn: string;
  /** The size (`tumble`), slide and size (`hop`), step and size (`cumulate`), or gap and key (`session`). */
  readonly parameters: readonly TreeNode[];
  /** From where its windows are counted; undefined where DuckDB's own origin is meant. */
  readonly origin: TreeNode | undefined;
}

/** How many parameters each kind has after its stream and time. */
const PARAMETER_COUNTS: ReadonlyMap<string, number> = new Map<WindowKind, number>([
  ["tumble", 1],
  ["hop", 2],
  ["cumulate", 2],
  ["session", 2],
]);

/** The window call that a FROM item is; undefined where it is something else. */
export function windowCallOf(from: TreeNode): WindowCall | undefined {
  if (from["type"] !== "TABLE_FUNCTION") return undefined;
  const call = from["function"] as TreeNode;
  const name = textIn(call, "function_name").toLowerCase();
  const count = PARAMETER_COUNTS.get(name);
  if (count === undefined) return undefined;
  const [stream, time, ...given] = call["children"] as readonly TreeNode[];
  const parameters = given.filter((parameter) => !isOrigin(parameter)).slice(0, count);
  return {
    kind: name as WindowCall["kind"],
    stream: nameOf(stream) ?? "",
    timeColumn: nameOf(time) ?? "",
    parameters,
    origin: given.find((parameter) => !parameters.includes(parameter)),
  };
}

/** Whether a parameter is given by the one name that may be written: `origin := …`. */
export function isOrigin(parameter: TreeNode): boolean {
  return textIn(parameter, "alias").toLowerCase() === "origin";
}

/** True where a window's size, or a session's gap, is the same for every row. */
export function hasConstantSize({ kind, parameters }: WindowCall): boolean {
  return (kind === "session" ? parameters.slice(0, 1) : parameters).every(isConstant);
}

export function hasConstantOrigin({ origin }: WindowCall): boolean {
  return origin === undefined || isConstant(origin);
}

function isConstant(expression: TreeNode): boolean {
  return [...nodesOf(expression)].every((node) => node["class"] !== "COLUMN_REF");
}

/** A window's parameters as SQL. */
export interface WindowSizes {
  readonly sizes: readonly Sql[];
  readonly origin: Sql | undefined;
}

/**
 * No window that is still open at a watermark begins before this, as SQL: what the watermark means for a
 * column that holds window starts.
 */
export function openWindowStart(
  kind: Exclude<WindowKind, "session">,
  { sizes, origin }: WindowSizes,
  watermark: Sql,
): Sql {
  const last = sizes.at(-1);
  if (last === undefined) return watermark;
  const size = sql`(${last})::INTERVAL`;
  if (kind !== "hop") return bucketOf(size, watermark, origin);
  // Of a size in months and days, a start plus the size less the size may be some days after the start.
  const slack = sql`CASE WHEN ${isMixed(size)} THEN INTERVAL 3 DAY ELSE INTERVAL 0 DAY END`;
  return sql`(${watermark} - ${size} - ${slack})`;
}

/** The columns of which each alone tells windows of a kind apart. */
export function windowNames(kind: WindowKind): readonly string[] {
  return kind === "tumble" || kind === "hop" ? WINDOW_COLUMNS : ["window_end"];
}

/** The last part of a column reference; string constants count, as `tumble('ticks', …)` is allowed. */
export function nameOf(node: TreeNode | undefined): string | undefined {
  if (node?.["class"] === "COLUMN_REF") return (node["column_names"] as readonly string[]).at(-1);
  if (node?.["class"] === "CONSTANT") {
    const value = (node["value"] as TreeNode)["value"];
    return typeof value === "string" ? value : undefined;
  }
  return undefined;
}

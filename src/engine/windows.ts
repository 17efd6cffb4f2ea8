/**
 * Windows are DuckDB table macros, so that one SQL text runs in the stream and over the whole input:
 * `tumble`, `hop`, `cumulate` and `session` add the columns `window_start` and `window_end`.
 */

import { raw, type Sql, sql } from "../duckdb/sql.ts";
import { nodesOf, type TreeNode, textIn } from "../duckdb/syntax.ts";

export const WINDOW_MACROS: Sql = raw(`
CREATE OR REPLACE MACRO tumble(tbl, tcol, size) AS TABLE
  SELECT *, time_bucket(size, tcol) AS window_start, time_bucket(size, tcol) + size AS window_end
  FROM query_table(tbl);
CREATE OR REPLACE MACRO hop(tbl, tcol, slide, size) AS TABLE
  SELECT * EXCLUDE (hop_no), time_bucket(slide, tcol) - hop_no * slide AS window_start,
         time_bucket(slide, tcol) - hop_no * slide + size AS window_end
  FROM query_table(tbl), range(0, epoch_ms(size) // epoch_ms(slide)) hops(hop_no);
CREATE OR REPLACE MACRO cumulate(tbl, tcol, step, size) AS TABLE
  SELECT * EXCLUDE (step_no), time_bucket(size, tcol) AS window_start,
         time_bucket(size, tcol) + step_no * step AS window_end
  FROM query_table(tbl), range(1, epoch_ms(size) // epoch_ms(step) + 1) steps(step_no)
  WHERE tcol < time_bucket(size, tcol) + step_no * step;
CREATE OR REPLACE MACRO session(tbl, tcol, gap, key) AS TABLE
  WITH gaps AS (SELECT *, CASE WHEN tcol - lag(tcol) OVER (PARTITION BY key ORDER BY tcol) < gap
                               THEN 0 ELSE 1 END AS session_first FROM query_table(tbl)),
       numbered AS (SELECT *, sum(session_first) OVER (PARTITION BY key ORDER BY tcol
                                                       RANGE UNBOUNDED PRECEDING) AS session_no FROM gaps)
  SELECT * EXCLUDE (session_first, session_no), min(tcol) OVER (PARTITION BY key, session_no) AS window_start,
         max(tcol) OVER (PARTITION BY key, session_no) + gap AS window_end FROM numbered;
`);

export const WINDOW_COLUMNS: readonly string[] = ["window_start", "window_end"];

type WindowKind = "tumble" | "hop" | "cumulate" | "session";

/** A window function in a FROM clause, taken apart. */
export interface WindowCall {
  readonly kind: WindowKind;
  readonly stream: string;
  readonly timeColumn: string;
  /** The size (`tumble`), slide and size (`hop`), step and size (`cumulate`), or gap and key (`session`). */
  readonly parameters: readonly TreeNode[];
}

const WINDOW_KINDS: ReadonlySet<string> = new Set(["tumble", "hop", "cumulate", "session"]);

/** The window call that a FROM item is; undefined where it is something else. */
export function windowCallOf(from: TreeNode): WindowCall | undefined {
  if (from["type"] !== "TABLE_FUNCTION") return undefined;
  const call = from["function"] as TreeNode;
  const name = textIn(call, "function_name").toLowerCase();
  if (!WINDOW_KINDS.has(name)) return undefined;
  const [stream, time, ...parameters] = call["children"] as readonly TreeNode[];
  return {
    kind: name as WindowCall["kind"],
    stream: nameOf(stream) ?? "",
    timeColumn: nameOf(time) ?? "",
    parameters,
  };
}

/** True where a window's size, or a session's gap, is the same for every row. */
export function hasConstantSize({ kind, parameters }: WindowCall): boolean {
  const sizes = kind === "session" ? parameters.slice(0, 1) : parameters;
  return sizes.every((parameter) => [...nodesOf(parameter)].every((node) => node["class"] !== "COLUMN_REF"));
}

/**
 * The least `window_start` of windows that are still open at a watermark, as SQL: what the watermark means
 * for a column that holds window starts.
 */
export function openWindowStart(
  kind: Exclude<WindowKind, "session">,
  sizes: readonly Sql[],
  watermark: Sql,
): Sql {
  const [first, second] = sizes;
  if (first === undefined) return watermark;
  if (kind === "tumble") return sql`time_bucket(${first}, ${watermark})`;
  if (kind === "cumulate") return sql`time_bucket(${second ?? first}, ${watermark})`;
  return sql`(${watermark} - ${second ?? first})`;
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

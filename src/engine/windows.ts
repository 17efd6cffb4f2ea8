/**
 * Windows are DuckDB table macros, so that one SQL text runs in the stream and over the whole input:
 * `tumble`, `hop` and `session` add the columns `window_start` and `window_end`.
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
CREATE OR REPLACE MACRO session(tbl, tcol, gap, key) AS TABLE
  WITH gaps AS (SELECT *, CASE WHEN tcol - lag(tcol) OVER (PARTITION BY key ORDER BY tcol) < gap
                               THEN 0 ELSE 1 END AS session_first FROM query_table(tbl)),
       numbered AS (SELECT *, sum(session_first) OVER (PARTITION BY key ORDER BY tcol
                                                       RANGE UNBOUNDED PRECEDING) AS session_no FROM gaps)
  SELECT * EXCLUDE (session_first, session_no), min(tcol) OVER (PARTITION BY key, session_no) AS window_start,
         max(tcol) OVER (PARTITION BY key, session_no) + gap AS window_end FROM numbered;
`);

export const WINDOW_COLUMNS: readonly string[] = ["window_start", "window_end"];

/** A window function in a FROM clause, taken apart. */
export interface WindowCall {
  readonly kind: "tumble" | "hop" | "session";
  readonly stream: string;
  readonly timeColumn: string;
  /** The size (`tumble`), slide and size (`hop`), or gap and key (`session`). */
  readonly parameters: readonly TreeNode[];
}

const WINDOW_KINDS: ReadonlySet<string> = new Set(["tumble", "hop", "session"]);

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

/** True where a window's size is the same for every row. */
export function hasConstantSize(call: WindowCall): boolean {
  return call.parameters.every((parameter) =>
    [...nodesOf(parameter)].every((node) => node["class"] !== "COLUMN_REF"),
  );
}

/**
 * The least `window_start` of windows that are still open at a watermark, as SQL: what the watermark means
 * for a column that holds window starts.
 */
export function openWindowStart(kind: "tumble" | "hop", sizes: readonly Sql[], watermark: Sql): Sql {
  const [first, second] = sizes;
  if (first === undefined) return watermark;
  if (kind === "tumble") return sql`time_bucket(${first}, ${watermark})`;
  return sql`(${watermark} - ${second ?? first})`;
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

/** What a query may not mean, though it is right: told by `check`, and when a job starts. */

import type { Database } from "../duckdb/database.ts";
import { expressionText, nodesOf, type TreeNode, textIn } from "../duckdb/syntax.ts";
import type { Stream } from "./stream.ts";
import { isColumnNamed } from "./syntax-facts.ts";

const ARG_MAX: ReadonlySet<string> = new Set(["arg_max", "argmax", "max_by", "arg_max_null"]);

/** A line for each `arg_max(x, event time)`: whoever wants the last row of a time gets the first of it. */
export async function tieWarnings(
  database: Database,
  select: TreeNode,
  inputs: readonly Stream[],
): Promise<readonly string[]> {
  const times = inputs.flatMap((input) => [...input.times.keys()]);
  const warnings = new Set<string>();
  for (const node of nodesOf(select)) {
    if (node["class"] !== "FUNCTION" || !ARG_MAX.has(textIn(node, "function_name").toLowerCase())) continue;
    const [value, by, ...more] = node["children"] as readonly TreeNode[];
    if (value === undefined || by === undefined || more.length > 0 || !isOf(by, times)) continue;
    const [call, x, time] = [
      await expressionText(database, select, { ...node, filter: null }),
      await expressionText(database, select, value),
      await expressionText(database, select, by),
    ];
    warnings.add(
      `of equal times ${call.text} takes the first row; ` +
        `last(${x.text} ORDER BY ${time.text}) takes the last, as a close does`,
    );
  }
  return [...warnings];
}

/** The event time itself, or what is made of it alone: `epoch_ms(ts)`. */
function isOf(by: TreeNode, times: readonly string[]): boolean {
  const columns = [...nodesOf(by)].filter((node) => node["class"] === "COLUMN_REF");
  return columns.length > 0 && columns.every((column) => isColumnNamed(column, times));
}

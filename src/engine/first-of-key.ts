/** The way of writing `the first row of each key` that the planner knows. */

import type { TreeNode } from "../duckdb/syntax.ts";

/** The `row_number() OVER (…)` of a `QUALIFY row_number() OVER (…) = 1`; undefined for any other query. */
export function firstOfKey(select: TreeNode): TreeNode | undefined {
  const qualify = select["qualify"] as TreeNode | null | undefined;
  const rank = qualify?.["left"] as TreeNode | undefined;
  const limit = (qualify?.["right"] as TreeNode | undefined)?.["value"] as TreeNode | undefined;
  const isOne = limit?.["value"] === 1;
  const compares = ["COMPARE_EQUAL", "COMPARE_LESSTHANOREQUALTO"].includes(String(qualify?.["type"]));
  return rank?.["type"] === "WINDOW_ROW_NUMBER" && compares && isOne ? rank : undefined;
}

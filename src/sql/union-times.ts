/** Event time through `UNION ALL`: a column of it is one where it is one on both sides. */

import type { Column, Database } from "../duckdb/database.ts";
import { selectText, type TreeNode } from "../duckdb/syntax.ts";
import { type TimesOfScan, timesThrough } from "./event-times.ts";
import { leastOf, type TimeBound } from "./stream.ts";

/**
 * The event times of a query's rows, which each come from single rows. `flat` is the query without CTEs,
 * `tree` the same with its places marked.
 */
export async function timesOfRows(
  database: Database,
  flat: TreeNode,
  tree: TreeNode,
  timesOf: TimesOfScan,
  columns: readonly Column[],
): Promise<ReadonlyMap<string, TimeBound>> {
  if (flat["type"] !== "SET_OPERATION_NODE") return timesThrough(tree, timesOf, columns);
  const side = async (name: "left" | "right") => {
    const query = flat[name] as TreeNode;
    const own = await database.describe(await selectText(database, query));
    return { own, times: await timesOfRows(database, query, tree[name] as TreeNode, timesOf, own) };
  };
  const sides = [await side("left"), await side("right")];
  const isByName = flat["setop_type"] === "UNION_BY_NAME";
  return new Map(
    columns.flatMap(({ name, type }, index): [string, TimeBound][] => {
      const bounds = sides.flatMap(({ own, times }) => {
        const column = isByName ? own.find((one) => isSame(one.name, name)) : own[index];
        const bound = column?.type === type ? times.get(column.name) : undefined;
        // What goes by a source's clock has another watermark.
        return bound === undefined || bound.clock !== undefined ? [] : [bound];
      });
      const least = bounds.length < sides.length ? undefined : leastOf(bounds);
      return least === undefined ? [] : [[name, least]];
    }),
  );
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

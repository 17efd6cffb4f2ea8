/** What a query may not mean, though it is right: told by `check`, and when a job starts. */

import type { Database } from "../duckdb/database.ts";
import { expressionText, nodesOf, replaceNodes, type Tree, type TreeNode, textIn } from "../duckdb/syntax.ts";
import { timesInFrom } from "./join-bounds.ts";
import { type ColumnLineage, meaningOf, withoutCtes } from "./lineage.ts";
import { withResolvedNames } from "./resolved-names.ts";
import { numberScans } from "./scan-numbering.ts";
import type { Stream } from "./stream.ts";
import { type Catalog, clausesOf } from "./syntax-facts.ts";

const ARG_MAX: ReadonlySet<string> = new Set(["arg_max", "argmax", "max_by", "arg_max_null"]);

/** A line for each `arg_max(x, event time)`: whoever wants the last row of a time gets the first of it. */
export async function tieWarnings(
  database: Database,
  select: TreeNode,
  streams: ReadonlyMap<string, Stream>,
  catalog: Catalog,
): Promise<readonly string[]> {
  if (![...nodesOf(select)].some(isArgMax)) return [];
  const written = withoutCtes(select, catalog);
  const { tree, scans } = numberScans(await withResolvedNames(database, written), catalog);
  const timesOf = (scan: number) => [...(streams.get(scans[scan]?.stream ?? "")?.times.keys() ?? [])];
  // Resolving names keeps the order of calls: a call of the one tree has its text in the other.
  const texts = [...nodesOf(written)].filter(isArgMax);
  const places = new Map([...nodesOf(tree)].filter(isArgMax).map((call, index) => [call, index]));
  const warnings = new Set<string>();
  for (const query of nodesOf(tree)) {
    if (query["type"] !== "SELECT_NODE") continue;
    const times = timesInFrom(query["from_table"] as TreeNode, timesOf);
    for (const call of ownCalls(clausesOf(query))) {
      const [, by, ...more] = call["children"] as readonly TreeNode[];
      if (by === undefined || more.length > 0 || !isOf(by, times)) continue;
      const text = (node: TreeNode | undefined) => expressionText(database, select, node ?? by);
      const own = texts[places.get(call) ?? 0] ?? call;
      const [value, order] = own["children"] as readonly TreeNode[];
      const [whole, x, time] = [await text({ ...own, filter: null }), await text(value), await text(order)];
      warnings.add(
        `of equal times ${whole.text} takes the first row; ` +
          `last(${x.text} ORDER BY ${time.text}) takes the last, as a close does`,
      );
    }
  }
  return [...warnings];
}

function isArgMax(node: TreeNode): boolean {
  return node["class"] === "FUNCTION" && ARG_MAX.has(textIn(node, "function_name").toLowerCase());
}

/** Without those of subqueries. */
function ownCalls(clauses: Tree): readonly TreeNode[] {
  const found: TreeNode[] = [];
  replaceNodes(clauses, (node) => {
    if (node["type"] === "SELECT_NODE") return node;
    if (isArgMax(node)) found.push(node);
    return undefined;
  });
  return found;
}

/** The event time itself, or what is made of it alone: `epoch_ms(ts)`. */
function isOf(by: TreeNode, times: readonly ColumnLineage<unknown>[]): boolean {
  const columns = [...nodesOf(by)].filter((node) => node["class"] === "COLUMN_REF");
  return columns.length > 0 && columns.every((column) => meaningOf(column, times) !== undefined);
}

/** Queries whose rows depend on one row of the stream each: the user's own SQL runs over each batch. */

import type { Database } from "../duckdb/database.ts";
import { id, raw, sql } from "../duckdb/sql.ts";
import type { TreeNode } from "../duckdb/syntax.ts";
import type { LeafPlace } from "./leaves.ts";
import type { Query } from "./query.ts";
import type { Stream } from "./stream.ts";
import { timesThrough } from "./times.ts";

export async function statelessQuery(
  database: Database,
  name: string,
  text: string,
  { tree, leaves }: { readonly tree: TreeNode; readonly leaves: readonly LeafPlace[] },
  streams: ReadonlyMap<string, Stream>,
): Promise<Query> {
  const columns = await database.describe(raw(text));
  const inputs = [...new Set(leaves.map(({ stream }) => stream))].flatMap((name) => streams.get(name) ?? []);
  const timesOf = (leaf: number) => streams.get(leaves[leaf]?.stream ?? "")?.times ?? new Map();
  const output: Stream = {
    name,
    columns,
    mode: "append",
    sources: [...new Set(inputs.flatMap(({ sources }) => sources))],
    // Of two streams the one may be far ahead of the other.
    times: inputs.length > 1 ? new Map() : timesThrough(tree, timesOf, columns),
  };
  return {
    output,
    key: [],
    states: [],
    explanation: {
      execution: "each batch on its own",
      state: "none",
      until: "-",
      why: "every row of the answer comes from one row of the stream",
    },
    setup: sql`CREATE OR REPLACE TEMP TABLE ${id(name)} AS SELECT * FROM (${raw(text)}) WHERE false`,
    execute: (db) => db.runCounting(sql`CREATE OR REPLACE TEMP TABLE ${id(name)} AS ${raw(text)}`),
    commit: () => [],
  };
}

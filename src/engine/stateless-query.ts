/** Queries whose rows depend on one row of the stream each: the user's own SQL runs over each batch. */

import { id, raw, sql } from "../duckdb/sql.ts";
import type { TreeNode } from "../duckdb/syntax.ts";
import type { LeafPlace } from "./leaves.ts";
import { orderedSuspects } from "./on-error/suspects.ts";
import { passedThrough } from "./pass-through.ts";
import type { Query } from "./query.ts";
import type { PlanningRequest } from "./shaped.ts";
import type { Stream } from "./stream.ts";
import { timesOfRows } from "./union-times.ts";

interface StatelessTrees {
  /** The query without CTEs; in resolved names; with its places marked. */
  readonly written: TreeNode;
  readonly flat: TreeNode;
  readonly tree: TreeNode;
  readonly leaves: readonly LeafPlace[];
}

export async function statelessQuery(
  request: PlanningRequest,
  { flat, written, tree, leaves }: StatelessTrees,
): Promise<Query> {
  const { database, name, streams } = request;
  const text = request.config.sql;
  const suspects = await orderedSuspects({ ...request, flat });
  const rowsInOrder = await passedThrough(database, written, leaves, streams, request.own);
  const columns = await database.describe(raw(text));
  const inputs = [...new Set(leaves.map(({ stream }) => stream))].flatMap((name) => streams.get(name) ?? []);
  const timesOf = (leaf: number) => streams.get(leaves[leaf]?.stream ?? "")?.times ?? new Map();
  const output: Stream = {
    name,
    columns,
    mode: "append",
    sources: [...new Set(inputs.flatMap(({ sources }) => sources))],
    times: await timesOfRows(database, flat, tree, timesOf, columns),
    rowsInOrder,
    table: rowsInOrder === undefined ? undefined : leaves[0]?.stream,
  };
  const view = sql`CREATE OR REPLACE TEMP VIEW ${id(name)} AS ${raw(text)}`;
  const table = sql`CREATE OR REPLACE TEMP TABLE ${id(name)} AS`;
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
    setup: rowsInOrder === undefined ? sql`${table} SELECT * FROM (${raw(text)}) WHERE false` : view,
    execute: (db, _batch, aside) =>
      aside.overRows({
        run: async () =>
          rowsInOrder === undefined
            ? db.runCounting(sql`${table} ${raw(text)}`)
            : Number((await db.row(sql`SELECT count(*) AS rows FROM ${id(name)}`))["rows"]),
        suspects,
      }),
    commit: () => [],
  };
}

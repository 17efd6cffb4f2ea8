/** Queries whose rows depend on one row of the stream each: the user's own SQL runs over each batch. */

import { id, raw, sql } from "../duckdb/sql.ts";
import type { TreeNode } from "../duckdb/syntax.ts";
import type { PlanningRequest } from "../sql/analyzed-query.ts";
import { projectionView } from "../sql/projection-view.ts";
import type { StreamScan } from "../sql/scan-numbering.ts";
import type { Stream } from "../sql/stream.ts";
import { timesOfRows } from "../sql/union-times.ts";
import { orderedSuspects } from "./on-error/suspects.ts";
import type { Query } from "./query.ts";

interface StatelessTrees {
  /** The query without CTEs; in resolved names; with its places marked. */
  readonly written: TreeNode;
  readonly flat: TreeNode;
  readonly tree: TreeNode;
  readonly scans: readonly StreamScan[];
}

export async function statelessQuery(
  request: PlanningRequest,
  { flat, written, tree, scans }: StatelessTrees,
): Promise<Query> {
  const { database, name, streams } = request;
  const text = request.config.sql;
  const suspects = await orderedSuspects({ ...request, flat });
  const rowsInOrder = await projectionView(database, written, scans, streams, request.own);
  const columns = await database.describe(raw(text));
  const inputs = [...new Set(scans.map(({ stream }) => stream))].flatMap((name) => streams.get(name) ?? []);
  const timesOf = (scan: number) => streams.get(scans[scan]?.stream ?? "")?.times ?? new Map();
  const output: Stream = {
    name,
    columns,
    mode: "append",
    sources: [...new Set(inputs.flatMap(({ sources }) => sources))],
    times: await timesOfRows(database, flat, tree, timesOf, columns),
    rowsInOrder,
    table: rowsInOrder === undefined ? undefined : scans[0]?.stream,
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

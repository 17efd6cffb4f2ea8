/** Queries whose rows depend on one row of the stream each: the user's own SQL runs over each batch. */

import type { Database } from "../duckdb/database.ts";
import { id, raw, sql } from "../duckdb/sql.ts";
import type { TreeNode } from "../duckdb/syntax.ts";
import type { Query } from "./query.ts";
import type { Stream, TimeBound } from "./stream.ts";
import { includesName, isColumn, outputNameOf, selectListOf } from "./syntax-facts.ts";
import { nameOf, openWindowStart, type WindowCall, windowCallOf } from "./windows.ts";

export async function statelessQuery(
  database: Database,
  name: string,
  text: string,
  select: TreeNode,
  inputs: readonly Stream[],
): Promise<Query> {
  const columns = await database.describe(raw(text));
  const output: Stream = {
    name,
    columns,
    mode: "append",
    sources: [...new Set(inputs.flatMap(({ sources }) => sources))],
    times: timesOf(
      select,
      inputs,
      columns.map((column) => column.name),
    ),
  };
  return {
    output,
    key: [],
    explanation: {
      execution: "each batch on its own",
      state: "none",
      until: "-",
      why: "every row of the answer comes from one row of the stream",
    },
    setup: sql`CREATE OR REPLACE TEMP TABLE ${id(name)} AS SELECT * FROM (${raw(text)}) WHERE false`,
    async execute(db) {
      await db.run(sql`CREATE OR REPLACE TEMP TABLE ${id(name)} AS ${raw(text)}`);
    },
    commit: () => [],
  };
}

/** Event-time columns that the query passes through, by whatever name; of one SELECT over one stream only. */
function timesOf(
  select: TreeNode,
  inputs: readonly Stream[],
  outputColumns: readonly string[],
): ReadonlyMap<string, TimeBound> {
  const [input] = inputs;
  if (input === undefined || inputs.length > 1 || select["type"] !== "SELECT_NODE") return new Map();
  const window = windowCallOf(select["from_table"] as TreeNode);
  const times = new Map([...input.times, ...(window === undefined ? [] : windowTimes(window, input))]);
  const found = new Map<string, TimeBound>();
  for (const item of selectListOf(select)) {
    if (item["class"] === "STAR") {
      const isReplaced = (column: string): boolean =>
        JSON.stringify(item["replace_list"]).includes(`"${column}"`);
      for (const [column, bound] of times)
        if (includesName(outputColumns, column) && !isReplaced(column)) found.set(column, bound);
    } else if (isColumn(item, times.keys())) {
      const bound = times.get(nameOf(item) ?? "");
      if (bound !== undefined) found.set(outputNameOf(item) ?? "", bound);
    }
  }
  return found;
}

/** A window column of a row says less than its time: rows to come may still fall into any window that is open. */
function windowTimes(window: WindowCall, input: Stream): [string, TimeBound][] {
  const bound = input.times.get(window.timeColumn);
  if (bound === undefined) return [];
  return [["window_end", (watermark) => openWindowStart("tumble", [], bound(watermark))]];
}

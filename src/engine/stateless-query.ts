/** Queries whose rows depend on one row of the stream each: the user's own SQL runs over each batch. */

import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, sql } from "../duckdb/sql.ts";
import type { TreeNode } from "../duckdb/syntax.ts";
import { type Origin, passedOn, withoutCtes } from "./lineage.ts";
import type { Query } from "./query.ts";
import { relationOf } from "./shape.ts";
import type { Stream, TimeBound } from "./stream.ts";
import { openWindowStart, windowCallOf } from "./windows.ts";

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
    times: timesOf(withoutCtes(select), inputs, columns),
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

/** Event-time columns that the query passes through, by whatever name; of SELECTs over one stream only. */
function timesOf(
  select: TreeNode,
  inputs: readonly Stream[],
  columns: readonly Column[],
): ReadonlyMap<string, TimeBound> {
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) return new Map();
  const passed = passedTimes(select, input);
  return new Map(
    columns.flatMap(({ name }): [string, TimeBound][] => {
      const bound = passed.get(name.toLowerCase());
      return bound === undefined ? [] : [[name, bound]];
    }),
  );
}

function passedTimes(select: TreeNode, input: Stream): ReadonlyMap<string, TimeBound> {
  if (select["type"] !== "SELECT_NODE") return new Map();
  return passedOn(select, timesOfFrom(select["from_table"] as TreeNode, input));
}

function timesOfFrom(from: TreeNode, input: Stream): Origin<TimeBound> {
  const relation = relationOf(from);
  const isRenamed = ((from["column_name_alias"] as readonly string[] | null) ?? []).length > 0;
  if (isRenamed) return { relation, columns: new Map(), isFirst: true };
  const own = [...input.times].map(([name, bound]): [string, TimeBound] => [name.toLowerCase(), bound]);
  const window = windowCallOf(from);
  if (window !== undefined) {
    const bound = own.find(([name]) => name === window.timeColumn.toLowerCase())?.[1];
    // A window column of a row says less than its time: rows to come may still fall into any window that is
    // open.
    const end: TimeBound = (watermark) =>
      openWindowStart("tumble", [], bound === undefined ? watermark : bound(watermark));
    return {
      relation,
      columns: new Map(bound === undefined ? own : [...own, ["window_end", end]]),
      isFirst: true,
    };
  }
  if (from["type"] === "SUBQUERY")
    return {
      relation,
      columns: passedTimes((from["subquery"] as TreeNode)["node"] as TreeNode, input),
      isFirst: true,
    };
  if (
    from["type"] === "BASE_TABLE" &&
    relationOf({ ...from, alias: "" }).toLowerCase() === input.name.toLowerCase()
  )
    return { relation, columns: new Map(own), isFirst: true };
  if (from["type"] !== "JOIN") return { relation, columns: new Map(), isFirst: true };
  const left = timesOfFrom(from["left"] as TreeNode, input);
  if (left.columns.size > 0) return left;
  return { ...timesOfFrom(from["right"] as TreeNode, input), isFirst: false };
}

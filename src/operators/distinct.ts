/**
 * `SELECT DISTINCT` over rows that each come from one row: a row is given out when it is seen first. What was
 * seen is kept; where the rows hold an event time, only until the watermark has passed it.
 */

import type { Column } from "../duckdb/database.ts";
import { id, join, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import { selectText } from "../duckdb/syntax.ts";
import type { AnalyzedQuery } from "../sql/analyzed-query.ts";
import { timesThrough } from "../sql/event-times.ts";
import { emptyTable } from "../sql/input.ts";
import { whyNotRowWise } from "../sql/query-analysis.ts";
import { numberScans } from "../sql/scan-numbering.ts";
import { CHECKPOINT, lateVariable, relation, type TimeBound } from "../sql/stream.ts";
import { hasModifier, isDistinctOn, modifiersOf } from "../sql/syntax-facts.ts";
import { named } from "./emit-on-close.ts";
import { orderedSuspects } from "./on-error/suspects.ts";
import type { Query } from "./query.ts";
import { openStore } from "./store.ts";

/** Undefined where the query is of another shape. */
export async function planDistinct(analyzed: AnalyzedQuery): Promise<Query | undefined> {
  const { database, name, flat, written, columns, catalog, streams, sources, own } = analyzed;
  if (flat["type"] !== "SELECT_NODE" || isDistinctOn(flat) || !hasModifier(flat, "DISTINCT"))
    return undefined;
  const others = modifiersOf(flat).filter((modifier) => modifier["type"] !== "DISTINCT_MODIFIER");
  const plain = { ...flat, modifiers: others };
  if (whyNotRowWise(plain, catalog) !== undefined) return undefined;
  const { tree, scans } = numberScans(plain, catalog);
  if (scans.some(({ window }) => window !== undefined)) return undefined;
  const inputs = new Set(scans.map(({ stream }) => stream));
  const times: ReadonlyMap<string, TimeBound> =
    inputs.size > 1
      ? new Map<string, TimeBound>()
      : timesThrough(tree, (scan) => streams.get(scans[scan]?.stream ?? "")?.times ?? new Map(), columns);
  const [time] = [...times];
  const names = columns.map((column) => id(column.name));
  const rows = named(await selectText(database, written), columns);
  const seen = names.map((column) => sql`new.${column} IS NOT DISTINCT FROM seen.${column}`);
  const late = sql`getvariable(${lateVariable(name)})`;
  const timely =
    time === undefined
      ? raw("")
      : sql`WHERE new.${id(time[0])} IS NULL OR ${timeOf(columns, time[0])} >= ${late}`;
  const end =
    time === undefined ? raw("NULL::TIMESTAMP") : sql`new.${id(time[0])}::TIMESTAMP + INTERVAL 1 MICROSECOND`;
  const state = id(CHECKPOINT, relation.state(name));
  const partial = (batchId: number, before = raw("")) =>
    sql`SELECT new.*, ${batchId}::BIGINT AS ${own.batch}, ${end} AS ${own.end}
      FROM (${rows}) AS new ${before} ${timely}`;
  const store = openStore({
    name,
    own,
    words: "rows",
    columns,
    sources,
    late: time?.[1],
    bound: time?.[1],
    rules: { reads: [...inputs].toSorted().join(", ") },
    minRowsToRewrite: analyzed.minRowsToRewrite,
    // A first setup makes the state's table after this text: it can't name it yet.
    partial: (batchId) =>
      batchId === 0
        ? partial(0)
        : partial(batchId, sql`ANTI JOIN ${state} AS seen ON ${join(seen, " AND ")}`),
    answer: (parts) => sql`SELECT ${join(names)} FROM ${parts} AS parts`,
    unordered: (parts) => sql`SELECT ${join(names)} FROM ${parts} AS parts`,
    columnOf: (column) => id(column),
  });
  const suspects = await orderedSuspects(analyzed);
  const setLate = sql`SET VARIABLE ${id(lateVariable(name))} = ${timestampUs(null)}`;
  return {
    output: { name, columns, mode: "append", sources, times },
    key: [],
    states: [store.state],
    explanation: {
      execution: "rows of each batch that were not seen before",
      state: "every row seen, once",
      until: time === undefined ? "for ever" : `the watermark of ${sources.join(", ")} passes ${time[0]}`,
      why: "a row is known by its values",
    },
    setup: sql`${setLate}; ${store.setup}; ${emptyTable(name, columns)}`,
    async execute(db, batch, aside) {
      await aside.overRows({ run: () => store.add(db, batch), suspects });
      return db.runCounting(sql`CREATE OR REPLACE TEMP TABLE ${id(name)} AS ${store.answer(store.added)}`);
    },
    closedAtEnd: (db) => store.closedBy(db),
    commit: (batch) => store.commit(batch),
  };
}

/** A DATE as the TIMESTAMP that may be compared with any watermark. */
function timeOf(columns: readonly Column[], name: string): Sql {
  const isDate = columns.some((column) => column.name === name && column.type === "DATE");
  return isDate ? sql`(new.${id(name)} + INTERVAL 0 SECOND)` : sql`new.${id(name)}`;
}

/**
 * GROUP BY over a stream or its windows with aggregates that merge. Each batch's rows become partial rows,
 * one a group; they are appended to the state, and merged by GROUP BY when an answer is due. State is never
 * updated in place: a rewrite of the merged rows takes its place when it has doubled.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { insertInto } from "../duckdb/insert.ts";
import { id, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import type { OutputMode } from "../job/schema.ts";
import type { AggregateSql } from "../sql/aggregate-sql.ts";
import { emptyTable } from "../sql/input.ts";
import {
  CHECKPOINT,
  lateVariable,
  OP_COLUMN,
  PLAIN_COLUMNS,
  relation,
  type Stream,
  type TimeBound,
} from "../sql/stream.ts";
import type { Aside } from "./on-error/aside.ts";
import { deleteFailed } from "./on-error/failed-groups.ts";
import { type Groups, openGroups } from "./on-error/groups.ts";
import type { Rest } from "./on-error/without.ts";
import { type Batch, type Explanation, endsInput, type Query } from "./query.ts";
import { inputRule, timeRules } from "./state-rules.ts";
import { stateStatistics } from "./state-statistics.ts";

export interface AggregateOptions {
  readonly name: string;
  readonly mode: OutputMode;
  readonly input: Stream;
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  readonly parts: AggregateSql;
  readonly rest: Rest;
  /** Which groups it gives out: those that were given out must be known when they are taken back. */
  readonly having: string;
  /** Numbers of rows of the input that surely fail. */
  readonly suspects: Sql | undefined;
  /** What the watermark means for the window's time column; undefined without a window. */
  readonly bound: TimeBound | undefined;
  readonly times: ReadonlyMap<string, TimeBound>;
  readonly minRowsToRewrite: number;
}

export function aggregateQuery(options: AggregateOptions): Query {
  const { name, mode, input, parts, bound } = options;
  const partial = id(relation.partial(name));
  const state = id(CHECKPOINT, relation.state(name));
  const everything = sql`(SELECT * FROM ${state} UNION ALL SELECT * FROM ${partial})`;
  const ledger = stateStatistics({
    state,
    sources: input.sources,
    bound,
    end: PLAIN_COLUMNS.end,
    size: parts.size,
    minRowsToRewrite: options.minRowsToRewrite,
  });
  let partialRows = 0;
  let outputRows = -1;
  let wholeIn = -1;
  let isWhole = false;

  /** Partial rows, all of them or those that close, that the batch's answer is made of. */
  const answered = (batch: Batch): Sql | undefined => {
    if (mode !== "append") {
      // Of no rows at all there is an answer too, where nothing is grouped.
      const isAnswerOfNothing = parts.keyCount === 0 && ledger.isEmpty() && endsInput(batch, input.sources);
      const isToldAnew = isWhole && !ledger.isEmpty();
      return partialRows === 0 && !isAnswerOfNothing && !isToldAnew ? undefined : everything;
    }
    if (bound !== undefined) {
      const closing = ledger.closing(batch);
      return closing === undefined ? undefined : sql`(FROM ${everything} WHERE ${closing})`;
    }
    return endsInput(batch, input.sources) ? everything : undefined;
  };
  /** The answer without the groups that are hidden. */
  const emission = (rows: Sql, groups: Groups | undefined): Sql => {
    const shown = (from: Sql): Sql => groups?.shown(from) ?? from;
    const touched = mode === "update" && partialRows > 0 && !isWhole ? shown(partial) : undefined;
    const answer =
      mode === "append" ? parts.answer(shown(rows)) : parts.changes(shown(rows), shown(state), touched);
    // Of no rows there is an answer too, where nothing is grouped: not when that is put aside.
    return parts.keyCount > 0 || groups === undefined ? answer : groups.unlessAside(answer);
  };

  const outputColumns =
    mode === "append" ? options.columns : [...options.columns, { name: OP_COLUMN, type: "VARCHAR" }];
  const emptyOutput = emptyTable(name, outputColumns);

  /** Writes the answer of partial rows, and tells how many rows it has. */
  async function answerOver(database: Database, aside: Aside, rows: Sql): Promise<number> {
    let groups: Groups | undefined;
    // Of a group that this batch does not touch, a batch before has told.
    const touched = mode !== "append" && partialRows > 0 && !isWhole ? partial : undefined;
    const written = await aside.overUnits({
      run: () =>
        database.runCounting(sql`CREATE OR REPLACE TEMP TABLE ${id(name)} AS ${emission(rows, groups)}`),
      units: [
        async () => {
          groups = await openGroups(database, name, parts, {
            partials: mode === "update" ? (touched ?? rows) : rows,
            told: touched,
          });
          return groups;
        },
      ],
    });
    if (groups === undefined || mode !== "update") return written;
    return written + (await deleteFailed(database, { name, parts, state, groups }));
  }

  return {
    output: { name, columns: options.columns, mode, sources: input.sources, times: options.times },
    key: options.key,
    rest: options.rest,
    explanation: explain(options),
    states: [
      {
        table: relation.state(name),
        definition: parts.partial(0).text,
        rules: {
          ...inputRule(input),
          ...timeRules({ sources: input.sources, late: bound, bound }),
          ...(mode === "append" ? {} : { "lets through": options.having }),
        },
        size: () => ledger.size(),
      },
    ],
    setup: sql`CREATE OR REPLACE TEMP TABLE ${partial} AS ${parts.partial(0)} LIMIT 0;
      CREATE TABLE IF NOT EXISTS ${state} AS FROM ${partial}; ${emptyOutput}`,
    async execute(database, batch, aside) {
      await ledger.refresh(database, batch);
      isWhole = batch.id === wholeIn;
      const late = bound?.(timestampUs(batch.watermarkBeforeUs(input.sources)));
      const setLate = late === undefined ? raw("") : sql`SET VARIABLE ${id(lateVariable(name))} = ${late};`;
      const earliest = bound === undefined ? raw("NULL") : sql`epoch_us(min(${PLAIN_COLUMNS.end}))`;
      const figures = sql`SELECT count(*) AS rows, ${parts.size} AS size, ${earliest} AS earliest
        FROM ${partial}`;
      const added = await aside.overRows({
        run: () =>
          database.row(sql`${setLate}
            CREATE OR REPLACE TEMP TABLE ${partial} AS ${parts.partial(batch.id)}; ${figures}`),
        append: () => database.row(sql`${insertInto(partial, parts.partial(batch.id))}; ${figures}`),
        suspects: options.suspects,
      });
      partialRows = Number(added["rows"]);
      ledger.add(Number(added["size"]), added["earliest"] as bigint | null);
      const rows = answered(batch);
      if (rows !== undefined) outputRows = await answerOver(database, aside, rows);
      else if (outputRows !== 0) {
        await database.run(emptyOutput);
        outputRows = 0;
      }
      return outputRows;
    },
    tellWhole(batch) {
      wholeIn = batch;
    },
    closedAtEnd: (database) => ledger.closedBy(database, partial),
    commit(batch) {
      const isOpen = ledger.open(batch);
      const statements: Sql[] = [];
      // What closes in the batch that brought it never enters the state.
      if (partialRows > 0) statements.push(insertInto(state, sql`SELECT * FROM ${partial} WHERE ${isOpen}`));
      if (ledger.isRewriteDue())
        statements.push(
          sql`CREATE OR REPLACE TABLE ${state} AS ${parts.combined(sql`(FROM ${state} WHERE ${isOpen})`)}`,
        );
      return statements;
    },
  };
}

function explain({ mode, parts, bound, input }: AggregateOptions): Explanation {
  const values = parts.holdsValues ? ", with the values that are counted or ranked" : "";
  const perKey =
    parts.keyCount === 0 ? "one row" : bound === undefined ? "one row a key" : "one row a key and window";
  const rows = `${perKey}${values}`;
  const why = "its aggregates merge, so a batch's rows are not needed after it";
  if (bound !== undefined)
    return {
      execution: "partial aggregates of each batch, merged",
      state: rows,
      until: `the watermark of ${input.sources.join(", ")} passes window_end`,
      why,
    };
  return {
    execution: "partial aggregates of each batch, merged",
    state: rows,
    until:
      mode === "append"
        ? "the input ends; only then rows are emitted (mode: update emits them as they change)"
        : "for ever",
    why,
  };
}

/**
 * Any SQL over windows: the rows of open windows are kept, and the user's own SQL runs over the rows of the windows
 * that close. Right whenever each row of the answer depends on the rows of one window only.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import { emptyTable, inputView } from "./input.ts";
import type { Batch, Query } from "./query.ts";
import {
  BATCH_COLUMN,
  CHECKPOINT,
  lateVariable,
  ORDER_COLUMN,
  relation,
  type Stream,
  type TimeBound,
} from "./stream.ts";

export interface RowsOptions {
  readonly name: string;
  readonly input: Stream;
  readonly columns: readonly Column[];
  /** FROM text of the window call over the query's input view. */
  readonly windowed: Sql;
  /** The user's SQL with the closing rows in the window call's place. */
  readonly overClosing: Sql;
  readonly timeColumn: string;
  readonly bound: TimeBound;
  readonly times: ReadonlyMap<string, TimeBound>;
  readonly why: string;
}

const MIN_ROWS_TO_REWRITE = 100_000;

export function rowsQuery(options: RowsOptions): Query {
  const { name, input, bound } = options;
  const partial = id(relation.partial(name));
  const state = id(CHECKPOINT, relation.state(name));
  const partialOf = (batchId: number): Sql =>
    sql`SELECT *, ${batchId}::BIGINT AS ${raw(BATCH_COLUMN)} ${options.windowed}`;
  let stateRows: number | undefined;
  let rowsAfterRewrite = 0;
  let partialRows = 0;

  const closing = (batch: Batch): Sql | undefined => {
    const before = batch.watermarkBeforeUs(input.sources);
    const after = batch.watermarkAfterUs(input.sources);
    if (before === after || after === null) return undefined;
    const from = bound(timestampUs(before));
    const to = bound(timestampUs(after));
    return sql`CREATE OR REPLACE TEMP VIEW ${id(relation.closing(name))} AS
      SELECT * EXCLUDE (${raw(ORDER_COLUMN)}, ${raw(BATCH_COLUMN)})
      FROM (SELECT * FROM ${state} UNION ALL SELECT * FROM ${partial})
      WHERE (window_end > ${from} AND window_end <= ${to}) OR (window_end IS NULL AND NOT isfinite(${timestampUs(after)}))
      ORDER BY ${raw(BATCH_COLUMN)}, ${raw(ORDER_COLUMN)}`;
  };

  return {
    output: { name, columns: options.columns, mode: "append", sources: input.sources, times: options.times },
    key: [],
    explanation: {
      execution: "the rows of open windows are kept, and this SQL runs over each window as it closes",
      state: "the rows of open windows",
      until: `the watermark of ${input.sources.join(", ")} passes window_end`,
      why: options.why,
    },
    setup: sql`${inputView(name, input, options.timeColumn)};
      CREATE OR REPLACE TEMP TABLE ${partial} AS ${partialOf(0)} LIMIT 0;
      CREATE TABLE IF NOT EXISTS ${state} AS FROM ${partial}; ${emptyTable(name, options.columns)}`,
    async execute(database: Database, batch) {
      stateRows ??= await countRows(database, state);
      const late = bound(timestampUs(batch.watermarkBeforeUs(input.sources)));
      await database.run(sql`SET VARIABLE ${id(lateVariable(name))} = ${late};
        CREATE OR REPLACE TEMP TABLE ${partial} AS ${partialOf(batch.id)}`);
      partialRows = await countRows(database, partial);
      const view = closing(batch);
      if (view === undefined) return database.run(emptyTable(name, options.columns));
      await database.run(sql`${view}; CREATE OR REPLACE TEMP TABLE ${id(name)} AS ${options.overClosing}`);
    },
    commit(batch) {
      const statements: Sql[] = [];
      if (partialRows > 0) statements.push(sql`INSERT INTO ${state} FROM ${partial}`);
      stateRows = (stateRows ?? 0) + partialRows;
      if (stateRows < Math.max(MIN_ROWS_TO_REWRITE, 2 * rowsAfterRewrite)) return statements;
      const after = bound(timestampUs(batch.watermarkAfterUs(input.sources)));
      statements.push(
        sql`CREATE OR REPLACE TABLE ${state} AS FROM ${state} WHERE window_end IS NULL OR window_end > ${after}`,
      );
      rowsAfterRewrite = 0;
      stateRows = undefined;
      return statements;
    },
  };
}

async function countRows(database: Database, table: Sql): Promise<number> {
  return Number((await database.row(sql`SELECT count(*) AS rows FROM ${table}`))["rows"]);
}

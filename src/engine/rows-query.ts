/**
 * Any SQL over windows: the rows of open windows are kept, and the user's own SQL runs over the rows of the
 * windows that close. Right whenever each row of the answer depends on the rows of one window only.
 */

import type { Column } from "../duckdb/database.ts";
import { id, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import { emptyTable } from "./input.ts";
import type { Query } from "./query.ts";
import {
  BATCH_COLUMN,
  CHECKPOINT,
  lateVariable,
  ORDER_COLUMN,
  relation,
  type Stream,
  type TimeBound,
  WINDOW_END_COLUMN,
} from "./stream.ts";
import { windowLedger } from "./window-ledger.ts";

export interface RowsOptions {
  readonly name: string;
  readonly input: Stream;
  readonly columns: readonly Column[];
  /** FROM text of the window call over the query's input view. */
  readonly windowed: Sql;
  /** The user's SQL with the closing rows in the window call's place. */
  readonly overClosing: Sql;
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
    sql`SELECT *, ${batchId}::BIGINT AS ${raw(BATCH_COLUMN)}, window_end AS ${raw(WINDOW_END_COLUMN)}
      ${options.windowed}`;
  const ledger = windowLedger({
    state,
    sources: input.sources,
    bound,
    minRowsToRewrite: MIN_ROWS_TO_REWRITE,
  });
  const internal = [ORDER_COLUMN, BATCH_COLUMN, WINDOW_END_COLUMN].map((column) => raw(column));
  const empty = emptyTable(name, options.columns);
  let partialRows = 0;

  return {
    output: { name, columns: options.columns, mode: "append", sources: input.sources, times: options.times },
    key: [],
    states: [{ table: relation.state(name), definition: partialOf(0).text }],
    explanation: {
      execution: "the rows of open windows are kept, and this SQL runs over each window as it closes",
      state: "the rows of open windows",
      until: `the watermark of ${input.sources.join(", ")} passes window_end`,
      why: options.why,
    },
    setup: sql`CREATE OR REPLACE TEMP TABLE ${partial} AS ${partialOf(0)} LIMIT 0;
      CREATE TABLE IF NOT EXISTS ${state} AS FROM ${partial}; ${empty}`,
    async execute(database, batch) {
      await ledger.refresh(database, batch);
      const late = bound(timestampUs(batch.watermarkBeforeUs(input.sources)));
      const added = await database.row(sql`SET VARIABLE ${id(lateVariable(name))} = ${late};
        CREATE OR REPLACE TEMP TABLE ${partial} AS ${partialOf(batch.id)};
        SELECT count(*) AS rows, epoch_us(min(${raw(WINDOW_END_COLUMN)})) AS earliest FROM ${partial}`);
      partialRows = Number(added["rows"]);
      ledger.add(partialRows, added["earliest"] as bigint | null);
      const closing = ledger.closing(batch);
      if (closing === undefined) {
        await database.run(empty);
        return 0;
      }
      return database.runCounting(sql`CREATE OR REPLACE TEMP VIEW ${id(relation.closing(name))} AS
          SELECT * EXCLUDE (${internal}) FROM (SELECT * FROM ${state} UNION ALL SELECT * FROM ${partial})
          WHERE ${closing} ORDER BY ${raw(BATCH_COLUMN)}, ${raw(ORDER_COLUMN)};
        CREATE OR REPLACE TEMP TABLE ${id(name)} AS ${options.overClosing}`);
    },
    commit(batch) {
      const isOpen = ledger.open(batch);
      const statements: Sql[] = [];
      if (partialRows > 0) statements.push(sql`INSERT INTO ${state} FROM ${partial} WHERE ${isOpen}`);
      if (ledger.isRewriteDue())
        statements.push(sql`CREATE OR REPLACE TABLE ${state} AS FROM ${state} WHERE ${isOpen}`);
      return statements;
    },
  };
}

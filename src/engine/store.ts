/**
 * Stores: what a query keeps of one of its inputs between batches. A query that its own SQL answers again and
 * again reads its stores where it would read its streams.
 *
 * A store is appended to and rewritten, never updated in place: DuckDB does not give back what is deleted.
 */

import type { Column, Database } from "../duckdb/database.ts";
import { INFINITY_US, id, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import { type Batch, endsInput, type QueryState } from "./query.ts";
import { CHECKPOINT, lateVariable, relation, type TimeBound, WINDOW_END_COLUMN } from "./stream.ts";
import { windowLedger } from "./window-ledger.ts";

/** What tells one kind of store from another. */
export interface StoreShape {
  /** Names its relations. */
  readonly name: string;
  /** What a batch adds, with the columns `_b` and `_end`. */
  partial(batchId: number): Sql;
  /**
   * The rows that the query reads, from rows of the state: `parts` is the name of a relation or CTE. With
   * `hasPlace` they have the column `_place` too; only stores of rows can give it.
   */
  answer(parts: Sql, hasPlace?: boolean): Sql;
  /** The same in any order, which spares a sort. */
  unordered(parts: Sql): Sql;
  /** The column of a state row that holds a column of the answer. */
  columnOf(column: string): Sql;
  /** An aggregate of state rows: how many values they hold; left out where a row is one. */
  readonly size?: Sql;
  /** Rows of the state, as few as say the same; left out where none can be spared. */
  readonly merged?: (from: Sql) => Sql;
  /** For sessions: their rows with their true `_end`, from rows of the state. */
  readonly resolved?: (parts: Sql) => Sql;
  /** In a person's words. */
  readonly words: string;
}

export interface StoreOptions extends StoreShape {
  /** The columns of the answer. */
  readonly columns: readonly Column[];
  readonly sources: readonly string[];
  /** What is late for its rows; undefined where none is. */
  readonly late: TimeBound | undefined;
  /** When a row may be forgotten: when this has passed its `_end`; undefined if never. */
  readonly bound: TimeBound | undefined;
  readonly minRowsToRewrite: number;
}

export interface Store extends StoreOptions {
  readonly setup: Sql;
  readonly state: QueryState;
  /** Takes the batch's rows. */
  add(database: Database, batch: Batch): Promise<void>;
  /** True where neither the state nor the batch has a row. */
  isEmpty(): boolean;
  /** How many rows the batch has added. */
  addedRows(): number;
  /** What was added, as state rows. */
  readonly added: Sql;
  /** The state of the last commit; with what the batch added. */
  readonly before: Sql;
  readonly now: Sql;
  /** The rows of the state that close in this batch; undefined if there are surely none. */
  closing(database: Database, batch: Batch): Promise<Sql | undefined>;
  commit(batch: Batch): readonly Sql[];
}

const end = raw(WINDOW_END_COLUMN);

export function openStore(options: StoreOptions): Store {
  const { name, sources, bound, resolved } = options;
  const partial = id(relation.partial(name));
  const state = id(CHECKPOINT, relation.state(name));
  const sessions = id(relation.closing(name));
  const now = sql`(SELECT * FROM ${state} UNION ALL SELECT * FROM ${partial})`;
  const definition = options.partial(0);
  const size = options.size ?? raw("count(*)");
  const ledger = windowLedger({ state, sources, bound, size, minRowsToRewrite: options.minRowsToRewrite });
  let addedRows = 0;
  let hasResolved = false;

  const isOpenAt = (batch: Batch): Sql => ledger.open(batch);
  return {
    ...options,
    setup: sql`CREATE OR REPLACE TEMP TABLE ${partial} AS ${definition} LIMIT 0;
      CREATE TABLE IF NOT EXISTS ${state} AS FROM ${partial}`,
    state: { table: relation.state(name), definition: definition.text },
    added: partial,
    before: state,
    now,
    addedRows: () => addedRows,
    isEmpty: () => ledger.isEmpty(),
    async add(database, batch) {
      await ledger.refresh(database, batch);
      hasResolved = false;
      const late = options.late?.(timestampUs(batch.watermarkBeforeUs(sources)));
      const setLate = late === undefined ? raw("") : sql`SET VARIABLE ${id(lateVariable(name))} = ${late};`;
      const row = await database.row(sql`${setLate}
        CREATE OR REPLACE TEMP TABLE ${partial} AS ${options.partial(batch.id)};
        SELECT count(*) AS rows, ${size} AS size, epoch_us(min(${end})) AS earliest FROM ${partial}`);
      addedRows = Number(row["rows"]);
      ledger.add(Number(row["size"]), row["earliest"] as bigint | null);
    },
    async closing(database, batch) {
      if (bound === undefined) {
        return endsInput(batch, sources) ? now : undefined;
      }
      const closing = ledger.closing(batch);
      if (closing === undefined) return undefined;
      if (resolved === undefined) return sql`(FROM ${now} WHERE ${closing})`;
      await database.run(sql`CREATE OR REPLACE TEMP TABLE ${sessions} AS ${resolved(now)}`);
      hasResolved = true;
      const isClosed =
        batch.watermarkAfterUs(sources) === INFINITY_US ? raw("true") : sql`NOT ${isOpenAt(batch)}`;
      return sql`(FROM ${sessions} WHERE ${isClosed})`;
    },
    commit(batch) {
      const statements: Sql[] = [];
      const isOpen = isOpenAt(batch);
      if (hasResolved) {
        ledger.isRewriteDue();
        return [sql`CREATE OR REPLACE TABLE ${state} AS FROM ${sessions} WHERE ${isOpen}`];
      }
      // What closes in the batch that brought it never enters the state; a session's rows tell no true end.
      const kept = resolved === undefined ? isOpen : raw("true");
      if (addedRows > 0) statements.push(sql`INSERT INTO ${state} FROM ${partial} WHERE ${kept}`);
      const isDue = ledger.isRewriteDue();
      // A rewrite that drops and merges nothing would only cost time.
      if (isDue && (bound !== undefined || options.merged !== undefined)) {
        const rows = sql`(FROM ${state} WHERE ${kept})`;
        statements.push(
          sql`CREATE OR REPLACE TABLE ${state} AS ${options.merged?.(rows) ?? sql`FROM ${rows}`}`,
        );
      }
      return statements;
    },
  };
}

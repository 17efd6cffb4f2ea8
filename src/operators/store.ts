/**
 * Stores: what a query keeps of one of its inputs between batches. A query that its own SQL answers again and
 * again reads its stores where it would read its streams.
 *
 * A store is appended to and rewritten, never updated in place: DuckDB does not give back what is deleted.
 */

import { laterUs } from "../base/moments.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { insertInto } from "../duckdb/insert.ts";
import { INFINITY_US, id, join, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import { CHECKPOINT, endOf, lateVariable, type OwnColumns, relation, type TimeBound } from "../sql/stream.ts";
import { type Batch, endsInput, type QueryState } from "./query.ts";
import { type StateRules, timeRules } from "./state-rules.ts";
import { stateStatistics } from "./state-statistics.ts";

/** What tells one kind of store from another. */
export interface StoreShape {
  /** Names its relations. */
  readonly name: string;
  /** What its columns beside the user's are called. */
  readonly own: OwnColumns;
  /** What a batch adds, with the columns of its batch and its end. */
  partial(batchId: number): Sql;
  /**
   * The rows that the query reads, from rows of the state: `parts` is the name of a relation or CTE. With
   * `hasPlace` they have the column of their place too; only stores of rows can give it.
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
  /** True where a state row is a row as it came, known by its batch and its order there. */
  readonly holdsRows?: true;
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
  /** What else decides which rows it has. */
  readonly rules: StateRules;
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
  /** The state of the last commit; with what the batch added. Both without rows that are hidden. */
  before(): Sql;
  now(): Sql;
  /** The state of the last commit without what the watermark had passed by then. */
  openBefore(batch: Batch): Sql;
  /** The state rows that close in this batch and are not hidden; undefined if there are surely none. */
  closing(database: Database, batch: Batch): Promise<Sql | undefined>;
  /** State rows that close in this batch, hidden ones too; after `closing` has given an answer. */
  closingRows(batch: Batch): Sql;
  /**
   * Hides rows of `_b` and `_o` in the query `hidden` for this batch, and drops them with its commit. A
   * `slot` has one such query.
   */
  hideRows(slot: string, hidden: Sql): void;
  /** Hides what closes at one of the times in the query `hidden`, for this batch. */
  hideEnds(hidden: Sql): void;
  commit(batch: Batch): readonly Sql[];
  /** The watermark that would have passed all its rows; null where it has none, or never forgets one. */
  closedBy(database: Database): Promise<bigint | null>;
}

/** The same of several. */
export async function closedByAll(stores: readonly Store[], database: Database): Promise<bigint | null> {
  let last: bigint | null = null;
  for (const store of stores) last = laterUs(last, await store.closedBy(database));
  return last;
}

export function openStore(options: StoreOptions): Store {
  const { name, sources, bound, resolved, own } = options;
  const { order, end } = own;
  const partial = id(relation.partial(name));
  const state = id(CHECKPOINT, relation.state(name));
  const sessions = id(relation.closing(name));
  const whole = sql`(SELECT * FROM ${state} UNION ALL SELECT * FROM ${partial})`;
  const hiddenRows = new Map<string, Sql>();
  let hiddenEnds: Sql | undefined;
  let batchAtHand = -1;
  const isHidden = (): Sql => {
    const all = [...hiddenRows.values()].map((hidden) => sql`(${own.batch}, ${order}) IN (${hidden})`);
    return join(all, " OR ");
  };
  const shown = (rows: Sql): Sql =>
    hiddenRows.size === 0 ? rows : sql`(FROM ${rows} AS parts WHERE NOT (${isHidden()}))`;
  const shownEnds = (): Sql =>
    hiddenEnds === undefined ? raw("true") : sql`${endOf(end)} NOT IN (${hiddenEnds})`;
  const now = (): Sql => shown(whole);
  const definition = options.partial(0);
  const size = options.size ?? raw("count(*)");
  const { minRowsToRewrite } = options;
  const ledger = stateStatistics({ state, sources, bound, end, size, minRowsToRewrite });
  let addedRows = 0;
  let hasResolved = false;

  const isOpenAt = (batch: Batch): Sql => ledger.open(batch);
  const closedAt = (batch: Batch): Sql =>
    batch.watermarkAfterUs(sources) === INFINITY_US ? raw("true") : sql`NOT ${isOpenAt(batch)}`;
  return {
    ...options,
    setup: sql`CREATE OR REPLACE TEMP TABLE ${partial} AS ${definition} LIMIT 0;
      CREATE TABLE IF NOT EXISTS ${state} AS FROM ${partial}`,
    state: {
      table: relation.state(name),
      definition: definition.text,
      rules: { ...options.rules, ...timeRules(options) },
      size: () => ledger.size(),
    },
    added: partial,
    before: () => shown(state),
    now,
    // The rows of a session are dropped as it closes.
    openBefore: (batch) =>
      resolved === undefined
        ? sql`(FROM ${shown(state)} AS parts WHERE ${ledger.openBefore(batch)})`
        : shown(state),
    hideRows: (slot, hidden) => void hiddenRows.set(slot, hidden),
    hideEnds(hidden) {
      hiddenEnds = hidden;
    },
    addedRows: () => addedRows,
    isEmpty: () => ledger.isEmpty(),
    closedBy: (database) => ledger.closedBy(database, partial),
    async add(database, batch) {
      await ledger.refresh(database, batch);
      if (batch.id !== batchAtHand) {
        batchAtHand = batch.id;
        hiddenRows.clear();
        hiddenEnds = undefined;
      }
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
      if (bound === undefined)
        return endsInput(batch, sources) ? sql`(FROM ${now()} AS parts WHERE ${shownEnds()})` : undefined;
      const closing = ledger.closing(batch);
      if (closing === undefined) return undefined;
      if (resolved === undefined) return sql`(FROM ${now()} AS parts WHERE ${closing} AND ${shownEnds()})`;
      await database.run(sql`CREATE OR REPLACE TEMP TABLE ${sessions} AS ${resolved(now())}`);
      hasResolved = true;
      return sql`(FROM ${sessions} WHERE ${closedAt(batch)} AND ${shownEnds()})`;
    },
    closingRows(batch) {
      if (bound === undefined) return whole;
      if (resolved !== undefined) return sql`(FROM ${sessions} WHERE ${closedAt(batch)})`;
      return sql`(FROM ${whole} AS parts WHERE ${ledger.closing(batch) ?? raw("false")})`;
    },
    commit(batch) {
      const statements: Sql[] = [];
      const isOpen = isOpenAt(batch);
      if (hasResolved) {
        ledger.isRewriteDue();
        // Hidden rows are not in there.
        return [sql`CREATE OR REPLACE TABLE ${state} AS FROM ${sessions} WHERE ${isOpen}`];
      }
      // What closes in the batch that brought it never enters the state; a session's rows tell no true end.
      const kept = resolved === undefined ? isOpen : raw("true");
      if (addedRows > 0) statements.push(insertInto(state, sql`SELECT * FROM ${partial} WHERE ${kept}`));
      const isDue = ledger.isRewriteDue();
      // A rewrite that drops and merges nothing would only cost time.
      if (isDue && (bound !== undefined || options.merged !== undefined)) {
        const rows = sql`(FROM ${state} WHERE ${kept})`;
        statements.push(
          sql`CREATE OR REPLACE TABLE ${state} AS ${options.merged?.(rows) ?? sql`FROM ${rows}`}`,
        );
      }
      if (hiddenRows.size > 0) statements.push(sql`DELETE FROM ${state} WHERE ${isHidden()}`);
      return statements;
    },
  };
}

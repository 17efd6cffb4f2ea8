/** What every execution of a query offers the batch loop. */

import type { Database } from "../duckdb/database.ts";
import { INFINITY_US, type Sql } from "../duckdb/sql.ts";
import type { OnError } from "../job/schema.ts";
import type { Stream } from "../sql/stream.ts";
import type { Aside } from "./on-error/aside.ts";
import type { InputTable } from "./on-error/batch-rows.ts";
import type { Rest } from "./on-error/without.ts";
import type { StateRules } from "./state-rules.ts";

/**
 * Where a batch stands in time. Watermarks are microseconds; null is before the first event, INFINITY_US the
 * end.
 */
export interface Batch {
  readonly id: number;
  /** The watermark of a stream that comes from these sources: the least of theirs. */
  watermarkBeforeUs(sources: readonly string[]): bigint | null;
  watermarkAfterUs(sources: readonly string[]): bigint | null;
  /** Static tables that have other rows than the batch before it saw, as the job writes their names. */
  readonly changedTables: ReadonlySet<string>;
}

/** True in the one batch that ends the input of a query from these sources. */
export function endsInput(batch: Batch, sources: readonly string[]): boolean {
  return batch.watermarkAfterUs(sources) === INFINITY_US && batch.watermarkBeforeUs(sources) !== INFINITY_US;
}

/** The plan in a person's words, for `check`. */
export interface Explanation {
  readonly execution: string;
  readonly state: string;
  readonly until: string;
  readonly why: string;
}

/** A table of the checkpoint that a query keeps. */
export interface QueryState {
  readonly table: string;
  /** What its rows are, as SQL: with equal texts, a state made before goes on being right. */
  readonly definition: string;
  /**
   * What else decides which rows it has, by names in a person's words (`state-rules.ts`): what comes in, what
   * is late for it, what it forgets. With equal texts nothing is missing in it.
   */
  readonly rules: StateRules;
  /** How many rows it has, or values where a row holds lists of them, as far as a batch has told. */
  readonly size?: () => number;
}

export interface Query {
  readonly output: Stream;
  /** The columns that name a row; empty where rows have no name. */
  readonly key: readonly string[];
  readonly explanation: Explanation;
  readonly states: readonly QueryState[];
  /** The static tables whose rows of the batch before it asks too, as the job writes their names. */
  readonly tables?: readonly string[];
  /** The query without groups or windows that were put aside, for those who hold it against a batch. */
  readonly rest?: Rest;
  /**
   * Statements that make the query's tables, and its state if it is not there yet. Its input view is there.
   */
  readonly setup: Sql;
  /**
   * Computes the batch's rows into the temporary table of the query's name, from the batch's input tables and
   * the state of the last commit, and tells how many there are. Changes no state: a batch may be executed
   * again. What fails for the values of rows is run through `aside`.
   */
  execute(database: Database, batch: Batch, aside: Aside): Promise<number>;
  /**
   * Statements that bring the state to the end of the batch just executed, for the commit's transaction.
   * Asked again for the same batch it leaves out what can wait, a rewrite of the state.
   */
  commit(batch: Batch): readonly Sql[];
  /**
   * Of a query in update mode whose text may be another one than before: its whole answer is given out in
   * this batch, also what the batch does not touch.
   */
  tellWhole?(batchId: number): void;
  /**
   * Of a query that forgets what the watermark has passed: the watermark that would have passed all that it
   * had, in microseconds. Asked after `execute` in the batch that ends the input; null where there was none.
   */
  closedAtEnd?(database: Database): Promise<bigint | null>;
}

/** A query in its place in the job. */
export interface PlannedQuery extends Query {
  /** The sources and queries that it reads. */
  readonly reads: readonly string[];
  /** Of a job whose input processes share: why each may answer for its own partitions. */
  readonly sharedBecause: string | undefined;
  /** What its writer may not mean, in a person's words. */
  readonly warnings: readonly string[];
  /** What becomes of rows that make it fail, and the tables that its rows come from. */
  readonly onError: OnError;
  readonly inputs: readonly InputTable[];
  /** The SQL that runs: the user's own, or with TRY around it. */
  readonly text: string;
}

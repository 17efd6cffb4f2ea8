/**
 * What a database must be able to do to be a sink's target. The exactly-once flow (`write-batch.ts`) is the
 * same for all of them: rows and the batch's mark, in `streamkit_commits`, in one transaction of the target.
 * That needs no two-phase commit: nothing is left behind that somebody would have to resolve, and the mark
 * tells after any crash whether the batch is there.
 */

import type { Column, Database } from "../duckdb/database.ts";
import type { Sql } from "../duckdb/sql.ts";

type RowsMode = "append" | "update" | "complete";

/** What is written, and as whom. Fixed for the sink's life. */
export interface Feed {
  readonly mode: RowsMode;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  /** The checkpoint and the sink in it: what the mark is kept under. */
  readonly checkpoint: string;
  readonly shard: string;
  readonly job: string;
}

/** A row that the target refuses, by its number in the batch. */
export interface Refusal {
  readonly n: number;
  readonly reason: string;
}

export interface Mark {
  readonly batch: number;
  /** Of the batch's rows, those that the target refused. */
  readonly refused: readonly Refusal[];
}

/** A batch's net effect, in DuckDB. */
export interface NetRows {
  readonly database: Database;
  readonly batch: number;
  /** SELECT of NUMBER, OP (`upsert` or `delete`) and the columns; each key once. */
  readonly rows: Sql;
  readonly hasDeletes: boolean;
  /** Whether a key has a NULL in it. */
  readonly hasNullKeys: boolean;
  /** A file that may be written on the way; the session removes it. */
  readonly staged: string;
  readonly count: number;
}

/** Numbers of rows, both included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * One connection. Whatever throws, except `apply` with a `RefusedRows`, ends the session: the caller closes
 * it, and tries again on a new one.
 */
export interface Session {
  /** The last batch of this feed that the target holds. */
  mark(): Promise<Mark | undefined>;
  /** Whether there are marks of this job and table under other checkpoints. */
  hasOtherMarks(): Promise<boolean>;
  forgetMark(): Promise<void>;
  /** Begins a transaction and puts the mark into it; false where the batch is there already. */
  begin(batch: number): Promise<boolean>;
  /**
   * The rows at once into the table, where that is quicker: false where some are refused, or it can't be, and
   * nothing was done.
   */
  bulk?(rows: NetRows): Promise<boolean>;
  /** Brings the rows to the target, into a place where no constraint refuses them. */
  stage(rows: NetRows): Promise<void>;
  /** Puts staged rows into the table: all of the range, or none, and then it throws a `RefusedRows`. */
  apply(range: Range, rows: NetRows): Promise<void>;
  commit(batch: number, refused: readonly Refusal[]): Promise<void>;
  rollback(): Promise<void>;
  /** Never throws. `isClean` false: what is under way is cut off. */
  close(isClean: boolean): Promise<void>;
}

export interface Target {
  /** What messages call it: no secret is in it. */
  readonly name: string;
  /** A connection; tables are there, and compared, when the first one is made. */
  connect(): Promise<Session>;
  /** SQL over the feed's columns: why a row can't even be sent; NULL where it can. */
  readonly unsendable: Sql | undefined;
}

/** The target refuses at least one of the rows that it was given, and it would each time. */
export class RefusedRows extends Error {}

/**
 * Sinks: where rows go. A sink is one file and one line in `list.ts`.
 *
 * A sink is given each batch once, and after a crash perhaps once more with the same id and the same rows: it
 * must make the pair (batch id, rows) idempotent in its own way. `position` travels in the checkpoint's
 * commit.
 */

import type { z } from "zod";
import type { Clock } from "../base/clock.ts";
import type { Column, Database } from "../duckdb/database.ts";
import { id, raw, type Sql, sql } from "../duckdb/sql.ts";
import type { ByteOutput } from "../runtime/stdio.ts";

type RowsMode = "append" | "update" | "complete";

/** What flows into a sink: fixed for its life. */
export interface SinkInput {
  /** The query (or source) whose rows these are. */
  readonly query: string;
  readonly mode: RowsMode;
  readonly key: readonly string[];
  /** Without `_op`, which the relation has in update and complete mode. */
  readonly columns: readonly Column[];
}

export interface SinkBatch {
  readonly id: number;
  /** A temporary table of the batch's rows, in order. */
  readonly relation: string;
  readonly rows: number;
}

export interface Sink {
  /** Returns when the rows are where they belong, as far as that can be before the commit. */
  write(database: Database, batch: SinkBatch): Promise<void>;
  /** What the sink must remember of a commit, as JSON; undefined if nothing. */
  position(): unknown;
  close(): Promise<void>;
}

export interface SinkContext {
  readonly input: SinkInput;
  /**
   * Names files: the job's name; without a checkpoint also the run's, so that runs don't overwrite each
   * other.
   */
  readonly writer: string;
  /** The partition whose rows these are, where each is run for itself; a place may have one writer. */
  readonly shard?: number | undefined;
  readonly baseFolder: string;
  /** `position()` of the last commit; undefined on a first start. */
  readonly committed: unknown;
  /** The last batch that the checkpoint has committed, and what tells this checkpoint from all others. */
  readonly committedBatch: number;
  /** The last batch that it knows of: the same, or the next one, whose plan a crash has left behind. */
  readonly plannedBatch: number;
  readonly checkpointId: string;
  /** Bare rows, without query and batch, on standard output. */
  readonly bareRows: boolean;
  /** True where what is written must survive a power cut. */
  readonly isDurable: boolean;
  readonly stdout: ByteOutput;
  readonly clock: Clock;
}

export interface SinkKind<Options = unknown> {
  readonly name: string;
  readonly summary: string;
  readonly options: z.ZodType<Options>;
  readonly modes: readonly RowsMode[];
  fromUrl(url: string): unknown;
  /**
   * The place that is written to, as the job names it: one sink may write there, and its position is kept
   * under this name. Undefined where any number may write and there is no position.
   */
  target(options: Options): string | undefined;
  /** A SELECT that DuckDB must understand: it holds the SQL that a job writes in the options. */
  probe?(options: Options, input: SinkInput): Sql;
  /** What readers of the place will stumble over, as sentences for `check`. */
  warnings?(options: Options, input: SinkInput, database: Database): Promise<readonly string[]>;
  open(options: Options, context: SinkContext): Promise<Sink>;
}

/** A relation of no rows with a batch's columns, for a probe. */
export function rowsLike({ columns, mode }: SinkInput): Sql {
  const own = columns.map(({ name, type }) => sql`NULL::${raw(type)} AS ${id(name)}`);
  return sql`(SELECT ${mode === "append" ? own : [...own, raw("NULL::VARCHAR AS _op")]} WHERE false) AS rows`;
}

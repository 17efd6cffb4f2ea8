/**
 * Sinks: where rows go. A sink is one file and one line in `list.ts`.
 *
 * A sink is given each batch once, and after a crash perhaps once more with the same id and the same rows: it
 * must make the pair (batch id, rows) idempotent in its own way. `position` travels in the checkpoint's
 * commit.
 */

import type { z } from "zod";
import type { Clock } from "../base/clock.ts";
import type { Claimant } from "../base/owner.ts";
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
  /** The wall clock when the batch was planned: the same when it is written again. */
  readonly plannedAtMs: number;
  /** True in the batch after which no row is to come. */
  readonly endsInput: boolean;
  /** How far time has come: the watermark, and by name the input's event-time columns. */
  readonly watermark: Reached;
  readonly times: ReadonlyMap<string, Reached>;
}

/** TIMESTAMPs: no row of this batch, and none after it, has an earlier value in a column. */
export interface Reached {
  readonly before: Sql;
  /** The same of rows after this batch; infinity where the input has ended. */
  readonly after: Sql;
}

export interface Sink {
  /** Returns when the rows are where they belong, as far as that can be before the commit. */
  write(database: Database, batch: SinkBatch): Promise<void>;
  /** How many rows of the batch just written it has put into `SinkContext.deadLetters`. */
  divertedRows?(): number;
  /** What the sink must remember of a commit, as JSON; undefined if nothing. */
  position(): unknown;
  /** After `write`: statements for the commit's transaction, over tables of `SinkContext.state`. */
  commit?(batch: SinkBatch): readonly Sql[];
  /** The batch just written is committed. After a crash in here, `open` has to see to it again. */
  committed?(): Promise<void>;
  /** Whether the sink has something to do now that only a batch can do, be it one without input. */
  isDue?(nowMs: number): boolean;
  /** Rows that it keeps until time has passed them, among other things. */
  heldRows?(): number;
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
  /** The input's event-time columns: what a batch's `times` tell of. */
  readonly timeColumns: readonly string[];
  /** `position()` of the last commit; undefined on a first start. */
  readonly committed: unknown;
  /** The last batch that the checkpoint has committed, and what tells this checkpoint from all others. */
  readonly committedBatch: number;
  /** The last batch that it knows of: the same, or the next one, whose plan a crash has left behind. */
  readonly plannedBatch: number;
  /** When that was planned, if a crash has left it behind. */
  readonly plannedAtMs?: number | undefined;
  readonly checkpointId: string;
  /** Whose the target is to be. */
  readonly claimant: Claimant;
  /** Bare rows, without query and batch, on standard output. */
  readonly bareRows: boolean;
  /** True where what is written must survive a power cut. */
  readonly isDurable: boolean;
  readonly stdout: ByteOutput;
  readonly clock: Clock;
  /**
   * A batch under way is ended and committed all the same; but what it waits for may not come for long, and
   * then the sink throws code `stopped`: the next start gives it the batch again.
   */
  readonly stop: AbortSignal;
  /** The connection of the batches. */
  readonly database: Database;
  /** A table of the sink's own in the checkpoint, which it makes; `commit` fills it. */
  readonly state: (name: string) => Sql;
  /** The table of the batch's dead letters: source, origin, byte_offset, line, reason, batch. */
  readonly deadLetters: Sql;
  /** A folder of this machine for files on their way. */
  readonly workingFolder: string;
  /** Environment variables: where credentials are. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Probe {
  /** Where the options have it, like `["headers", "version"]`. */
  readonly keyPath: readonly string[];
  readonly select: Sql;
}

/** A target that nobody else has: nothing is changed until it is taken. */
export interface Claim {
  /** Leaves the mark: when the sink is opened, or not before there are rows. May be called again. */
  take(moment: "opened" | "written"): Promise<void>;
  /** Lets others have it who know of the mark; also where it was not taken. */
  release(): void;
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
  /**
   * The place's names, the same for each way to spell the target: two targets that have one in common are one
   * place. `baseFolder` is the job's.
   */
  plainTargets?(target: string, baseFolder: string): readonly string[];
  /** The SQL that a job writes in the options, each as a SELECT that DuckDB must understand. */
  probes?(options: Options, input: SinkInput): readonly Probe[];
  /** What readers of the place will stumble over, as sentences for `check`. */
  warnings?(options: Options, input: SinkInput, database: Database): Promise<readonly string[]>;
  /**
   * Looks whose the target is, before any sink of the job is opened. Throws code `job` where it is another
   * job's, and `io` where another process has it open. Left out where each may write beside others.
   */
  claim?(options: Options, context: SinkContext): Promise<Claim>;
  open(options: Options, context: SinkContext): Promise<Sink>;
}

/** A relation of no rows with a batch's columns, for a probe. */
export function rowsLike({ columns, mode }: SinkInput): Sql {
  const own = columns.map(({ name, type }) => sql`NULL::${raw(type)} AS ${id(name)}`);
  return sql`(SELECT ${mode === "append" ? own : [...own, raw("NULL::VARCHAR AS _op")]} WHERE false) AS rows`;
}

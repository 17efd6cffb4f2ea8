/** A query whose shape is known, to be given an execution; and what every execution is asked. */

import type { Column, Database } from "../duckdb/database.ts";
import { raw, sql } from "../duckdb/sql.ts";
import type { TreeNode } from "../duckdb/syntax.ts";
import type { QueryConfig } from "../job/schema.ts";
import { refusal } from "./refusals.ts";
import type { OwnColumns, Stream, TimeBound } from "./stream.ts";
import type { Catalog } from "./syntax-facts.ts";
import type { Timing } from "./window-time.ts";

export interface QueryRequest {
  readonly database: Database;
  readonly name: string;
  readonly config: QueryConfig;
  readonly select: TreeNode;
  readonly streams: ReadonlyMap<string, Stream>;
  readonly catalog: Catalog;
  /** A state of fewer rows is not worth a rewrite. */
  readonly minRowsToRewrite: number;
  /** Its state is one that a former version made: rows, also where values or groups are enough. */
  readonly isLegacy: boolean;
  /** By the plan that is always right: all rows are kept, and the SQL runs over them. */
  readonly isGeneral: boolean;
}

/** With what the query's own names leave to us. */
export interface PlanningRequest extends QueryRequest {
  readonly own: OwnColumns;
}

export interface AnalyzedQuery extends PlanningRequest {
  /** Without CTEs, and in resolved names. */
  readonly flat: TreeNode;
  /** The same with names as they are written. */
  readonly written: TreeNode;
  readonly columns: readonly Column[];
  /** The sources that all its inputs come from. */
  readonly sources: readonly string[];
  /** Why its rows do not each come from one row. */
  readonly notRowWise: string;
}

export function refuseCompleteWindows(): never {
  throw refusal("complete mode would keep every window for ever", "use mode: update");
}

/** With `lateness`, windows stay open for so long after the watermark has passed them. */
export function withLateness(timing: Timing, config: QueryConfig): Timing {
  const latenessMs = config.lateness ?? 0;
  if (latenessMs === 0) return timing;
  if (config.mode === "append") refuseLateness(config);
  return timing.withBound(laterBound(timing.bound, latenessMs));
}

function laterBound(bound: TimeBound, latenessMs: number): TimeBound {
  // An INTERVAL literal holds no more than 2^31 microseconds.
  const lateness = raw(`to_microseconds(${Math.round(latenessMs * 1000)})`);
  return (watermark) => sql`(${bound(watermark)} - ${lateness})`;
}

export function refuseLateness(config: QueryConfig): void {
  if ((config.lateness ?? 0) === 0) return;
  throw refusal(
    "lateness lets windows change after they closed, and append mode gives a row once",
    "use mode: update, or a larger watermark of the source",
  );
}

/**
 * What is known of a query's state without asking it, so that a small batch runs few statements: how large
 * it is, whether a rewrite is due, and before which time no window can close.
 */

import type { Database } from "../duckdb/database.ts";
import { INFINITY_US, raw, type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import type { TimeBound } from "../sql/stream.ts";
import type { Batch } from "./query.ts";

export interface StatisticsOptions {
  readonly state: Sql;
  readonly sources: readonly string[];
  /** What the watermark means for the window's time column; undefined without a window. */
  readonly bound: TimeBound | undefined;
  /** The column of the time when a row is closed. */
  readonly end: Sql;
  /** An aggregate of the state's rows: their number, or how many values they hold. */
  readonly size: Sql;
  /** A state smaller than this is not worth a rewrite. */
  readonly minRowsToRewrite: number;
}

export interface StateStatistics {
  /** Asks the state for what is not known. To be called before a batch is executed. */
  refresh(database: Database, batch: Batch): Promise<void>;
  /**
   * Notes the size of what the batch adds and the earliest end of their windows, in microseconds; said again,
   * it takes the place of what was said of the same batch.
   */
  add(size: number, earliestEndUs: bigint | null): void;
  /** The condition of the rows whose windows close in this batch; undefined if there surely are none. */
  closing(batch: Batch): Sql | undefined;
  /** The condition of the rows that are still needed after this batch. */
  open(batch: Batch): Sql;
  /** The same of the batch before it. */
  openBefore(batch: Batch): Sql;
  /** What is known of the state's size; after a rewrite, until a batch looks at it, what it was before. */
  size(): number;
  /** True where there surely was no row yet, this batch's counted. */
  isEmpty(): boolean;
  /** The watermark that would close all rows of the state and of `added`; null without a row or a window. */
  closedBy(database: Database, added: Sql): Promise<bigint | null>;
  /**
   * Whether the state has grown to twice its size after the last rewrite. Forgets what closed in this batch.
   */
  isRewriteDue(): boolean;
}

export function stateStatistics(options: StatisticsOptions): StateStatistics {
  const { state, sources, bound, end, minRowsToRewrite } = options;
  let size: number | undefined;
  let sizeBeforeRewrite = 0;
  /** Of the batch at hand. */
  let addedSize = 0;
  let batchAtHand = -1;
  let sizeAfterRewrite = 0;
  let isEarliestKnown = false;
  let earliestEndUs: bigint | null = null;
  let hasClosed = false;

  const open = (watermarkUs: bigint | null): Sql =>
    bound === undefined ? raw("true") : sql`(${end} IS NULL OR ${end} > ${bound(timestampUs(watermarkUs))})`;
  return {
    async refresh(database, batch) {
      if (batch.id !== batchAtHand) addedSize = 0;
      batchAtHand = batch.id;
      if (size === undefined) {
        const row = await database.row(sql`SELECT ${options.size} AS size FROM ${state}`);
        size = Number(row["size"]);
        sizeAfterRewrite = size;
      }
      if (bound === undefined || isEarliestKnown) return;
      const before = batch.watermarkBeforeUs(sources);
      const row = await database.row(
        sql`SELECT epoch_us(min(${end})) AS earliest FROM ${state} WHERE ${open(before)}`,
      );
      earliestEndUs = row["earliest"] as bigint | null;
      isEarliestKnown = true;
    },
    add(added, earliestUs) {
      size = (size ?? 0) - addedSize + added;
      addedSize = added;
      if (earliestUs !== null && (earliestEndUs === null || earliestUs < earliestEndUs))
        earliestEndUs = earliestUs;
    },
    closing(batch) {
      const before = batch.watermarkBeforeUs(sources);
      const after = batch.watermarkAfterUs(sources);
      hasClosed = false;
      if (bound === undefined || before === after || after === null) return undefined;
      const toUs = timestampUs(after);
      const isEnd = sql`(${end} IS NULL AND NOT isfinite(${toUs}))`;
      // A bound is never later than the watermark itself, so nothing closes before that has passed the
      // earliest end.
      const isAtEnd = after === INFINITY_US;
      if (!isAtEnd && (earliestEndUs === null || after < earliestEndUs)) return undefined;
      hasClosed = true;
      return sql`((${end} > ${bound(timestampUs(before))} AND ${end} <= ${bound(toUs)}) OR ${isEnd})`;
    },
    size: () => size ?? sizeBeforeRewrite,
    isEmpty: () => size === 0,
    open: (batch) => open(batch.watermarkAfterUs(sources)),
    openBefore: (batch) => open(batch.watermarkBeforeUs(sources)),
    async closedBy(database, added) {
      if (bound === undefined) return null;
      const ends = sql`SELECT ${end} FROM ${state} UNION ALL SELECT ${end} FROM ${added}`;
      const [row] = await database.rows(sql`
        SELECT epoch_us(t) AS latest, epoch_us(CASE WHEN isfinite(b) THEN b ELSE t END) AS passed
        FROM (SELECT t, ${bound(raw("t"))} AS b
          FROM (SELECT max(${end}) FILTER (isfinite(${end})) AS t FROM (${ends}))) WHERE t IS NOT NULL`);
      if (row === undefined) return null;
      const [latest, passed] = [row["latest"] as bigint, row["passed"] as bigint];
      // A bound is behind the watermark by as much at all times.
      return latest + (latest - passed);
    },
    isRewriteDue() {
      if (hasClosed) isEarliestKnown = false;
      if ((size ?? 0) < Math.max(minRowsToRewrite, 2 * sizeAfterRewrite)) return false;
      sizeBeforeRewrite = size ?? 0;
      size = undefined;
      addedSize = 0;
      return true;
    },
  };
}

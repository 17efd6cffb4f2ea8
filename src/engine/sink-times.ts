/** How far time has come for a sink's rows. */

import { INFINITY_US, timestampUs } from "../duckdb/sql.ts";
import type { Batch } from "../operators/query.ts";
import type { Reached, SinkBatch } from "../sinks/sink.ts";
import type { Output } from "./outputs.ts";

interface Planned {
  /** When the batch before was planned. */
  readonly beforeMs: number;
  readonly plannedAtMs: number;
  readonly endsInput: boolean;
}

const US_PER_MS = 1000n;

const asReached = (beforeUs: bigint | null, afterUs: bigint | null): Reached => ({
  before: timestampUs(beforeUs),
  after: timestampUs(afterUs),
});

/**
 * The least value that rows may still have in each event-time column. A column of the clock's time goes by
 * when batches are planned: that is what a row gets.
 */
export function reachedTimes(
  { sources, times }: Pick<Output, "sources" | "times">,
  batch: Batch,
  { beforeMs, plannedAtMs, endsInput }: Planned,
): Pick<SinkBatch, "watermark" | "times" | "endsInput"> {
  const watermark = asReached(batch.watermarkBeforeUs(sources), batch.watermarkAfterUs(sources));
  const clock = asReached(
    BigInt(beforeMs) * US_PER_MS,
    endsInput ? INFINITY_US : BigInt(plannedAtMs) * US_PER_MS,
  );
  const columns = [...times].map(([column, bound]): [string, Reached] => [
    column,
    bound.clock === undefined ? { before: bound(watermark.before), after: bound(watermark.after) } : clock,
  ]);
  return { watermark, times: new Map(columns), endsInput };
}

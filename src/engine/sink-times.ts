/** How far time has come for a sink's rows. */

import { INFINITY_US, timestampUs } from "../duckdb/sql.ts";
import type { Reached } from "../sinks/sink.ts";
import type { Output } from "./outputs.ts";
import type { Batch } from "./query.ts";

interface Planned {
  /** When the batch before was planned. */
  readonly beforeMs: number;
  readonly plannedAtMs: number;
  readonly endsInput: boolean;
}

const US_PER_MS = 1000n;

/**
 * The least value that rows may still have in each event-time column. A column of the clock's time goes by
 * when batches are planned: that is what a row gets.
 */
export function reachedTimes(
  { sources, times }: Pick<Output, "sources" | "times">,
  batch: Batch,
  { beforeMs, plannedAtMs, endsInput }: Planned,
): ReadonlyMap<string, Reached> {
  const byEvents = [batch.watermarkBeforeUs(sources), batch.watermarkAfterUs(sources)] as const;
  const byClock = [
    BigInt(beforeMs) * US_PER_MS,
    endsInput ? INFINITY_US : BigInt(plannedAtMs) * US_PER_MS,
  ] as const;
  return new Map(
    [...times].map(([column, bound]): [string, Reached] => {
      const [before, after] = bound.clock === undefined ? byEvents : byClock;
      const least = (us: bigint | null) => {
        const reached = timestampUs(us);
        return bound.clock === undefined ? bound(reached) : reached;
      };
      return [column, { before: least(before), after: least(after) }];
    }),
  );
}

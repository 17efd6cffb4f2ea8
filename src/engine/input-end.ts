/**
 * The end of the input, and what comes after it. The end closes everything that is open, as if time were at
 * its end. But a producer may be started again, and `--once` may be run again on what came since: then the
 * job goes on with the watermark of its events, and what the end has closed stays closed. So each query
 * remembers up to which watermark that is: until it has come so far, earlier rows are late for this query,
 * whose window would otherwise be given out twice.
 */

import { logger } from "../base/log.ts";
import { laterUs } from "../base/moments.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { savedTime } from "../checkpoint/saved-times.ts";
import type { Database } from "../duckdb/database.ts";
import { INFINITY_US } from "../duckdb/sql.ts";
import type { SourceTime, Watermarks } from "../ingest/watermark.ts";
import type { Batch, PlannedQuery } from "../operators/query.ts";
import type { Stream } from "../sql/stream.ts";

type Progress = NonNullable<Checkpoint["progress"]>;

export interface InputEnd {
  /** Whether the input has ended, and nothing came since. */
  hasEnded(): boolean;
  /** Something comes all the same. */
  goOn(watermarks: Watermarks): void;
  /** The batch as a query sees it: time has come at least as far as the end has closed it. */
  seenBy(query: PlannedQuery, batch: Batch): Batch;
  /** The query's watermark, or up to where the end has closed it, if that is later. */
  leastOf(query: Pick<Stream, "name">, watermarkUs: bigint | null): bigint | null;
  /** The watermark up to which the end has closed a query of these sources, if that is later than theirs. */
  closedOf(sources: readonly string[], watermarkUs: bigint | null): bigint | null;
  /** Notes what the end of the input closes, after the queries have run in its batch. */
  end(database: Database): Promise<void>;
  /** For the checkpoint; what the watermark has reached meanwhile is left out. */
  toJson(watermarks: Watermarks): Pick<Progress, "hasEnded" | "closedUs">;
}

export async function openInputEnd(
  database: Database,
  queries: readonly PlannedQuery[],
  saved: Progress | undefined,
): Promise<InputEnd> {
  let hasEnded = saved?.hasEnded ?? isOfOldEnd(saved);
  const closed = new Map(Object.entries(saved?.closedUs ?? {}).map(([name, us]) => [name, BigInt(us)]));
  const noteClosed = async (query: PlannedQuery, atLeastUs: bigint | null): Promise<void> => {
    const last = (await query.closedAtEnd?.(database)) ?? null;
    const us = laterUs(laterUs(closed.get(query.output.name) ?? null, last), atLeastUs);
    if (us !== null) closed.set(query.output.name, us);
  };
  if (isOfOldEnd(saved)) {
    // What it closed was not noted: no more is known than that it had all rows up to the last.
    const seen = Object.values(saved?.sources ?? {}).map(({ maxEventTimeUs: us }) => us ?? null);
    const last = seen.map((us) => (us === null ? null : BigInt(us) + 1n)).reduce(laterUs, null);
    for (const query of queries) if (query.closedAtEnd !== undefined) await noteClosed(query, last);
  }
  const leastOf: InputEnd["leastOf"] = ({ name }, watermarkUs) =>
    laterUs(closed.get(name) ?? null, watermarkUs);
  return {
    leastOf,
    hasEnded: () => hasEnded,
    goOn(watermarks) {
      if (!hasEnded) return;
      hasEnded = false;
      for (const line of wordsOf(queries, closed, watermarks)) logger("engine").info(line);
    },
    seenBy({ output }, batch) {
      if (!closed.has(output.name)) return batch;
      const atLeast = (reachedUs: bigint | null): bigint | null => leastOf(output, reachedUs);
      return {
        ...batch,
        watermarkBeforeUs: (sources) => atLeast(batch.watermarkBeforeUs(sources)),
        watermarkAfterUs: (sources) => atLeast(batch.watermarkAfterUs(sources)),
      };
    },
    closedOf(names, watermarkUs) {
      const all = queries.flatMap(({ output }) => {
        const us = closed.get(output.name);
        return us !== undefined && output.sources.some((source) => names.includes(source)) ? [us] : [];
      });
      const us = all.reduce<bigint | null>(laterUs, null);
      return us !== null && us !== watermarkUs && laterUs(us, watermarkUs) === us ? us : null;
    },
    async end() {
      hasEnded = true;
      for (const query of queries) await noteClosed(query, null);
    },
    toJson(watermarks) {
      for (const { output } of queries) {
        const reached = watermarks.of(output.sources);
        const us = closed.get(output.name);
        if (us !== undefined && reached !== null && reached >= us) closed.delete(output.name);
      }
      return {
        ...(hasEnded ? { hasEnded } : {}),
        ...(closed.size === 0
          ? {}
          : { closedUs: Object.fromEntries([...closed].map(([name, us]) => [name, String(us)])) }),
      };
    },
  };
}

/** Former versions wrote the end as a watermark. */
function isOfOldEnd(saved: Progress | undefined): boolean {
  return Object.values(saved?.sources ?? {}).some(({ watermarkUs }) => watermarkUs === String(INFINITY_US));
}

/** What the checkpoint has of a source's time; of the end, what its events say. */
export function timeOfSource(delayMs: number, saved: Progress["sources"][string] | undefined): SourceTime {
  const time = savedTime(delayMs, saved);
  if (time.watermarkUs !== INFINITY_US) return time;
  return { ...time, watermarkUs: time.maxEventTimeUs === null ? null : time.maxEventTimeUs - time.delayUs };
}

const MAX_SHOWN = 3;

function wordsOf(
  queries: readonly PlannedQuery[],
  closed: ReadonlyMap<string, bigint>,
  watermarks: Watermarks,
): readonly string[] {
  const ahead = queries.flatMap(({ output }) => {
    const us = closed.get(output.name);
    const reached = watermarks.of(output.sources);
    return us === undefined || (reached !== null && reached >= us)
      ? []
      : [`"${output.name}" up to ${new Date(Number(us / 1000n)).toISOString()}`];
  });
  if (ahead.length === 0) return [];
  const more = ahead.length - MAX_SHOWN;
  const shown = more > 0 ? [...ahead.slice(0, MAX_SHOWN), `${more} more`] : ahead;
  return [
    "The input had ended, and goes on: what its end has closed stays closed, and rows before that are late " +
      `(${shown.join(", ")})`,
  ];
}

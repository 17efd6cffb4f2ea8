/** Partitions whose time is long past are removed. */

import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";
import { type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import { isHiddenFolder } from "./hive-layout.ts";
import type { PartitionObserver } from "./partition-observers.ts";
import type { Bound, PartitionRule, ReachedTime } from "./partition-rule.ts";
import { joinPath, type Store } from "./store.ts";

export interface RetentionOptions {
  readonly store: Store;
  readonly folder: string;
  readonly rule: PartitionRule;
  /** How many folders deep partitions are. */
  readonly depth: number;
  readonly keepMs: number;
  readonly observers: readonly PartitionObserver[];
}

export interface Retention {
  /** Looks for partitions to remove as often as time has gone on by one. */
  apply(time: ReachedTime, wallMs: number): Promise<void>;
}

export function openRetention(options: RetentionOptions): Retention {
  const { store, folder, rule, depth, keepMs, observers } = options;
  let last: Bound = "none";
  return {
    async apply(time, wallMs) {
      const bound = await rule.boundAt(notAfter(time, wallMs), keepMs);
      // At the end of the input time goes to infinity: nothing has become old by that.
      if (typeof bound === "string" || JSON.stringify(bound) === JSON.stringify(last)) return;
      last = bound;
      const expired = await rule.complete(await partitionFolders(store, folder, depth), bound);
      if (expired.length === 0) return;
      for (const observer of observers) await observer.dropped?.(expired.map((path) => ({ path })));
      for (const path of expired) await store.remove(joinPath(folder, path));
      logger("parquet").info(
        `${counted(expired.length, "partition")} of ${folder} removed: ${expired.join(", ")}`,
      );
    },
  };
}

/**
 * One event from the far future must not remove everything. What is infinite stays so: the end of the input
 * says nothing of the time that events have reached.
 */
function notAfter({ columns, watermark }: ReachedTime, wallMs: number): ReachedTime {
  const wall = timestampUs(BigInt(Math.floor(wallMs)) * 1000n);
  const capped = (reached: Sql): Sql =>
    sql`CASE WHEN isinf(${reached}) THEN ${reached} ELSE least(${reached}, ${wall}) END`;
  return {
    columns: new Map([...columns].map(([name, reached]) => [name, capped(reached)])),
    watermark: capped(watermark),
  };
}

/** The paths of a table's partitions, so many folders deep. */
export async function partitionFolders(
  store: Store,
  folder: string,
  depth: number,
): Promise<readonly string[]> {
  let paths = [""];
  for (let level = 0; level < depth; level += 1) {
    const below: string[] = [];
    for (const path of paths)
      for (const name of await store.folders(joinPath(folder, path)))
        if (name.includes("=") && !isHiddenFolder(name)) below.push(joinPath(path, name));
    paths = below;
  }
  return paths;
}

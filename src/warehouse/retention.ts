/**
 * Partitions whose time is long past are removed. How far time is, the events of former batches say: not the
 * end of the input, and no clock. What a batch has just written stays for as long as no other one has rows.
 */

import nodePath from "node:path";
import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";
import type { Database } from "../duckdb/database.ts";
import { type Sql, sql, timestampUs } from "../duckdb/sql.ts";
import { tableFiles } from "./compaction/table-files.ts";
import { rowsIn } from "./footers.ts";
import { isHiddenFolder } from "./hive-layout.ts";
import type { PartitionObserver } from "./partition-observers.ts";
import type { Bound, PartitionRule, ReachedTime } from "./partition-rule.ts";
import { joinPath, type Store } from "./store.ts";

export interface RetentionOptions extends TablePlace {
  readonly rule: PartitionRule;
  /** How many folders deep partitions are. */
  readonly depth: number;
  readonly keepMs: number;
  readonly observers: readonly PartitionObserver[];
}

interface TablePlace {
  readonly store: Store;
  readonly folder: string;
  /** As people call it. */
  readonly table: string;
  readonly database: Database;
  /** For what is fetched for a moment. */
  readonly workingFolder: string;
}

export interface Retention {
  /** Removes what is past by as often as time has gone on by a partition, and tells which that was. */
  apply(time: ReachedTime, wallMs: number, fresh: ReadonlySet<string>): Promise<readonly string[]>;
}

export function openRetention(options: RetentionOptions): Retention {
  let last: Bound = "none";
  return {
    async apply(time, wallMs, fresh) {
      const bound = await options.rule.boundAt(notAfter(time, wallMs), options.keepMs);
      if (typeof bound === "string" || JSON.stringify(bound) === JSON.stringify(last)) return [];
      last = bound;
      const expired = (await expiredPartitions(options, bound)).filter((path) => !fresh.has(path));
      if (expired.length === 0) return [];
      const found = await countedPartitions(options, expired);
      await removePartitions(options, expired);
      logger("parquet").info(
        `${counted(found.length, "partition")} of ${options.table} removed: ${wordsOf(found)}`,
      );
      return expired;
    },
  };
}

/** Partitions of a table that are past by a rule. */
export async function expiredPartitions(
  { store, folder, rule, depth }: Pick<RetentionOptions, "store" | "folder" | "rule" | "depth">,
  bound: Bound,
): Promise<readonly string[]> {
  return rule.complete(await partitionFolders(store, folder, depth), bound);
}

export async function removePartitions(
  { store, folder, observers }: Pick<RetentionOptions, "store" | "folder" | "observers">,
  expired: readonly string[],
): Promise<void> {
  for (const observer of observers) await observer.dropped?.(expired.map((path) => ({ path })));
  for (const path of expired) await store.remove(joinPath(folder, path));
}

export interface CountedPartition {
  readonly path: string;
  /** Undefined where that would take too many requests. */
  readonly rows: number | undefined;
}

export async function countedPartitions(
  { store, folder, database, workingFolder }: TablePlace,
  partitions: readonly string[],
): Promise<readonly CountedPartition[]> {
  const files = await tableFiles(store, folder);
  const scratch = nodePath.join(workingFolder, "footers", folder);
  const found: CountedPartition[] = [];
  for (const path of partitions) {
    const own = files.filter(({ place }) => place.startsWith(`${joinPath(folder, path)}/`));
    found.push({ path, rows: await rowsIn(database, store, own, scratch) });
  }
  return found;
}

const MAX_SHOWN = 20;

/** `dt=2026-01-05 (3 rows), dt=2026-01-06 (1 row)` */
export function wordsOf(partitions: readonly CountedPartition[]): string {
  const shown = partitions
    .slice(0, MAX_SHOWN)
    .map(({ path, rows }) => (rows === undefined ? path : `${path} (${counted(rows, "row")})`));
  const more = partitions.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

/** One event from the far future must not remove everything. */
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

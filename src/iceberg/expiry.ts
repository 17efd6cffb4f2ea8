/**
 * Snapshots of ours that are kept: each batch makes one, and metadata has them all. Rows stay when a snapshot
 * goes; what goes is the way back to it. Snapshots of others stay, and so does what a branch or a tag leads
 * to, and what a snapshot came from that has removed files: their files are removed by who expires that one.
 */

import type { Json } from "../base/exact-json.ts";
import { currentSnapshot, type Snapshot, type TableMetadata } from "./metadata.ts";

export interface Expiry {
  /** So many of ours stay at least; undefined where all do. */
  readonly keep: number | undefined;
}

/** What a snapshot of ours says of its batch. */
export const BATCH = "streamkit.batch";

interface Expired {
  readonly metadata: TableMetadata;
  readonly snapshots: readonly Snapshot[];
}

/** Some more than are kept may be there: going through them all for one would cost too much. */
const SLACK = 0.25;

export function expired(metadata: TableMetadata, { keep }: Expiry): Expired {
  const all = metadata.snapshots ?? [];
  if (keep === undefined || all.length <= keep) return { metadata, snapshots: [] };
  const held = heldSnapshots(metadata, all);
  const own = all.filter((one) => one.summary[BATCH] !== undefined && !held.has(one["snapshot-id"]));
  const excess = own.length - keep;
  if (excess <= keep * SLACK) return { metadata, snapshots: [] };
  const snapshots = own.slice(0, excess);
  const gone = new Set<Json>(snapshots.map((one) => one["snapshot-id"]));
  const isThere = (entry: { readonly "snapshot-id": Json }): boolean => !gone.has(entry["snapshot-id"]);
  const log = metadata["snapshot-log"] ?? [];
  // No entry may be older than one that is missing.
  const lastGone = log.findLastIndex((entry) => !isThere(entry));
  return {
    snapshots,
    metadata: {
      ...metadata,
      snapshots: all.filter(isThere),
      "snapshot-log": log.slice(lastGone + 1),
      ...(metadata.statistics === undefined ? {} : { statistics: metadata.statistics.filter(isThere) }),
      ...(metadata["partition-statistics"] === undefined
        ? {}
        : { "partition-statistics": metadata["partition-statistics"].filter(isThere) }),
    },
  };
}

/** Those that branches, tags and snapshots that removed files lead back to, and the current one. */
function heldSnapshots(metadata: TableMetadata, all: readonly Snapshot[]): ReadonlySet<Json> {
  const byId = new Map(all.map((one) => [one["snapshot-id"], one]));
  const held = new Set<Json>();
  const hold = (first: Json | undefined): void => {
    for (let at = first; at !== undefined && !held.has(at); at = byId.get(at)?.["parent-snapshot-id"])
      held.add(at);
  };
  for (const [name, ref] of Object.entries(metadata.refs ?? {}))
    if (name !== "main") hold(ref["snapshot-id"]);
  for (const one of all) if (one.summary["operation"] !== "append") hold(one["snapshot-id"]);
  const current = currentSnapshot(metadata)?.["snapshot-id"];
  if (current !== undefined) held.add(current);
  return held;
}

/** How many records each partition may give: the rate of all, that of a partition, and fairness. */

import type { Partition } from "../kafka/partition.ts";
import type { KafkaSourceOptions } from "./kafka-options.ts";
import type { KafkaPosition } from "./kafka-position.ts";
import type { Limit, SourceContext } from "./source.ts";

/** Rates count records for so long at most. */
const RATE_MS = 1000;

export interface Allowance {
  /** Of each partition, how many records it may give now. */
  of(limit: Limit, partitions: readonly Partition[]): (partition: Partition) => number;
  spend(before: KafkaPosition, after: KafkaPosition): void;
  /** True while partitions may have used up what they are allowed. */
  isShort(): boolean;
}

export function openAllowance(
  { partition_rate: rate }: KafkaSourceOptions,
  { clock }: SourceContext,
): Allowance {
  const earned = new Map<string, number>();
  let earnedAtMs = clock.monotonicMs();
  const earn = (partitions: readonly Partition[], perSecond: number): void => {
    const nowMs = clock.monotonicMs();
    const more = (perSecond * Math.min(RATE_MS, nowMs - earnedAtMs)) / RATE_MS;
    earnedAtMs = nowMs;
    for (const { name } of partitions) earned.set(name, Math.min(perSecond, (earned.get(name) ?? 0) + more));
  };
  return {
    of(limit, partitions) {
      const shares = fairShares(partitions, limit.maxLines);
      const shareOf = ({ name }: Partition): number => shares.get(name) ?? 0;
      if (rate === undefined) return shareOf;
      earn(partitions, rate);
      return (partition) => Math.min(shareOf(partition), Math.floor(earned.get(partition.name) ?? 0));
    },
    spend(before, after) {
      if (rate === undefined) return;
      for (const [name, next] of Object.entries(after.next))
        earned.set(name, (earned.get(name) ?? 0) - (next - (before.next[name] ?? next)));
    },
    isShort: () => rate !== undefined && clock.monotonicMs() - earnedAtMs < RATE_MS,
  };
}

/** So many records in all, shared so that no partition starves: those with few give what the others take. */
function fairShares(partitions: readonly Partition[], maxRecords: number): ReadonlyMap<string, number> {
  const shares = new Map<string, number>();
  const waiting = partitions.filter(({ buffered }) => buffered.records > 0);
  let left = maxRecords;
  waiting
    .toSorted((a, b) => a.buffered.records - b.buffered.records)
    .forEach(({ name, buffered }, index, all) => {
      const share = Math.min(buffered.records, Math.ceil(left / (all.length - index)));
      shares.set(name, share);
      left -= share;
    });
  return shares;
}

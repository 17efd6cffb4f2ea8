/** How far the partitions of a Kafka source were read, and where they are read from when it is opened. */

import { logger } from "../base/log.ts";
import type { Connected, Consumer } from "../kafka/client.ts";
import type { TopicPartition } from "../kafka/lane.ts";
import { type Gap, gapError, gapOf, goneError, type Partition } from "../kafka/partition.ts";
import type { Discovered, Start } from "../kafka/reader.ts";
import {
  type Edges,
  edgesOf,
  offsetAt,
  parsePartitionName,
  partitionName,
  selectedPartitions,
  topicIds,
} from "../kafka/topics.ts";
import { type KafkaSourceOptions, selectionOf } from "./kafka-options.ts";
import { optionError, type SourceContext } from "./source.ts";

export interface KafkaPosition {
  /** By `TOPIC/PARTITION`: the offset of the next record. */
  readonly next: Readonly<Record<string, number>>;
  /** By topic, what tells it from another one of its name. */
  readonly ids: Readonly<Record<string, string>>;
}

export function positionOf(
  partitions: readonly Pick<Partition, "name" | "topic" | "topicId" | "next">[],
): KafkaPosition {
  return {
    next: Object.fromEntries(partitions.map(({ name, next }) => [name, next])),
    ids: Object.fromEntries(
      partitions.flatMap(({ topic, topicId }) => (topicId === undefined ? [] : [[topic, topicId] as const])),
    ),
  };
}

/**
 * Where each partition is read from. Codes `input` and `io`: an unknown topic, a gap, a broker that does
 * not answer.
 */
export async function openingOf(
  connected: Connected<Consumer>,
  options: KafkaSourceOptions,
  context: SourceContext,
): Promise<readonly Start[]> {
  const committed = context.committed as KafkaPosition | undefined;
  const all = await selectedPartitions(connected, selectionOf(options));
  if (committed === undefined) checkNamed(all, options);
  const partitions = ownPartitions(all, context);
  checkMissing(partitions, options, committed, context);
  const ids = await topicIds(connected, topicsOf(partitions));
  const starts: Start[] = [];
  for (const partition of partitions) {
    const edges = await edgesOf(connected, partition);
    const topicId = ids.get(partition.topic);
    const next =
      committed === undefined
        ? await firstOffset(connected, options, partition, edges)
        : resumedOffset(options, partition, edges, { committed, topicId });
    starts.push({ ...partition, next, topicId, stopAt: context.isBounded ? edges.high : undefined });
  }
  return starts;
}

/**
 * What is there beside what is `read`: partitions that were not there begin with their first record, where
 * more is wanted than what was there. So do those of a topic that was made anew, where `on_gap` lets them.
 */
export async function discovered(
  connected: Connected<Consumer>,
  options: KafkaSourceOptions,
  context: SourceContext,
  read: readonly Partition[],
): Promise<Discovered> {
  const all = await selectedPartitions(connected, selectionOf(options), "those that are there");
  const partitions = ownPartitions(all, context);
  const ids = await topicIds(connected, topicsOf(partitions));
  const known = new Map(read.map((partition) => [partition.name, partition]));
  const starts: Start[] = [];
  for (const partition of partitions) {
    const name = partitionName(partition);
    const before = known.get(name);
    const topicId = ids.get(partition.topic) ?? before?.topicId;
    const isAnew = before?.topicId !== undefined && before.topicId !== topicId;
    if (before === undefined ? context.isBounded : !isAnew) continue;
    const edges = await edgesOf(connected, partition);
    const next = before === undefined ? edges.low : overGap(options, gapOf(name, before.next, edges, isAnew));
    const stopAt = context.isBounded ? edges.high : undefined;
    starts.push({ ...partition, next: next ?? edges.low, topicId, stopAt });
  }
  return { starts, topics: new Set(topicsOf(all)) };
}

function ownPartitions(
  all: readonly TopicPartition[],
  { partitions: own }: SourceContext,
): readonly TopicPartition[] {
  return own === undefined ? all : all.filter(({ partition }) => own.includes(partition));
}

function topicsOf(partitions: readonly TopicPartition[]): readonly string[] {
  return [...new Set(partitions.map(({ topic }) => topic))];
}

/** A pattern finds what is there: a topic that was read and is gone would not be missed. */
function checkMissing(
  partitions: readonly TopicPartition[],
  { pattern, on_gap: onGap }: KafkaSourceOptions,
  committed: KafkaPosition | undefined,
  context: SourceContext,
): void {
  if (pattern === undefined || context.partitions !== undefined) return;
  const there = new Set(topicsOf(partitions));
  const gone = Object.keys(committed?.next ?? {}).find((name) => !there.has(parsePartitionName(name).topic));
  if (gone === undefined) return;
  const { topic } = parsePartitionName(gone);
  if (onGap === "fail") throw goneError(topic);
  logger("kafka").warn(`The topic "${topic}" is gone: going on without it, as on_gap says`);
}

async function firstOffset(
  connected: Connected<Consumer>,
  { start }: KafkaSourceOptions,
  partition: TopicPartition,
  { low, high }: Edges,
): Promise<number> {
  if (start === "earliest") return low;
  if (start === "latest") return high;
  if ("timestamp" in start) return (await offsetAt(connected, partition, start.timestamp)) ?? high;
  const wanted = start.offsets[partitionName(partition)];
  if (wanted === undefined) return low;
  if (wanted >= low && wanted <= high) return wanted;
  const name = partitionName(partition);
  throw optionError(["start", "offsets", name], `${name} has the offsets ${low} to ${high}, found ${wanted}`);
}

/** Code `job`, for a partition that `start` names and that is not there. */
function checkNamed(partitions: readonly TopicPartition[], { start }: KafkaSourceOptions): void {
  if (typeof start === "string" || !("offsets" in start)) return;
  const there = new Set(partitions.map(partitionName));
  const name = Object.keys(start.offsets).find((wanted) => !there.has(wanted));
  if (name !== undefined)
    throw optionError(["start", "offsets", name], `there is no such partition: ${topicWords(partitions)}`);
}

/** `quotes has 4, trades has 1`. */
function topicWords(partitions: readonly TopicPartition[]): string {
  const counts = topicsOf(partitions).map(
    (topic) => `${topic} has ${partitions.filter((found) => found.topic === topic).length}`,
  );
  return counts.join(", ") || "no topic is there";
}

function resumedOffset(
  options: KafkaSourceOptions,
  partition: TopicPartition,
  edges: Edges,
  { committed, topicId }: { readonly committed: KafkaPosition; readonly topicId: string | undefined },
): number {
  const name = partitionName(partition);
  const next = committed.next[name];
  if (next === undefined) return edges.low;
  const was = committed.ids[partition.topic];
  const isAnew = was !== undefined && topicId !== undefined && was !== topicId;
  return overGap(options, gapOf(name, next, edges, isAnew)) ?? next;
}

/** Where to go on behind a gap, if there is one and `on_gap` lets us. */
function overGap({ on_gap: onGap }: KafkaSourceOptions, gap: Gap | undefined): number | undefined {
  if (gap === undefined) return undefined;
  if (onGap === "fail") throw gapError(gap);
  logger("kafka").warn(`${gap.lost}: going on at offset ${gap.resumeAt}, as on_gap says`);
  return gap.resumeAt;
}

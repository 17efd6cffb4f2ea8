/** How far the partitions of a Kafka source were read, and where they are read from when it is opened. */

import { StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { Connected, Consumer } from "../kafka/client.ts";
import type { TopicPartition } from "../kafka/lane.ts";
import { gapError, gapOf, type Partition } from "../kafka/partition.ts";
import type { Start } from "../kafka/reader.ts";
import {
  type Edges,
  edgesOf,
  offsetAt,
  partitionName,
  selectedPartitions,
  topicIds,
} from "../kafka/topics.ts";
import { type KafkaSourceOptions, selectionOf } from "./kafka-options.ts";
import type { SourceContext } from "./source.ts";

export interface KafkaPosition {
  /** By `TOPIC/PARTITION`: the offset of the next record. */
  readonly next: Readonly<Record<string, number>>;
  /** By topic, what tells it from another one of its name. */
  readonly ids: Readonly<Record<string, string>>;
}

export function positionOf(
  partitions: readonly Partition[],
  ids: ReadonlyMap<string, string>,
): KafkaPosition {
  const topics = new Set(partitions.map(({ topic }) => topic));
  return {
    next: Object.fromEntries(partitions.map(({ name, next }) => [name, next])),
    ids: Object.fromEntries([...ids].filter(([topic]) => topics.has(topic))),
  };
}

export interface Opening {
  readonly starts: readonly Start[];
  ids(): ReadonlyMap<string, string>;
  /** The same for what is there now: partitions that were not there begin with their first record. */
  found(): Promise<Opening>;
}

export function startsOf({ starts }: Opening): readonly Start[] {
  return starts;
}

/** Throws codes `input` and `io`: an unknown topic, a gap, a broker that does not answer. */
export async function openingOf(
  connected: Connected<Consumer>,
  options: KafkaSourceOptions,
  context: SourceContext,
): Promise<Opening> {
  const committed = context.committed as KafkaPosition | undefined;
  let ids: ReadonlyMap<string, string> = new Map();
  const look = async (isFirst: boolean): Promise<Opening> => {
    const partitions = await ownPartitions(connected, options, context);
    ids = await topicIds(connected, [...new Set(partitions.map(({ topic }) => topic))]);
    const starts: Start[] = [];
    for (const partition of partitions) {
      const edges = await edgesOf(connected, partition);
      const next =
        committed === undefined && isFirst
          ? await firstOffset(connected, options, partition, edges)
          : resumedOffset(options, partition, edges, committed, ids);
      starts.push({ ...partition, next, stopAt: context.takesWhatIsThere ? edges.high : undefined });
    }
    return { starts, ids: () => ids, found: () => look(false) };
  };
  return look(true);
}

async function ownPartitions(
  connected: Connected<Consumer>,
  options: KafkaSourceOptions,
  { partitions: own }: SourceContext,
): Promise<readonly TopicPartition[]> {
  const all = await selectedPartitions(connected, selectionOf(options));
  return own === undefined ? all : all.filter(({ partition }) => own.includes(partition));
}

async function firstOffset(
  connected: Connected<Consumer>,
  { start }: KafkaSourceOptions,
  partition: TopicPartition,
  { low, high }: Edges,
): Promise<number> {
  if (start === "earliest") return low;
  if (start === "latest") return high;
  if ("timestamp" in start) return (await offsetAt(connected, partition, timeMs(start.timestamp))) ?? high;
  const wanted = start.offsets[partitionName(partition)];
  if (wanted === undefined) return low;
  if (wanted >= low && wanted <= high) return wanted;
  throw new StreamkitError(
    "job",
    `start: ${partitionName(partition)} has the offsets ${low} to ${high}, found ${wanted}`,
    { component: "kafka" },
  );
}

function timeMs(text: string): number {
  const value = Date.parse(text);
  if (!Number.isNaN(value)) return value;
  throw new StreamkitError("job", `start: an ISO 8601 time is expected, found "${text}"`, {
    component: "kafka",
  });
}

function resumedOffset(
  { on_gap: onGap }: KafkaSourceOptions,
  partition: TopicPartition,
  edges: Edges,
  committed: KafkaPosition | undefined,
  ids: ReadonlyMap<string, string>,
): number {
  const name = partitionName(partition);
  const next = committed?.next[name];
  if (next === undefined) return edges.low;
  const [was, is] = [committed?.ids[partition.topic], ids.get(partition.topic)];
  const isAnew = was !== undefined && is !== undefined && was !== is;
  const gap = gapOf(name, next, edges, isAnew);
  if (gap === undefined) return next;
  if (onGap === "fail") throw gapError(gap);
  logger("kafka").warn(`${gap.lost}: going on at offset ${gap.resumeAt}, as on_gap says`);
  return gap.resumeAt;
}

/**
 * Topics of Kafka. How far each partition was read is in the checkpoint, and only mirrored to a group for the
 * tools that show lag. A batch holds the records of a partition side by side, in the order of their offsets,
 * and after a crash the same range is fetched again.
 */

import { rm } from "node:fs/promises";
import type { z } from "zod";
import { logger } from "../base/log.ts";
import type { Segment } from "../formats/read-segment.ts";
import { type Connected, type Consumer, called, connectConsumer } from "../kafka/client.ts";
import { faultOf, plainReason } from "../kafka/errors.ts";
import { parseKafkaUrl } from "../kafka/options.ts";
import { hasArrived, isAtEnd, isOver, type Partition } from "../kafka/partition.ts";
import { openReader, type PartitionReader, type TakeForm } from "../kafka/reader.ts";
import { parsePartitionName } from "../kafka/topics.ts";
import { type Content, contentReader } from "./kafka-content.ts";
import { attributeColumns, kafkaSourceOptions } from "./kafka-options.ts";
import { discoveredStarts, type KafkaPosition, openingOf, positionOf } from "./kafka-position.ts";
import { kafkaSharing } from "./kafka-sharing.ts";
import type { Limit, PartitionState, Range, Source, SourceContext, SourceKind } from "./source.ts";

type Options = z.infer<typeof kafkaSourceOptions>;

export const kafkaKind: SourceKind<Options> = {
  name: "kafka",
  summary: "topics of Kafka; URL `kafka://HOST:PORT/TOPIC`, with options as `?start=latest&group=NAME`",
  options: kafkaSourceOptions,
  isLive: true,
  decodes: ["avro", "protobuf"],
  fromUrl(url) {
    const found = parseKafkaUrl(url);
    if (found === undefined) return undefined;
    const { partition_rate: rate, ...parameters } = found.parameters;
    const numbers = rate === undefined ? {} : { partition_rate: Number(rate) };
    return { brokers: found.brokers, topics: found.topic, ...parameters, ...numbers };
  },
  attributes: attributeColumns,
  sharing: kafkaSharing,
  open: openKafka,
};

/** What librdkafka may hold beside what we hold. */
const QUEUED_KBYTES = 8192;
/**
 * How long the broker may hold back an answer without records. All partitions of a broker share one request:
 * one whose queue was full for a moment waits until the others have something, or until this is over.
 */
const FETCH_WAIT_MS = 10;
/** How much is read ahead of what batches take. */
const BUFFERED_SEGMENTS = 2;

/** Rates count records for so long at most. */
const RATE_MS = 1000;

async function openKafka(options: Options, context: SourceContext): Promise<Source> {
  const group = options.group ?? context.job;
  const reach = { connection: options, baseFolder: context.baseFolder, clock: context.clock };
  const connected = await connectConsumer(reach, {
    "group.id": group,
    "enable.auto.commit": false,
    "enable.partition.eof": true,
    "auto.offset.reset": "error",
    "isolation.level": options.isolation,
    "queued.max.messages.kbytes": QUEUED_KBYTES,
    "queued.min.messages": 1_000_000,
    // The default waits for a second when the queue was full.
    "fetch.queue.backoff.ms": 2,
    "fetch.wait.max.ms": FETCH_WAIT_MS,
    "topic.metadata.propagation.max.ms": 5000,
  });
  try {
    const starts = await openingOf(connected, options, context);
    const content = await contentReader(options, context);
    const reader = await openReader(starts, {
      connected,
      clock: context.clock,
      maxBufferedBytes: BUFFERED_SEGMENTS * context.maxSegmentBytes,
      onGap: options.on_gap,
      notify: context.notify,
      discover: context.takesWhatIsThere
        ? undefined
        : (read) => discoveredStarts(connected, options, context, read),
    });
    return kafkaSource(options, context, { connected, reader, content });
  } catch (error) {
    await connected.close();
    throw error;
  }
}

interface Parts {
  readonly connected: Connected<Consumer>;
  readonly reader: PartitionReader;
  readonly content: Content;
}

interface Planned {
  readonly range: Range;
  readonly segment: Segment;
}

function kafkaSource(options: Options, context: SourceContext, parts: Parts): Source {
  const { connected, reader, content } = parts;
  const planned: Planned[] = [];
  const mirror = offsetMirror(connected, context);
  const allowances = new Map<string, number>();
  let segments = 0;
  let allowedAtMs = context.clock.monotonicMs();

  const form = (maxBytes: number): TakeForm => ({ maxBytes, ...content.form });
  /** By partition, how many records it may give now. */
  const allow = (limit: Limit): ((partition: Partition) => number) => {
    const perPartition = partitionAllowance(limit);
    const shares = fairShares(reader.partitions(), limit.maxLines);
    return (partition) => Math.min(shares.get(partition.name) ?? 0, perPartition(partition));
  };
  function partitionAllowance(limit: Limit): (partition: Partition) => number {
    const rate = options.partition_rate;
    if (rate === undefined) return () => limit.maxLines;
    const nowMs = context.clock.monotonicMs();
    const earned = (rate * Math.min(RATE_MS, nowMs - allowedAtMs)) / RATE_MS;
    allowedAtMs = nowMs;
    for (const { name } of reader.partitions())
      allowances.set(name, Math.min(rate, (allowances.get(name) ?? 0) + earned));
    return ({ name }) => Math.floor(allowances.get(name) ?? 0);
  }
  const spend = (before: KafkaPosition, after: KafkaPosition): void => {
    for (const [name, next] of Object.entries(after.next))
      allowances.set(name, (allowances.get(name) ?? 0) - (next - (before.next[name] ?? next)));
  };

  const write = async (from: KafkaPosition, taken: Parameters<Content["write"]>[0]): Promise<Planned> => {
    segments += 1;
    const path = `${context.segmentFolder}/${segments}.segment`;
    const segment = await content.write(taken, path);
    const to = positionOf(reader.partitions());
    const entry = { range: { from: { ...from }, to: { ...to } }, segment };
    planned.push(entry);
    return entry;
  };

  /** Never without something to take: whoever is told of more looks at once, and again. */
  const hasBacklog = (): boolean => {
    if (options.partition_rate !== undefined && context.clock.monotonicMs() - allowedAtMs < RATE_MS)
      return false;
    if (reader.bufferedBytes() >= context.maxSegmentBytes) return true;
    const partitions = reader.partitions();
    return context.takesWhatIsThere && partitions.every(hasArrived) && !partitions.every(isOver);
  };

  return {
    async plan(limit, after) {
      reader.check();
      const waiting = planned[planned.findIndex(({ range }) => range === after) + 1];
      if (waiting !== undefined) return waiting.range;
      const from = positionOf(reader.partitions());
      const taken = await reader.take(form(limit.maxBytes), allow(limit));
      if (taken === undefined) return undefined;
      await context.membership?.check();
      const { range } = await write(from, taken);
      spend(from, range.to as unknown as KafkaPosition);
      return range;
    },
    async read(range) {
      const found = planned.find((entry) => entry.range === range);
      if (found !== undefined) return found.segment;
      const [from, to] = [range.from, range.to] as unknown as [KafkaPosition, KafkaPosition];
      const taken = await reader.replay(form(context.maxSegmentBytes), new Map(Object.entries(to.next)));
      const segment = await content.write(taken, `${context.segmentFolder}/replayed.segment`);
      planned.push({ range, segment });
      logger("kafka").info(`Read again what the batch before the crash had read: ${rangeWords(from, to)}`);
      return segment;
    },
    async commit(range) {
      const done = planned.splice(0, planned.findIndex((entry) => entry.range === range) + 1);
      for (const { segment } of done) {
        await rm(segment.path, { force: true });
        if (segment.attributes !== undefined) await rm(segment.attributes.path, { force: true });
      }
      mirror.note((range.to as unknown as KafkaPosition).next);
    },
    isEnded: () => context.takesWhatIsThere && reader.partitions().every(isOver),
    hasBacklog,
    partitions: {
      states: () => reader.partitions().map(stateOf),
      of: ({ from, to }) => {
        const [before, after] = [from, to] as unknown as [KafkaPosition | undefined, KafkaPosition];
        return Object.keys(after.next).filter((name) => after.next[name] !== before?.next[name]);
      },
    },
    columns: () => content.columns(),
    async close() {
      await reader.close();
      await mirror.close();
      content.close();
      await connected.close();
    },
  };
}

function stateOf(partition: Partition): PartitionState {
  const { name } = partition;
  return { name, progress: isOver(partition) ? "silent" : isAtEnd(partition) ? "at-end" : "behind" };
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

function rangeWords(from: KafkaPosition | undefined, to: KafkaPosition): string {
  const records = Object.entries(to.next).reduce(
    (sum, [name, next]) => sum + next - (from?.next[name] ?? next),
    0,
  );
  return `offsets of ${records} records`;
}

const MIRROR_MS = 1000;

/** Commits offsets to the group, now and then: only tools that show lag look at them. */
function offsetMirror({ client, brokers }: Connected<Consumer>, { clock, membership }: SourceContext) {
  let pending: KafkaPosition["next"] | undefined;
  let committedAtMs = clock.monotonicMs() - MIRROR_MS;
  let hasFailed = false;
  const offsetsOf = (next: KafkaPosition["next"]) =>
    Object.entries(next).map(([name, offset]) => ({ ...parsePartitionName(name), offset }));
  const commit = async (): Promise<void> => {
    if (pending === undefined) return;
    const next = pending;
    pending = undefined;
    committedAtMs = clock.monotonicMs();
    try {
      if (membership === undefined) await called((done) => client.commitCb(offsetsOf(next), done));
      else await membership.commit(next);
    } catch (error) {
      if (!hasFailed)
        logger("kafka").warn(
          `Kafka at ${brokers} does not take the group's offsets, which only show lag: ` +
            plainReason(faultOf(error)),
        );
      hasFailed = true;
    }
  };
  const closing = new AbortController();
  let waiting: Promise<void> | undefined;
  /** At once, or a while after the last time: also the last offsets are told. */
  const commitInTime = async (): Promise<void> => {
    await clock.sleep(committedAtMs + MIRROR_MS - clock.monotonicMs(), closing.signal);
    waiting = undefined;
    await commit();
  };
  return {
    note(next: KafkaPosition["next"]): void {
      pending = next;
      waiting ??= commitInTime();
    },
    async close(): Promise<void> {
      closing.abort();
      await Promise.race([waiting ?? commit(), clock.sleep(2 * MIRROR_MS)]);
    },
  };
}

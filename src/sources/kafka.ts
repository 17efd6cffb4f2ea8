/**
 * Topics of Kafka. How far each partition was read is in the checkpoint, and only mirrored to a group for the
 * tools that show lag. A batch holds the records of a partition side by side, in the order of their offsets,
 * and after a crash the same range is fetched again.
 */

import type { z } from "zod";
import { logger } from "../base/log.ts";
import { type Connected, type Consumer, called, connectConsumer } from "../kafka/client.ts";
import { faultOf, plainReason } from "../kafka/errors.ts";
import { parseKafkaUrl } from "../kafka/options.ts";
import { isAtEnd, isOver, type Partition } from "../kafka/partition.ts";
import { openReader, type PartitionReader, type Start } from "../kafka/reader.ts";
import { parsePartitionName } from "../kafka/topics.ts";
import { type Content, contentReader } from "./kafka-content.ts";
import { keepOpening, keptOpening } from "./kafka-opening.ts";
import { attributeColumns, kafkaSourceOptions } from "./kafka-options.ts";
import { discovered, type KafkaPosition, openingOf } from "./kafka-position.ts";
import { openSegments, type Segments } from "./kafka-segments.ts";
import { kafkaSharing } from "./kafka-sharing.ts";
import type { PartitionState, Range, Source, SourceContext, SourceKind } from "./source.ts";

type Options = z.infer<typeof kafkaSourceOptions>;

export const kafkaKind: SourceKind<Options> = {
  name: "kafka",
  summary: "topics of Kafka; URL `kafka://HOST:PORT/TOPIC`, with options as `?start=latest&group=NAME`",
  options: kafkaSourceOptions,
  isLive: true,
  waitsFor: "new messages",
  decodes: ["avro", "protobuf"],
  fromUrl(url) {
    const found = parseKafkaUrl(url);
    if (found === undefined) return undefined;
    const { partition_rate: rate, ...parameters } = found.parameters;
    const numbers = rate === undefined ? {} : { partition_rate: Number(rate) };
    return { brokers: found.brokers, topics: found.topic, ...parameters, ...numbers };
  },
  attributes: attributeColumns,
  hasPartitions: true,
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

async function openKafka(options: Options, context: SourceContext): Promise<Source> {
  const group = options.group ?? context.job;
  const reach = { connection: options, baseFolder: context.baseFolder, clock: context.clock };
  const connected = await connectConsumer(reach, {
    "group.id": group,
    "enable.auto.commit": false,
    // The offsets are in the checkpoint.
    "enable.auto.offset.store": false,
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
    const starts = await startsOf(connected, options, context);
    const content = await contentReader(options, context);
    let makeAhead = (): void => {};
    const reader = await openReader(starts, {
      connected,
      clock: context.clock,
      maxBufferedBytes: BUFFERED_SEGMENTS * context.maxSegmentBytes,
      onGap: options.on_gap,
      notify() {
        makeAhead();
        context.notify();
      },
      discover: (read) => discovered(connected, options, context, read),
    });
    const segments = openSegments(options, context, { reader, content });
    makeAhead = segments.makeAhead;
    return kafkaSource(context, { connected, reader, content, segments });
  } catch (error) {
    await connected.close();
    throw error;
  }
}

async function startsOf(
  connected: Connected<Consumer>,
  options: Options,
  context: SourceContext,
): Promise<readonly Start[]> {
  if (context.committed !== undefined) return openingOf(connected, options, context);
  const began = await keptOpening(options, context);
  const starts = await openingOf(connected, options, { ...context, committed: began && { ...began } });
  await keepOpening(starts, options, context);
  return starts;
}

interface Parts {
  readonly connected: Connected<Consumer>;
  readonly reader: PartitionReader;
  readonly content: Content;
  readonly segments: Segments;
}

function kafkaSource(context: SourceContext, parts: Parts): Source {
  const { connected, reader, content, segments } = parts;
  const mirror = offsetMirror(connected, context);
  // Who had it before may have died before the group was told.
  if (context.committed !== undefined) mirror.note((context.committed as unknown as KafkaPosition).next);
  const stateOf = (partition: Partition): PartitionState => {
    const { name } = partition;
    const isWaiting = segments.ahead().some((range) => partitionsOf(range).includes(name));
    return { name, progress: isWaiting ? "behind" : progressOf(partition) };
  };
  return {
    async plan(limit, after) {
      reader.check();
      const range = await segments.plan(limit, after);
      if (range !== undefined) await context.membership?.check();
      return range;
    },
    async read(range) {
      const found = segments.find(range);
      if (found !== undefined) return found;
      const segment = await segments.replay(range);
      logger("kafka").info(`Read again what the batch before the crash had read: ${rangeWords(range)}`);
      return segment;
    },
    async commit(range) {
      await segments.forgetUntil(range);
      mirror.note((range.to as unknown as KafkaPosition).next);
    },
    isEnded: () => context.isBounded && segments.ahead().length === 0 && reader.partitions().every(isOver),
    hasBacklog: segments.hasBacklog,
    partitions: { states: () => reader.partitions().map(stateOf), of: partitionsOf },
    columns: () => content.columns(),
    async close() {
      await segments.close();
      await reader.close();
      await mirror.close();
      content.close();
      await connected.close();
    },
  };
}

function partitionsOf({ from, to }: Range): readonly string[] {
  const [before, after] = [from, to] as unknown as [KafkaPosition | undefined, KafkaPosition];
  return Object.keys(after.next).filter((name) => after.next[name] !== before?.next[name]);
}

function progressOf(partition: Partition): PartitionState["progress"] {
  return isOver(partition) ? "silent" : isAtEnd(partition) ? "at-end" : "behind";
}

function rangeWords({ from, to }: Range): string {
  const [before, after] = [from, to] as unknown as [KafkaPosition | undefined, KafkaPosition];
  const records = Object.entries(after.next).reduce(
    (sum, [name, next]) => sum + next - (before?.next[name] ?? next),
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
      // Members of a group may not while it is shared anew.
      if (pending === undefined && !closing.signal.aborted) note(next);
    }
  };
  const closing = new AbortController();
  let waiting: Promise<void> | undefined;
  /** At once, or a while after the last time: also the last offsets are told. */
  const commitInTime = async (): Promise<void> => {
    const dueInMs = committedAtMs + MIRROR_MS - clock.monotonicMs();
    await clock.sleep(Math.max(0, dueInMs), closing.signal);
    waiting = undefined;
    await commit();
  };
  const note = (next: KafkaPosition["next"]): void => {
    pending = next;
    waiting ??= commitInTime();
  };
  return {
    note,
    async close(): Promise<void> {
      closing.abort();
      await Promise.race([waiting ?? commit(), clock.sleep(2 * MIRROR_MS)]);
    },
  };
}

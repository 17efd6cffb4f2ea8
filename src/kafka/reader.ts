/**
 * Reads partitions of topics side by side: a pump keeps the lane filled, up to a bound, and whoever takes
 * records says how many of which partition. The offsets are the caller's: nothing here depends on a group.
 */

import type { Clock } from "../base/clock.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { Connected, Consumer } from "./client.ts";
import { openConfirmation } from "./confirmation.ts";
import { FAULT, isForbidden, isUnknownTopic, kafkaError } from "./errors.ts";
import {
  type FillResult,
  openConsumerLane,
  type Taken,
  type TakeRequest,
  type TopicPartition,
} from "./lane.ts";
import { missingTopics } from "./missing-topics.ts";
import {
  gapError,
  gapOf,
  goneError,
  hasArrived,
  isAtEnd,
  isInDoubt,
  isOver,
  NOTHING_WAITS,
  type OnGap,
  type Partition,
  takenUntil,
} from "./partition.ts";
import { comparePartitions, edgesOf, partitionName } from "./topics.ts";

export interface Start extends TopicPartition {
  readonly next: number;
  readonly stopAt: number | undefined;
  readonly topicId: string | undefined;
}

export interface ReaderOptions {
  readonly connected: Connected<Consumer>;
  readonly clock: Clock;
  readonly maxBufferedBytes: number;
  readonly onGap: OnGap;
  /** Called when there may be something to take, and when reading has failed. */
  readonly notify: () => void;
  /** Called every few seconds. */
  readonly discover: (read: readonly Partition[]) => Promise<Discovered>;
}

export interface Discovered {
  /** Partitions that are not read yet, and those that must be read anew. */
  readonly starts: readonly Start[];
  /** The topics that are there. */
  readonly topics: ReadonlySet<string>;
}

interface RangeEnd {
  /** Offsets after the last, by the partition's name. */
  readonly next: Readonly<Record<string, number>>;
  /** By topic: of one that is another one now, nothing is left. */
  readonly ids: Readonly<Record<string, string>>;
}

/** What to take beside which partitions. */
export type TakeForm = Omit<TakeRequest, "partitions">;

export interface PartitionReader {
  /** In the order in which a batch holds them. */
  partitions(): readonly Partition[];
  bufferedBytes(): number;
  /** False while all that waits is in doubt: there is nothing to take yet. */
  mayTake(): boolean;
  /** Throws what has stopped the reading. */
  check(): void;
  /** Takes what is there, at most so many records of each partition; undefined if there is nothing. */
  take(form: TakeForm, maxRecords: (partition: Partition) => number): Promise<Taken | undefined>;
  /** Takes the records of exactly these ranges, and waits for them. */
  replay(form: TakeForm, to: RangeEnd): Promise<Taken | undefined>;
  close(): Promise<void>;
}

const FILL_TIMEOUT_MS = 100;
const DISCOVERY_MS = 5000;
/** The lane takes no more at a time. */
const MAX_TAKE_BYTES = 2 ** 30;
/** A fill that brought less is followed by a breath: more records come with the next one. */
const SMALL_FILL_BYTES = 65_536;
const BREATH_MS = 2;

export async function openReader(starts: readonly Start[], options: ReaderOptions): Promise<PartitionReader> {
  const { connected, clock, maxBufferedBytes } = options;
  const { client } = connected;
  const lane = openConsumerLane(connected.library, client);
  const partitions = new Map<string, Partition>();
  let failure: Error | undefined;
  const closing = new AbortController();
  let wake = Promise.withResolvers<void>();
  let turn: Promise<unknown> = Promise.resolve();
  /** While a range is read again: the offsets where it ends, by partition. */
  let replayed: RangeEnd | undefined;
  /** Counts how often fetching was begun anew. */
  let assignments = 0;
  /** Partitions whose next records are not there, it seems. */
  const suspects = new Set<string>();
  const missing = missingTopics(connected, clock);

  /** One at a time: what changes the lane and the partitions together. */
  const exclusively = <T>(action: () => Promise<T>): Promise<T> => {
    const next = turn.then(action);
    turn = next.catch(() => undefined);
    return next;
  };
  const ordered = (): Partition[] => [...partitions.values()].toSorted(comparePartitions);
  const bufferedBytes = (): number => ordered().reduce((sum, { buffered }) => sum + buffered.bytes, 0);
  const add = ({ topic, partition, next, stopAt, topicId }: Start): void => {
    const name = partitionName({ topic, partition });
    const fresh = { buffered: NOTHING_WAITS, confirmedUntil: 0, endOffset: undefined, isPaused: false };
    partitions.set(name, { topic, partition, name, topicId, next, stopAt, ...fresh });
  };
  /** Begins to fetch where each partition stands; what was buffered is fetched again. */
  const assign = (): void => {
    assignments += 1;
    lane.drop();
    // librdkafka keeps a pause beyond an assignment.
    const paused = ordered().filter(({ isPaused }) => isPaused);
    if (paused.length > 0) client.resume(paused.map(({ topic, partition }) => ({ topic, partition })));
    const wanted = ordered().filter((partition) => !isOver(partition));
    for (const partition of ordered())
      Object.assign(partition, {
        buffered: NOTHING_WAITS,
        confirmedUntil: 0,
        endOffset: undefined,
        isPaused: false,
      });
    client.assign(wanted.map(({ topic, partition, next }) => ({ topic, partition, offset: next })));
  };

  /**
   * One partition may not take all the room from others that have more to give, and none is fetched further
   * than it is wanted.
   */
  const balance = (): void => {
    const competing = ordered().filter((partition) => !isAtEnd(partition) && !hasArrived(partition)).length;
    const share = maxBufferedBytes / 2;
    const isEnough = (partition: Partition): boolean => {
      if (replayed !== undefined) return isReplayable(partition, replayed);
      if (hasArrived(partition)) return true;
      const { isPaused, buffered } = partition;
      return competing > 1 && buffered.bytes > (isPaused ? share / 4 : share);
    };
    for (const partition of partitions.values()) {
      const { isPaused, topic, partition: number } = partition;
      const isHeavy = isEnough(partition);
      if (isHeavy === isPaused) continue;
      partition.isPaused = isHeavy;
      if (isHeavy) client.pause([{ topic, partition: number }]);
      else client.resume([{ topic, partition: number }]);
    }
  };

  const note = (filled: FillResult): void => {
    const held = new Map(filled.partitions.map((found) => [partitionName(found), found]));
    for (const { topic, partition, offset } of filled.ends) {
      const found = partitions.get(partitionName({ topic, partition }));
      if (found !== undefined) found.endOffset = offset;
    }
    let hasCome = filled.ends.length > 0;
    for (const partition of partitions.values()) {
      const found = held.get(partition.name);
      // What was taken while the lane was filled is not there any more.
      const isThere = found !== undefined && found.lastOffset >= partition.next;
      hasCome ||= isThere && found.lastOffset > partition.buffered.lastOffset;
      partition.buffered = isThere ? found : NOTHING_WAITS;
      if (isThere && partition.stopAt !== undefined && found.firstOffset >= partition.stopAt)
        partition.next = Math.max(partition.next, partition.stopAt);
      passMarks(partition);
    }
    if (hasCome) connected.alive();
  };

  const mend = async (name: string): Promise<void> => {
    const partition = partitions.get(name);
    // What is buffered before the gap is good: it is taken first.
    if (partition === undefined || (partition.buffered.records > 0 && replayed === undefined)) return;
    const edges = await connected.unlessAway(edgesOf(connected, partition));
    if (edges === undefined) return;
    suspects.delete(name);
    const gap = gapOf(name, partition.next, edges);
    if (gap === undefined) return assign();
    if (options.onGap === "fail") throw gapError(gap);
    logger("kafka").warn(`${gap.lost}: going on at offset ${gap.resumeAt}, as on_gap says`);
    partition.next = gap.resumeAt;
    assign();
  };
  const judge = async ({ errors }: FillResult): Promise<void> => {
    for (const { topic, partition, ...fault } of errors) {
      const name = topic === undefined ? undefined : partitionName({ topic, partition: partition ?? 0 });
      if (fault.code === FAULT.autoOffsetReset && name !== undefined) suspects.add(name);
      else if (isUnknownTopic(fault) && topic !== undefined) missing.suspect(topic);
      else if (isForbidden(fault))
        throw kafkaError(`Kafka at ${connected.brokers} does not let us read ${topic}`, fault, false);
      else if (fault.code === FAULT.fatal) throw kafkaError("Kafka's client has failed", fault, false);
    }
    for (const name of suspects) await mend(name);
  };
  const lose = (topic: string): void => {
    const lost = ordered().filter((partition) => partition.topic === topic && !isOver(partition));
    if (lost.length === 0) return;
    if (options.onGap === "fail") throw goneError(topic);
    logger("kafka").warn(`The topic "${topic}" is gone: going on without it, as on_gap says`);
    for (const { name } of lost) partitions.delete(name);
    assign();
  };
  const settleMissing = async (): Promise<void> => {
    const { back, gone } = await missing.settled();
    await exclusively(async () => gone.forEach(lose));
    if (back.length === 0) return;
    // It may be another one under the same name.
    await discover();
    await exclusively(async () => assign());
  };

  let discoverAtMs = clock.monotonicMs() + DISCOVERY_MS;
  const discover = async (): Promise<void> => {
    discoverAtMs = clock.monotonicMs() + DISCOVERY_MS;
    const found = await connected.unlessAway(options.discover(ordered()));
    if (found === undefined) return;
    // librdkafka does not tell of all that are gone.
    for (const partition of partitions.values())
      if (!isOver(partition) && !found.topics.has(partition.topic)) missing.suspect(partition.topic);
    await exclusively(async () => {
      // It may have been found twice at a time.
      const starts = found.starts.filter((start) => {
        const known = partitions.get(partitionName(start));
        return known === undefined || known.topicId !== start.topicId;
      });
      if (starts.length === 0) return;
      logger("kafka").info(`New partitions: ${starts.map(partitionName).join(", ")}`);
      // The new topic may have fewer.
      for (const { topic, topicId } of starts)
        for (const { name, topic: known, topicId: before } of ordered())
          if (known === topic && before !== topicId) partitions.delete(name);
      for (const start of starts) add(start);
      assign();
    });
  };
  const confirmation = openConfirmation(connected, {
    partitions: ordered,
    assignments: () => assignments,
    isMissing: missing.suspect,
    isAnew: discover,
  });

  const fail = (error: unknown): void => {
    failure ??= error instanceof Error ? error : new StreamkitError("io", messageOf(error), { cause: error });
    options.notify();
  };
  const pump = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      const limit = replayed === undefined ? maxBufferedBytes : Number.MAX_SAFE_INTEGER;
      if (bufferedBytes() >= limit) {
        await wake.promise;
        wake = Promise.withResolvers();
        continue;
      }
      const before = bufferedBytes();
      const filled = await lane.fill({ maxBufferedBytes: limit, timeoutMs: FILL_TIMEOUT_MS });
      if (closing.signal.aborted) return;
      await exclusively(async () => {
        note(filled);
        await judge(filled);
        balance();
      });
      if (filled.ends.length > 0) options.notify();
      confirmation.ask(options.notify, fail);
      await settleMissing();
      if (clock.monotonicMs() >= discoverAtMs) await discover();
      if (bufferedBytes() - before < SMALL_FILL_BYTES) await clock.sleep(BREATH_MS);
    }
  };

  /** Adjusts the partitions to what was taken of them. */
  const advance = (taken: Taken): void => {
    for (const { topic, partition, lastOffset, records, bytes } of taken.partitions) {
      const found = partitions.get(partitionName({ topic, partition }));
      if (found === undefined) continue;
      found.next = lastOffset + 1;
      const { buffered } = found;
      found.buffered =
        buffered.lastOffset < found.next
          ? NOTHING_WAITS
          : { ...buffered, records: buffered.records - records, bytes: Math.max(0, buffered.bytes - bytes) };
      passMarks(found);
    }
    balance();
    wake.resolve();
  };

  for (const start of starts) add(start);
  assign();
  const pumping = pump().catch(fail);

  const check = (): void => {
    if (failure !== undefined) throw failure;
  };
  return {
    partitions: ordered,
    bufferedBytes,
    mayTake: () => {
      const waiting = ordered().filter(({ buffered }) => buffered.records > 0);
      return waiting.length === 0 || waiting.some((partition) => takenUntil(partition) > partition.next);
    },
    check,
    take: (form, maxRecords) =>
      exclusively(async () => {
        check();
        const wanted = ordered().flatMap((partition) => {
          const { topic, partition: number, buffered, next } = partition;
          const records = Math.min(buffered.records, maxRecords(partition));
          const until = takenUntil(partition);
          if (records < 1 || isOver(partition) || until <= next) return [];
          const limit = Number.isFinite(until) ? { untilOffset: until } : {};
          return [{ topic, partition: number, maxRecords: records, ...limit }];
        });
        if (wanted.length === 0) return undefined;
        const taken = await lane.take({ ...form, partitions: wanted });
        advance(taken);
        return taken.partitions.length === 0 ? undefined : taken;
      }),
    async replay(form, to) {
      const wanted = (): readonly Partition[] =>
        ordered().filter((partition) => isOf(partition, to) && endIn(to, partition) > partition.next);
      replayed = to;
      wake.resolve();
      while (!wanted().every((partition) => isReplayable(partition, to) && !isInDoubt(partition))) {
        check();
        await clock.sleep(BREATH_MS);
      }
      return exclusively(async () => {
        replayed = undefined;
        const requests = wanted().map((partition) => ({
          topic: partition.topic,
          partition: partition.partition,
          untilOffset: endIn(to, partition),
        }));
        if (requests.length === 0) return undefined;
        const found = wanted();
        const taken = await lane.take({ ...form, maxBytes: MAX_TAKE_BYTES, partitions: requests });
        advance(taken);
        for (const partition of found) partition.next = Math.max(partition.next, endIn(to, partition));
        return taken;
      });
    },
    async close() {
      closing.abort();
      wake.resolve();
      await lane.close();
      await pumping;
      await confirmation.ended();
    },
  };
}

/** Whether all of the partition that a range took is there again. */
function isReplayable(partition: Partition, to: RangeEnd): boolean {
  const { next, buffered, endOffset } = partition;
  const until = endIn(to, partition);
  return next >= until || (endOffset ?? 0) >= until || buffered.lastOffset + 1 >= until;
}

function endIn({ next: ends }: RangeEnd, { name, next }: Partition): number {
  return ends[name] ?? next;
}

/** Whether it is of the topic that the range is of, as far as that is known. */
function isOf({ topic, topicId }: Partition, { ids }: RangeEnd): boolean {
  const id = ids[topic];
  return id === undefined || topicId === undefined || id === topicId;
}

/** Marks of transactions take offsets too: at the end of the partition they are behind us. */
function passMarks(partition: Partition): void {
  const { buffered, endOffset, next } = partition;
  if (buffered.records === 0 && endOffset !== undefined && endOffset > next) partition.next = endOffset;
}

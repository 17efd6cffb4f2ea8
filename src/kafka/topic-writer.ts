/**
 * Writes records to one topic: at once, or in transactions that carry a mark. The mark is an offset with a
 * text in a group: it is there exactly when the transaction's records are.
 */

import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { logger } from "../base/log.ts";
import type { KafkaTopicPartition } from "../runtime/kafka.ts";
import {
  type Connected,
  type Consumer,
  called,
  connectConsumer,
  type Producer,
  type Reach,
} from "./client.ts";
import {
  FAULT,
  faultOf,
  isAddressFault,
  isCoordinatorFault,
  isFenced,
  type KafkaFault,
  kafkaError,
} from "./errors.ts";
import { openProducerLane, type ProduceRequest, type ProducerLane } from "./lane.ts";
import { openStopGrace, type StopGrace } from "./stop-grace.ts";
import { connectTopicProducer } from "./topic-limit.ts";
import { type TopicWatch, watchTopic } from "./topic-watch.ts";
import { fencedError, reasonOf, writeFailure } from "./write-failure.ts";

/** Without the topic. */
export type Records = Omit<ProduceRequest, "topic">;

export interface Mark {
  readonly offset: number;
  readonly text: string;
}

interface TransactionNames {
  /** Whoever opens it again shuts out the one before. */
  readonly id: string;
  /** Where the mark stands. */
  readonly group: string;
}

export interface TopicWriter {
  /** The mark of the last transaction; undefined if there is none, or no transactions are used. */
  mark(): Promise<Mark | undefined>;
  /**
   * Writes all records and the mark, or nothing. Goes on trying as long as the broker is away, and for
   * `retryForMs` where it answers: `records` may be asked for again. Throws code `io` where it can't be
   * healed, and `stopped` where we are stopped while it can't be written: after that only `close` may be
   * called.
   */
  write(records: () => AsyncIterable<Records>, mark: Mark): Promise<void>;
  close(): Promise<void>;
}

const CALL_TIMEOUT_MS = 30_000;
const ABORT_TIMEOUT_MS = 3000;
const COORDINATOR_RETRY_MS = 100;
const RETRY_MS = 500;
const MAX_RETRY_MS = 5000;
/** The one that every topic has. */
const MARKED_PARTITION = 0;
/** How many requests may be on their way at a time. */
const MAX_UNDER_WAY = 4;

export interface TopicWriterOptions {
  readonly reach: Reach;
  readonly topic: string;
  /** Undefined: records are written at once, and a mark is not kept. */
  readonly transaction: TransactionNames | undefined;
  /** How long a batch is tried that the topic does not take though the broker answers. */
  readonly retryForMs: number;
  /** What goes well is ended after it; what does not is given up. */
  readonly stop: AbortSignal;
}

/** Throws codes `io` and `input`: no broker, no topic, not allowed. */
export async function openTopicWriter(options: TopicWriterOptions): Promise<TopicWriter> {
  const { reach, topic, stop } = options;
  const stopGrace = openStopGrace({ clock: reach.clock, topic, stop });
  const open = (): Promise<Session> => openSession(options, stopGrace.check);
  const opening = open();
  const writer = await stopGrace.orGiveUpOpening(opening).catch((error: unknown) => {
    opening.then((session) => session.close()).catch(() => undefined);
    throw error;
  });
  let current: Session | undefined = writer;
  const watch = watchTopic({
    clock: reach.clock,
    topic,
    limitMs: options.retryForMs,
    connected: () => current?.producer,
  });
  const opened = {
    stopGrace,
    watch,
    async open() {
      current = undefined;
      current = await open();
      return current;
    },
  };
  return options.transaction === undefined
    ? plainWriter(options, writer, opened)
    : transactionalWriter(options, writer, opened);
}

interface Opened {
  readonly open: () => Promise<Session>;
  readonly stopGrace: StopGrace;
  readonly watch: TopicWatch;
}

function transactionalWriter(
  { reach: { clock }, topic, stop }: TopicWriterOptions,
  writer: Session,
  opened: Opened,
): TopicWriter {
  const { open, stopGrace, watch } = opened;
  let session: Session | undefined = writer;
  /** What is known to stand there; undefined also where that was not asked for. */
  let last: Mark | undefined;
  /** What can't go on is opened anew: that also ends what was open. */
  const reopen = async (): Promise<void> => {
    await session?.close();
    session = undefined;
    session = await open();
  };
  /** A commit that was not answered may have been done. Throws where another has written since. */
  const isThere = async (mark: Mark): Promise<boolean> => {
    const found = await session?.mark();
    if (found !== undefined && isSame(found, mark)) return true;
    if (found !== undefined && last !== undefined && !isSame(found, last))
      throw fencedError(topic, { code: FAULT.fenced, message: `batch ${found.offset} is there` });
    return false;
  };
  const attempt = async (records: () => AsyncIterable<Records>, mark: Mark, isFirst: boolean) => {
    session ??= await open();
    if (isFirst || !(await isThere(mark))) await session.transact(records, mark, watch.progress);
    last = mark;
  };
  let hasFailed = false;
  const writeAll = async (records: () => AsyncIterable<Records>, mark: Mark): Promise<void> => {
    for (let delayMs = RETRY_MS; ; delayMs = Math.min(2 * delayMs, MAX_RETRY_MS)) {
      try {
        await attempt(records, mark, delayMs === RETRY_MS);
        hasFailed = false;
        return;
      } catch (error) {
        stopGrace.check();
        hasFailed = true;
        watch.failed();
        const fault = causeOf(error);
        const ended = isAddressFault(fault) ? undefined : await session?.abort();
        const fencing = [fault, ended].find((found) => found !== undefined && isFenced(found));
        if (fencing !== undefined) throw fencedError(topic, fencing);
        if (error instanceof StreamkitError && !error.retryable) throw error;
        logger("kafka").warn(
          `The topic "${topic}" could not be written, trying again for ${watch.limit} while the broker ` +
            `answers: ${reasonOf(error)}`,
        );
        await clock.sleep(delayMs, stop);
        stopGrace.check();
        await reopen().catch(() => undefined);
      }
    }
  };
  return {
    async mark() {
      last = await session?.mark();
      return last;
    },
    write: (records, mark) =>
      watched(opened, writeAll(records, mark), () => hasFailed || session?.producer.isAway() === true),
    close: () => closed(opened, () => session),
  };
}

/** The work's result, or why it is let alone: a signal while it goes badly, a topic that takes nothing. */
async function watched(
  { stopGrace, watch }: Opened,
  work: Promise<void>,
  goesBadly: () => boolean,
): Promise<void> {
  watch.begun();
  const hopeless = watch.hopeless.catch((error: unknown) => {
    stopGrace.giveUp(error as StreamkitError);
    throw error;
  });
  hopeless.catch(() => undefined);
  try {
    await stopGrace.orGiveUp(Promise.race([work, hopeless]), goesBadly);
  } finally {
    watch.ended();
    work.catch(() => undefined);
  }
}

async function closed({ stopGrace, watch }: Opened, session: () => Session | undefined): Promise<void> {
  watch.close();
  await stopGrace.closed(async () => session()?.close());
}

function isSame(mark: Mark, other: Mark): boolean {
  return mark.offset === other.offset && mark.text === other.text;
}

/** What librdkafka said behind an error of ours. */
function causeOf(error: unknown): KafkaFault {
  return faultOf(error instanceof StreamkitError && error.cause !== undefined ? error.cause : error);
}

function plainWriter({ topic }: TopicWriterOptions, session: Session, opened: Opened): TopicWriter {
  const { producer } = session;
  const { progress } = opened.watch;
  return {
    mark: async () => undefined,
    async write(records) {
      await watched(opened, sendAll(session, { topic, records: records(), progress }), producer.isAway);
      producer.alive();
    },
    close: () => closed(opened, () => session),
  };
}

interface Session {
  readonly producer: Connected<Producer>;
  readonly lane: ProducerLane;
  /** Of one message; undefined where that is not known. */
  readonly limitBytes: number | undefined;
  mark(): Promise<Mark | undefined>;
  /** `progress` is called whenever some were taken. */
  transact(records: () => AsyncIterable<Records>, mark: Mark, progress: () => void): Promise<void>;
  /** Gives the open transaction up; what it can't be given up for. Nothing where there is none. */
  abort(): Promise<KafkaFault | undefined>;
  close(): Promise<void>;
}

/** `check` throws when it is wanted no more: another one may have taken the name by then. */
async function openSession(
  { reach, topic, transaction }: TopicWriterOptions,
  check: () => void,
): Promise<Session> {
  const { producer, limitBytes } = await connectTopicProducer(reach, topic, {
    "enable.idempotence": true,
    "linger.ms": 5,
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 32_768,
    partitioner: "murmur2_random",
    // Topics are made on purpose.
    "allow.auto.create.topics": false,
    ...(transaction === undefined
      ? {}
      : {
          "transactional.id": transaction.id,
          "transaction.timeout.ms": 60_000,
          "message.timeout.ms": 60_000,
        }),
  });
  let marks: Connected<Consumer> | undefined;
  try {
    check();
    if (transaction !== undefined) {
      await begun(producer.client, reach.connection.brokers);
      marks = await connectConsumer(reach, { "group.id": transaction.group, "enable.auto.commit": false });
    }
  } catch (error) {
    await producer.close();
    throw error;
  }
  const lane = openProducerLane(producer.library, producer.client);
  const place = { topic, partition: MARKED_PARTITION };
  const sending = { lane, limitBytes };
  return {
    producer,
    ...sending,
    mark: async () => (marks === undefined ? undefined : markOf(reach, marks, topic)),
    async transact(records, { offset, text }, progress) {
      const { client } = producer;
      const consumer = marks?.client;
      if (consumer === undefined) throw new StreamkitError("bug", "A transaction without its group");
      await called((done) => client.beginTransaction(done));
      await sendAll(sending, { topic, records: records(), progress });
      failpoint("kafka-produced");
      const marked = [{ ...place, offset, metadata: text }];
      await called((done) => client.sendOffsetsToTransaction(marked, consumer, CALL_TIMEOUT_MS, done));
      failpoint("kafka-offsets-sent");
      await called((done) => client.commitTransaction(CALL_TIMEOUT_MS, done));
      failpoint("kafka-committed");
      producer.alive();
    },
    async abort() {
      const { client } = producer;
      try {
        await called((done) => client.abortTransaction(ABORT_TIMEOUT_MS, done));
        return undefined;
      } catch (error) {
        return faultOf(error);
      }
    },
    async close() {
      await lane.close();
      await producer.close();
      await marks?.close();
    },
  };
}

/** The mark that stands in another group. Throws code `io`. */
export async function markIn(reach: Reach, topic: string, group: string): Promise<Mark | undefined> {
  const marks = await connectConsumer(reach, { "group.id": group, "enable.auto.commit": false });
  try {
    return await markOf(reach, marks, topic);
  } finally {
    await marks.close();
  }
}

async function markOf(
  reach: Reach,
  { client, brokers }: Connected<Consumer>,
  topic: string,
): Promise<Mark | undefined> {
  const place = { topic, partition: MARKED_PARTITION };
  const [found] = await askedAgain(reach, `Kafka at ${brokers} does not tell a group's offsets`, () =>
    called<readonly KafkaTopicPartition[]>((done) => client.committed([place], CALL_TIMEOUT_MS, done)),
  );
  if (found?.offset === undefined || found.offset < 0) return undefined;
  return { offset: found.offset, text: found.metadata ?? "" };
}

/** For a while, where the group's coordinator is not there yet: not librdkafka's to wait for. */
async function askedAgain<T>({ clock }: Reach, doing: string, ask: () => Promise<T>): Promise<T> {
  const startedMs = clock.monotonicMs();
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const fault = faultOf(error);
      const isComing = isCoordinatorFault(fault);
      if (!isComing || clock.monotonicMs() - startedMs > CALL_TIMEOUT_MS)
        throw kafkaError(doing, fault, isComing || isAddressFault(fault));
      await clock.sleep(COORDINATOR_RETRY_MS);
    }
  }
}

async function begun(client: Producer, brokers: string): Promise<void> {
  try {
    await called((done) => client.initTransactions(CALL_TIMEOUT_MS, done));
  } catch (error) {
    throw kafkaError(`Kafka at ${brokers} does not begin transactions`, faultOf(error));
  }
}

interface Sending {
  readonly topic: string;
  readonly records: AsyncIterable<Records>;
  readonly progress: () => void;
}

/** Sends all, a few requests at a time, and waits until all are acknowledged. */
async function sendAll(
  { lane, limitBytes }: Pick<Session, "lane" | "limitBytes">,
  { topic, records, progress }: Sending,
): Promise<void> {
  const underWay: Promise<void>[] = [];
  const sent = async (request: ProduceRequest): Promise<void> => {
    const produced = await lane.produce(request);
    if (produced.failedRecords > 0) throw writeFailure(request, produced, limitBytes);
    progress();
  };
  try {
    for await (const request of records) {
      underWay.push(sent({ ...request, topic }));
      if (underWay.length >= MAX_UNDER_WAY) await underWay.shift();
    }
    await Promise.all(underWay);
  } catch (error) {
    await Promise.allSettled(underWay);
    throw error;
  }
}

/**
 * Kafka's client library, `@confluentinc/kafka-javascript` with librdkafka, loaded when it is first asked
 * for. Its addon is compiled by `npm run build:kafka` and is the same file in Bun, Deno, Node and the binary.
 * Only the parts of its callback interface that we use are described; what a setting does is librdkafka's
 * CONFIGURATION.md. The batch lanes on top of it are `src/kafka/lane.ts`.
 */

import { messageOf, StreamkitError } from "../base/error.ts";

/** librdkafka's settings by their own names, like `bootstrap.servers`; functions are callbacks. */
export type KafkaSettings = Readonly<Record<string, unknown>>;

interface KafkaError extends Error {
  /** librdkafka's number: negative for its own, positive for a broker's. */
  readonly code: number;
  readonly isFatal?: boolean;
  readonly isRetriable?: boolean;
  readonly isTxnRequiresAbort?: boolean;
}

/** `error` is null or undefined where all went well. */
export type KafkaCallback<T = void> = (error: KafkaError | null | undefined, result: T) => void;

export interface KafkaTopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly offset?: number;
  /** A text that is committed with an offset. */
  readonly metadata?: string;
}

export interface KafkaTopicDescription {
  readonly name: string;
  /** Of brokers that are too old, of zeros. */
  readonly topicId: { readonly base64: string };
  readonly error?: KafkaError;
}

export interface KafkaMetadata {
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[];
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly { readonly id: number; readonly leader: number }[];
  }[];
}

export interface KafkaClient {
  connect(
    options: { readonly timeout?: number; readonly allTopics?: boolean; readonly topic?: string },
    callback: KafkaCallback<KafkaMetadata>,
  ): void;
  disconnect(callback: KafkaCallback<unknown>): void;
  isConnected(): boolean;
  /** `event.error`, `event.log`, `event.stats`, `delivery-report`, `rebalance` and so on. */
  on(event: string, listener: (...values: never[]) => void): this;
  removeListener(event: string, listener: (...values: never[]) => void): this;
  getMetadata(
    options: { readonly topic?: string; readonly allTopics?: boolean; readonly timeout?: number },
    callback: KafkaCallback<KafkaMetadata>,
  ): void;
  queryWatermarkOffsets(
    topic: string,
    partition: number,
    timeoutMs: number,
    callback: KafkaCallback<{ readonly lowOffset: number; readonly highOffset: number }>,
  ): void;
  /** `offset` is a time in milliseconds; the result's is the first offset at or after it. */
  offsetsForTimes(
    times: readonly KafkaTopicPartition[],
    timeoutMs: number,
    callback: KafkaCallback<readonly KafkaTopicPartition[]>,
  ): void;
}

export interface KafkaMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp?: number;
  readonly size: number;
  readonly value: Buffer | null;
  readonly key: Buffer | string | null;
  readonly headers?: readonly Readonly<Record<string, Buffer | string>>[];
}

export interface KafkaConsumer extends KafkaClient {
  subscribe(topics: readonly string[]): this;
  unsubscribe(): this;
  assign(partitions: readonly KafkaTopicPartition[]): this;
  unassign(): this;
  incrementalAssign(partitions: readonly KafkaTopicPartition[]): this;
  incrementalUnassign(partitions: readonly KafkaTopicPartition[]): this;
  assignments(): readonly KafkaTopicPartition[];
  assignmentLost(): boolean;
  rebalanceProtocol(): string;
  pause(partitions: readonly KafkaTopicPartition[]): unknown;
  resume(partitions: readonly KafkaTopicPartition[]): unknown;
  seek(position: KafkaTopicPartition, timeoutMs: number, callback: KafkaCallback): unknown;
  consume(count: number, callback: KafkaCallback<readonly KafkaMessage[]>): void;
  commitCb(offsets: readonly KafkaTopicPartition[], callback: KafkaCallback): void;
  committed(
    partitions: readonly KafkaTopicPartition[],
    timeoutMs: number,
    callback: KafkaCallback<readonly KafkaTopicPartition[]>,
  ): unknown;
  position(partitions?: readonly KafkaTopicPartition[]): readonly KafkaTopicPartition[];
  setDefaultConsumeTimeout(timeoutMs: number): void;
}

export interface KafkaProducer extends KafkaClient {
  /** Serves callbacks and events. */
  poll(): unknown;
  /** `partition` null: as the settings say. Throws a `KafkaError` with code -184 when the queue is full. */
  produce(
    topic: string,
    partition: number | null,
    value: Buffer | null,
    key?: Buffer | string | null,
    timestampMs?: number,
    opaque?: unknown,
    headers?: readonly Readonly<Record<string, Buffer | string>>[],
  ): unknown;
  /** Serves callbacks; 0 ends it. */
  setPollInterval(intervalMs: number): unknown;
  flush(timeoutMs: number, callback: KafkaCallback): unknown;
  initTransactions(timeoutMs: number, callback: KafkaCallback): void;
  beginTransaction(callback: KafkaCallback): void;
  commitTransaction(timeoutMs: number, callback: KafkaCallback): void;
  abortTransaction(timeoutMs: number, callback: KafkaCallback): void;
  sendOffsetsToTransaction(
    offsets: readonly KafkaTopicPartition[],
    consumer: KafkaConsumer,
    timeoutMs: number,
    callback: KafkaCallback,
  ): void;
}

interface KafkaNewTopic {
  readonly topic: string;
  readonly num_partitions: number;
  readonly replication_factor: number;
  readonly config?: Readonly<Record<string, string>>;
}

/** Connected as soon as it is made. */
export interface KafkaAdmin {
  createTopic(topic: KafkaNewTopic, timeoutMs: number, callback: KafkaCallback): void;
  deleteTopic(topic: string, timeoutMs: number, callback: KafkaCallback): void;
  createPartitions(topic: string, total: number, timeoutMs: number, callback: KafkaCallback): void;
  listTopics(options: { readonly timeout?: number }, callback: KafkaCallback<readonly string[]>): void;
  describeTopics(
    topics: readonly string[],
    options: KafkaSettings,
    callback: KafkaCallback<readonly KafkaTopicDescription[]>,
  ): void;
  deleteGroups(groups: readonly string[], options: KafkaSettings, callback: KafkaCallback<unknown>): void;
  deleteRecords(
    offsets: readonly KafkaTopicPartition[],
    options: KafkaSettings,
    callback: KafkaCallback<unknown>,
  ): void;
  disconnect(): void;
}

/** The addon's own functions for the lanes; a lane is opaque here. */
interface KafkaLanes {
  consumerLaneOpen(client: object): object;
  consumerLaneFill(lane: object, maxBufferedBytes: number, timeoutMs: number): Promise<unknown>;
  consumerLaneTake(lane: object, request: object): Promise<unknown>;
  consumerLaneDrop(lane: object, partitions: readonly object[] | undefined): void;
  consumerLaneClose(lane: object): Promise<void>;
  producerLaneOpen(client: object): object;
  producerLaneProduce(lane: object, request: object): Promise<unknown>;
  producerLaneClose(lane: object): Promise<void>;
  topicConfig(client: object, topic: string, name: string, timeoutMs: number): Promise<unknown>;
}

export interface KafkaLibrary {
  readonly Producer: new (settings: KafkaSettings, topicSettings?: KafkaSettings) => KafkaProducer;
  readonly KafkaConsumer: new (settings: KafkaSettings, topicSettings?: KafkaSettings) => KafkaConsumer;
  readonly AdminClient: {
    create(settings: KafkaSettings): KafkaAdmin;
    /** Shares the connection of a connected client, which must outlive it. */
    createFrom(client: KafkaClient): KafkaAdmin;
  };
  /** Error numbers by name, like `ERR__PARTITION_EOF`. */
  readonly CODES: { readonly ERRORS: Readonly<Record<string, number>> };
  /** What librdkafka was compiled with: `ssl`, `sasl_scram`, `zstd` and so on. */
  readonly features: readonly string[];
  readonly librdkafkaVersion: string;
  readonly lanes: KafkaLanes;
}

/** Throws code `io` where the addon is missing or can't be loaded. */
export async function loadKafka(): Promise<KafkaLibrary> {
  try {
    // @ts-expect-error: the package describes its main module only, which loads much that we don't need.
    const upstream = (await import("@confluentinc/kafka-javascript/lib/rdkafka.js")) as {
      readonly default: Omit<KafkaLibrary, "lanes">;
    };
    // @ts-expect-error: as above.
    const addon = (await import("@confluentinc/kafka-javascript/librdkafka.js")) as {
      readonly default: KafkaLanes;
    };
    return { ...upstream.default, lanes: addon.default };
  } catch (cause) {
    const reason = messageOf(cause).split("\n")[0] ?? "";
    const wayOut = `"npm run build:kafka" compiles it, after that "npm run build" puts it into the binary`;
    throw new StreamkitError("io", `Cannot load Kafka's native library (${reason}); ${wayOut}`, { cause });
  }
}

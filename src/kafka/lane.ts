/**
 * Batch lanes: many records between Kafka and one buffer in one call, without a JavaScript object for each.
 * All waiting and copying is done by native threads; the event loop only sees the results. Offsets are
 * numbers: one beyond 2^53 - 1 is refused. Close a lane before its client disconnects: until then it holds
 * the client's memory. The native side is `src/native/kafka/consumer-lane.cc` and `producer-lane.cc`.
 */

import type { KafkaLibrary } from "../runtime/kafka.ts";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** What is held of one partition. */
interface Buffered extends TopicPartition {
  readonly records: number;
  /** Of payloads and keys, and 64 for each record itself. */
  readonly bytes: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

export interface LaneError {
  /** librdkafka's number. */
  readonly code: number;
  readonly message: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
}

export interface FillResult {
  /** As in `Buffered`. */
  readonly bufferedBytes: number;
  readonly bufferedRecords: number;
  /** Only those of which something is held. */
  readonly partitions: readonly Buffered[];
  /** Ends of partitions that this fill reached, where `enable.partition.eof` is set. */
  readonly ends: readonly (TopicPartition & { readonly offset: number })[];
  /**
   * What came out of the queue and is no record, at most 1000: an unknown topic, an offset that isn't there.
   * What concerns the whole client, as that all brokers are down, is its event `event.error`.
   */
  readonly errors: readonly LaneError[];
}

export type Framing = "json" | "lines" | "full-lines" | "text-lines" | "raw";
export type Attribute = "topic" | "partition" | "offset" | "timestamp" | "key" | "headers";

export interface TakeRequest {
  /** In the order in which they come out; others stay buffered. A partition may be named once. */
  readonly partitions: readonly (TopicPartition & {
    /** Exclusive. */
    readonly untilOffset?: number;
    readonly maxRecords?: number;
  })[];
  /**
   * Of output, 1 to 1 GiB, shared fairly between the partitions. One partition, another one each time, gets
   * its first record even if that is larger than its share: so no partition starves, and the output may be
   * larger by one record.
   */
  readonly maxBytes: number;
  /**
   * - `json`: a record is one line. Line feeds and carriage returns outside of JSON strings become spaces;
   *   inside, where they are malformed, U+0001, which is malformed too. An empty or all-blank payload becomes
   *   `""`, which a reader of objects refuses instead of skipping it.
   * - `lines`: a payload may hold several lines. The line feed at its end is not doubled; an empty payload is
   *   one empty line.
   * - `full-lines`: the same without lines that are empty; `text-lines`: without those of white space too.
   * - `raw`: payloads one after the other, with `lengths`.
   */
  readonly framing: Framing;
  /** Columns of `Taken.attributes`, in this order. */
  readonly attributes: readonly Attribute[];
  /** Null payloads. Kept they are `{}` in json, an empty line in lines, a length of -1 in raw. */
  readonly tombstones: "skip" | "keep";
  /**
   * Files to write `bytes` and `attributes` to, anew, instead of giving them. Where that fails, the records
   * are taken all the same.
   */
  readonly file?: string;
  readonly attributesFile?: string;
}

interface TakenPartition extends TopicPartition {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** All that were taken, also skipped tombstones. */
  readonly records: number;
  /** That came out: of text or, in raw, records. */
  readonly lines: number;
  /** Of its part of the output, which starts at `startByte`. */
  readonly bytes: number;
  readonly startByte: number;
  /**
   * Which record each line is of: pairs of a line's index and its offset, for the first line and wherever the
   * offset is not one more than that of the line before.
   */
  readonly offsets: Float64Array;
  readonly tombstones: number;
}

export interface Taken {
  /** Of `bytes`, also where they are in a file. */
  readonly sizeBytes: number;
  /** What the largest record is of them, and of the attributes: no line is longer. */
  readonly longestBytes: number;
  readonly longestRowBytes: number;
  readonly bytes: Buffer | undefined;
  /** Raw framing only. */
  readonly lengths: Int32Array | undefined;
  /**
   * One line of CSV for each line of `bytes` (in raw, for each record); undefined if none were asked for
   * or they are in a file. Text is quoted with `"` doubled, NULL is empty without quotes: DuckDB reads it
   * back with `read_csv(…, header = false, delim = ',', quote = '"', escape = '"', nullstr = '',
   * allow_quoted_nulls = false)`.
   * - `timestamp`: milliseconds, NULL if the record has none.
   * - `key`: its text, if that is UTF-8 without NUL, line feed and carriage return and doesn't start with
   *   `\x`; else `\xHH` for every byte. `key::BLOB` gives such bytes back, `decode(key::BLOB)` their text. So
   *   a key that starts with `\x` is always bytes, and a record is always one physical line.
   * - `headers`: a JSON array of [name, value or null]; values are written as keys are, but may hold line
   *   feeds, which JSON escapes. No headers are `[]`.
   */
  readonly attributes: Buffer | undefined;
  /** Those of which something was taken, in the order of the request. */
  readonly partitions: readonly TakenPartition[];
}

/** The offset of the record that a line of a partition is of. */
export function offsetOfLine({ offsets }: Pick<TakenPartition, "offsets">, line: number): number {
  let [low, high] = [0, offsets.length / 2 - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((offsets[2 * middle] ?? 0) <= line) low = middle;
    else high = middle - 1;
  }
  return (offsets[2 * low + 1] ?? 0) + line - (offsets[2 * low] ?? 0);
}

/** Turn `enable.auto.offset.store` off: a record counts as consumed as soon as it is buffered. */
export interface ConsumerLane {
  /**
   * Moves fetched records into the buffer until it holds `maxBufferedBytes`, or something has come and no
   * more is there, or the time is over; one batch may go beyond the bound. Serves the client's rebalance and
   * other callbacks as a poll does, and counts as one. One call at a time.
   */
  fill(options: { readonly maxBufferedBytes: number; readonly timeoutMs: number }): Promise<FillResult>;
  /** May run beside a fill. */
  take(request: TakeRequest): Promise<Taken>;
  /** Forgets what is held of these partitions, or of all, as after they were unassigned or sought. */
  drop(partitions?: readonly TopicPartition[]): void;
  /** Ends a fill under way and forgets everything. May be called again. */
  close(): Promise<void>;
}

export interface BytesColumn {
  readonly bytes: Uint8Array;
  /** One for each value, -1 for NULL. Left out: each value ends with a line feed, which the last may lack. */
  readonly lengths?: Int32Array;
}

/** All columns have as many values as `values`. Their memory must not change until the promise is kept. */
export interface ProduceRequest {
  readonly topic: string;
  /** NULL is a tombstone. */
  readonly values: BytesColumn;
  readonly keys?: BytesColumn;
  /** Without `keys`: a value's key is what first stands in it between these texts; NULL if nothing does. */
  readonly keyBetween?: readonly [after: string, until: string];
  /** -1: by key, as the client's `partitioner` says. Lower ones are no partitions. */
  readonly partitions?: Int32Array;
  /** NaN: now. -1 is refused: it is Kafka's word for none. */
  readonly timestampsMs?: Float64Array;
  /**
   * For each record a JSON array of [name, text or null], or of [name, null, hexadecimal digits] for bytes;
   * NULL for none. No text is taken for an escape.
   */
  readonly headers?: BytesColumn;
}

export interface Produced {
  readonly records: number;
  readonly failedRecords: number;
  /** At most 100 of them. */
  readonly failed: readonly { readonly index: number; readonly code: number; readonly message: string }[];
}

export interface ProducerLane {
  /**
   * Resolves when every record was acknowledged or has finally failed. A full queue of librdkafka's is waited
   * for. Several calls may be under way; within a partition records keep the order of the calls.
   */
  produce(request: ProduceRequest): Promise<Produced>;
  /** Waits for the calls under way; later ones are refused. May be called again. */
  close(): Promise<void>;
}

/** The client's native half: the package's objects keep it in `_client`. */
function nativeClient(client: object): object {
  return (client as { readonly _client?: object })._client ?? client;
}

/** Of a connected consumer of the package's. It must not be consumed from in any other way. */
export function openConsumerLane({ lanes }: KafkaLibrary, consumer: object): ConsumerLane {
  const lane = lanes.consumerLaneOpen(nativeClient(consumer));
  return {
    fill: async ({ maxBufferedBytes, timeoutMs }) =>
      (await lanes.consumerLaneFill(
        lane,
        Math.min(maxBufferedBytes, Number.MAX_SAFE_INTEGER),
        Math.min(Math.max(Math.ceil(timeoutMs), 0), 2 ** 31 - 1),
      )) as FillResult,
    take: async (request) => (await lanes.consumerLaneTake(lane, request)) as Taken,
    drop: (partitions) => lanes.consumerLaneDrop(lane, partitions),
    close: () => lanes.consumerLaneClose(lane),
  };
}

/** Of a connected producer of the package's, which may go on producing by itself too. */
export function openProducerLane({ lanes }: KafkaLibrary, producer: object): ProducerLane {
  const lane = lanes.producerLaneOpen(nativeClient(producer));
  return {
    produce: async (request) => (await lanes.producerLaneProduce(lane, request)) as Produced,
    close: () => lanes.producerLaneClose(lane),
  };
}

export interface ConfigAnswer {
  /** librdkafka's number; 0 = it has answered. */
  readonly code: number;
  readonly message: string;
  readonly value?: string;
}

/** One setting of a topic, by a connected producer, which must not be disconnected meanwhile. */
export async function topicConfig(
  { lanes }: KafkaLibrary,
  producer: object,
  { topic, name, timeoutMs }: { readonly topic: string; readonly name: string; readonly timeoutMs: number },
): Promise<ConfigAnswer> {
  return (await lanes.topicConfig(nativeClient(producer), topic, name, timeoutMs)) as ConfigAnswer;
}

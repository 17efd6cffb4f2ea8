/**
 * How large a message may be. It is the topic that decides, by `max.message.bytes`, and librdkafka knows
 * nothing of it: a batch of small messages may be too large too. What is here is of one message by itself,
 * not compressed, as the broker counts it.
 */

import { logger } from "../base/log.ts";
import { type Connected, connectProducer, type Producer, type Reach } from "./client.ts";
import { type ProduceRequest, topicConfig } from "./lane.ts";
import { requireTopic } from "./topics.ts";

const ASK_TIMEOUT_MS = 8000;
/** librdkafka's own size of a batch. */
const BATCH_BYTES = 1_000_000;
/** The topic's limit counts, not librdkafka's. */
const NO_LIMIT_BYTES = 1_000_000_000;
/** What stands before the records of a batch. */
const BATCH_HEADER_BYTES = 61;

export interface TopicProducer {
  readonly producer: Connected<Producer>;
  /** Of `max.message.bytes`; undefined where we may not ask, or the messages are compressed. */
  readonly limitBytes: number | undefined;
}

/** Throws codes `io` and `input`: no broker, no topic. */
export async function connectTopicProducer(
  reach: Reach,
  topic: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<TopicProducer> {
  const all = { "message.max.bytes": NO_LIMIT_BYTES, ...settings };
  const producer = await connectProducer(reach, all);
  try {
    await requireTopic(producer, topic);
    const limitBytes = await limitOf(producer, topic);
    const found = { producer, limitBytes: isCompressed(reach) ? undefined : limitBytes };
    if (limitBytes === undefined || limitBytes >= BATCH_BYTES) return found;
    await producer.close();
    const batches = { "batch.size": Math.max(1, limitBytes) };
    return { ...found, producer: await connectProducer(reach, { ...all, ...batches }) };
  } catch (error) {
    await producer.close();
    throw error;
  }
}

function isCompressed({ connection: { config } }: Reach): boolean {
  return ["compression.type", "compression.codec"].some((name) => (config[name] ?? "none") !== "none");
}

/** Undefined where we may not ask. */
async function limitOf({ client, library }: Connected<Producer>, topic: string): Promise<number | undefined> {
  const asked = { topic, name: "max.message.bytes", timeoutMs: ASK_TIMEOUT_MS };
  const { code, message, value } = await topicConfig(library, client, asked);
  if (code === 0 && value !== undefined) return Number(value);
  logger("kafka").info(
    `The topic "${topic}" does not tell its max.message.bytes (${message}): what is too large is known ` +
      "when it is refused",
  );
  return undefined;
}

/** One message of a request. */
export interface MessageParts {
  readonly valueBytes: number;
  readonly keyBytes: number;
  /** As the lane takes them. */
  readonly headers: string | undefined;
}

/** As the lane takes it. */
type Header = readonly [name: string, text: string | null, digits?: string];

/** As the broker counts a message that is a batch by itself. */
export function messageBytes({ valueBytes, keyBytes, headers }: MessageParts): number {
  const pairs = headers === undefined ? [] : (JSON.parse(headers) as readonly Header[]);
  let body = 3 + counted(keyBytes) + counted(valueBytes) + varintBytes(pairs.length);
  for (const [name, text, digits] of pairs) {
    const bytes = digits === undefined ? Buffer.byteLength(text ?? "") : digits.length / 2;
    body += counted(Buffer.byteLength(name)) + counted(bytes);
  }
  return BATCH_HEADER_BYTES + varintBytes(body) + body;
}

/** With the length before it. */
function counted(bytes: number): number {
  return varintBytes(bytes) + Math.max(0, bytes);
}

/** Of a whole number in zigzag, seven bits a byte. */
function varintBytes(value: number): number {
  let [rest, bytes] = [Math.abs(value) * 2, 1];
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/** The parts of a request's message, counted from 0. Walks over those before it. */
export function partsAt(
  { values, keys, headers }: Pick<ProduceRequest, "values" | "keys" | "headers">,
  index: number,
): MessageParts {
  return {
    valueBytes: columnAt(values, index)?.length ?? 0,
    keyBytes: keys === undefined ? 0 : (columnAt(keys, index)?.length ?? 0),
    headers: headers === undefined ? undefined : columnAt(headers, index)?.toString(),
  };
}

/** Undefined for NULL. */
export function columnAt({ bytes, lengths }: ProduceRequest["values"], index: number): Buffer | undefined {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let start = 0;
  if (lengths === undefined) {
    for (let line = 0; line < index; line += 1) start = whole.indexOf(10, start) + 1;
    const end = whole.indexOf(10, start);
    return whole.subarray(start, end < 0 ? whole.length : end);
  }
  for (const length of lengths.subarray(0, index)) start += Math.max(0, length);
  const length = lengths[index] ?? -1;
  return length < 0 ? undefined : whole.subarray(start, start + length);
}

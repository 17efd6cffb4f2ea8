/**
 * Messages to one topic, acknowledged, where lines come from a world that knows no limits: one that is larger
 * than the topic takes is cut to fit, and said so; what its key and headers leave no room for is left out.
 * The rest goes on.
 */

import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";
import type { Reach } from "./client.ts";
import { FAULT } from "./errors.ts";
import { type BytesColumn, openProducerLane, type ProduceRequest } from "./lane.ts";
import { connectTopicProducer, messageBytes } from "./topic-limit.ts";
import { writeFailure } from "./write-failure.ts";

export interface Messages {
  /** Resolves when all are acknowledged; their memory must not change until then. */
  send(request: MessageColumns): Promise<void>;
  close(): Promise<void>;
}

/** Without partitions and times of their own. */
type MessageColumns = Pick<ProduceRequest, "values" | "keys" | "keyBetween" | "headers">;

const SETTINGS = {
  "enable.idempotence": true,
  "linger.ms": 5,
  "queue.buffering.max.messages": 1_000_000,
  "queue.buffering.max.kbytes": 131_072,
  partitioner: "murmur2_random",
};
const LINE_FEED = 10;
/** More than what stands around a value, a key and headers. */
const AROUND_BYTES = 128;
/** Where the topic does not tell its limit: Kafka's default, with room for what stands around a value. */
const USUAL_LIMIT_BYTES = 1_000_000;

/** Throws codes `io` and `input`: no broker, no topic. */
export async function openMessages(reach: Reach, topic: string): Promise<Messages> {
  const { producer, limitBytes } = await connectTopicProducer(reach, topic, SETTINGS);
  const lane = openProducerLane(producer.library, producer.client);
  let [cut, leftOut] = [0, 0];
  const words = (): string =>
    `${counted(cut, "message")} cut and ${leftOut} left out that the topic "${topic}" is too small for ` +
    `(max.message.bytes ${limitBytes ?? "is not told"})`;
  const tell = (fitted: Fitted): void => {
    const isFirst = cut + leftOut === 0;
    cut += fitted.cut;
    leftOut += fitted.leftOut;
    if (isFirst && cut + leftOut > 0)
      logger("kafka").warn(
        `${words()}; the first is of ${fitted.firstBytes} bytes. More are told at the end`,
      );
  };
  const produce = async (request: ProduceRequest): Promise<void> => {
    const produced = await lane.produce(request);
    const { failed, failedRecords } = produced;
    const tooLarge = failed.filter(({ code }) => code === FAULT.recordTooLarge);
    const isElse = failedRecords > failed.length || failed.some((one) => one.code !== FAULT.recordTooLarge);
    if (failedRecords > 0 && isElse) throw writeFailure(request, produced, limitBytes);
    if (tooLarge.length === 0) return producer.alive();
    const wanted = tooLarge.map(({ index }) => index);
    const smaller = fitted(only(request, wanted), limitBytes ?? USUAL_LIMIT_BYTES);
    // It was too large for a topic that may take less than we think.
    if (smaller.cut + smaller.leftOut < wanted.length) {
      tell({ ...smaller, cut: 0, leftOut: wanted.length });
      return;
    }
    tell(smaller);
    await produce(smaller.request);
  };
  return {
    async send(given) {
      const request = { ...given, topic };
      if (limitBytes === undefined) return produce(request);
      const fits = fitted(request, limitBytes);
      tell(fits);
      await produce(fits.request);
    },
    async close() {
      if (cut + leftOut > 1) logger("kafka").warn(words());
      await lane.close();
      await producer.close();
    },
  };
}

interface Fitted {
  readonly request: ProduceRequest;
  readonly cut: number;
  readonly leftOut: number;
  /** How large the first of them is. */
  readonly firstBytes: number;
}

/** The request with values of so many bytes that each message fits. */
function fitted(request: ProduceRequest, limitBytes: number): Fitted {
  const beside = longest(request.keys) + longest(request.headers);
  const as = { request, cut: 0, leftOut: 0, firstBytes: 0 };
  if (!mayBeLonger(request.values, limitBytes - beside - AROUND_BYTES)) return as;
  const kept: number[] = [];
  const shortened = new Map<number, Buffer>();
  const [keys, headers] = [textsOf(request.keys), textsOf(request.headers)];
  let [leftOut, firstBytes] = [0, 0];
  for (const [index, value] of textsOf(request.values).entries()) {
    const valueBytes = value?.length ?? 0;
    const parts = { valueBytes, keyBytes: keys[index]?.length ?? 0, headers: headers[index]?.toString() };
    const isNear = valueBytes + beside + AROUND_BYTES > limitBytes;
    const over = isNear ? messageBytes(parts) - limitBytes : 0;
    if (over > 0 && firstBytes === 0) firstBytes = messageBytes(parts);
    if (over > valueBytes) leftOut += 1;
    else kept.push(index);
    if (over > 0 && over <= valueBytes && value !== undefined)
      shortened.set(index, wholeCharacters(value, valueBytes - over));
  }
  if (shortened.size + leftOut === 0) return as;
  const cut = shortened.size;
  return { request: only(request, kept, shortened), cut, leftOut, firstBytes };
}

/** At most so many bytes of a text, none of whose characters is torn. */
function wholeCharacters(text: Buffer, maxBytes: number): Buffer {
  let end = maxBytes;
  while (end > Math.max(0, maxBytes - 3) && ((text[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return text.subarray(0, end);
}

function longest(given: BytesColumn | undefined): number {
  if (given === undefined) return 0;
  return given.lengths === undefined ? given.bytes.length : given.lengths.reduce((a, b) => Math.max(a, b), 0);
}

/** Whether a value may be longer. Lines are not counted one by one. */
function mayBeLonger({ bytes, lengths }: BytesColumn, maxBytes: number): boolean {
  if (bytes.length <= maxBytes) return false;
  if (maxBytes <= 0) return true;
  if (lengths !== undefined) return lengths.some((length) => length > maxBytes);
  for (let start = 0; start + maxBytes < bytes.length; ) {
    const end = bytes.lastIndexOf(LINE_FEED, start + maxBytes);
    if (end < start) return true;
    start = end + 1;
  }
  return false;
}

/** Undefined for NULL. */
function textsOf(given: BytesColumn | undefined): readonly (Buffer | undefined)[] {
  if (given === undefined) return [];
  const { bytes, lengths } = given;
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const texts: (Buffer | undefined)[] = [];
  let start = 0;
  if (lengths !== undefined)
    for (const length of lengths) {
      texts.push(length < 0 ? undefined : whole.subarray(start, start + length));
      start += Math.max(0, length);
    }
  else
    while (start < whole.length) {
      const feed = whole.indexOf(LINE_FEED, start);
      const end = feed < 0 ? whole.length : feed;
      texts.push(whole.subarray(start, end));
      start = end + 1;
    }
  return texts;
}

function column(texts: readonly (Buffer | undefined)[]): BytesColumn {
  return {
    bytes: Buffer.concat(texts.flatMap((text) => (text === undefined ? [] : [text]))),
    lengths: Int32Array.from(texts, (text) => text?.length ?? -1),
  };
}

/** The request with these messages only, some with values of their own. */
function only(
  { topic, values, keys, keyBetween, headers }: ProduceRequest,
  indices: readonly number[],
  instead: ReadonlyMap<number, Buffer> = new Map(),
): ProduceRequest {
  const of = (texts: readonly (Buffer | undefined)[]): BytesColumn =>
    column(indices.map((index) => texts[index]));
  const all = textsOf(values);
  return {
    topic,
    values: column(indices.map((index) => instead.get(index) ?? all[index])),
    ...(keyBetween === undefined ? {} : { keyBetween }),
    ...(keys === undefined ? {} : { keys: of(textsOf(keys)) }),
    ...(headers === undefined ? {} : { headers: of(textsOf(headers)) }),
  };
}

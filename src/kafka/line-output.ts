/** Lines of text to a topic, a message each, acknowledged: where commands write with `--out kafka://…`. */

import { type Connected, connectProducer, type Producer, type Reach } from "./client.ts";
import { type BytesColumn, openProducerLane, type Produced, type ProduceRequest } from "./lane.ts";
import { writeFailure } from "./topic-writer.ts";
import { requireTopic } from "./topics.ts";

/** What a message's key is. */
export type LineKey =
  | Pick<ProduceRequest, "keyBetween">
  | { readonly keysOf: (lines: Uint8Array) => BytesColumn };

/** What is said of each message beside its value. */
type BesideValues = Pick<ProduceRequest, "keys" | "headers">;

export interface LineOutput {
  /**
   * Whole lines, or values with their lengths; they must not change until all is acknowledged. Resolves when
   * more may come; what was not acknowledged yet is told by a later call.
   */
  write(lines: Uint8Array | BytesColumn, beside?: BesideValues): Promise<void>;
  /** Resolves when all that was written is acknowledged. */
  settle(): Promise<void>;
  /** Resolves when all is acknowledged. */
  close(): Promise<void>;
}

/** How many blocks may be on their way at a time. */
const MAX_UNDER_WAY = 4;

/** `key` is of lines that come without keys of their own; none if left out. */
export async function openKafkaLines(reach: Reach, topic: string, key?: LineKey): Promise<LineOutput> {
  const producer = await connectProducer(reach, {
    "enable.idempotence": true,
    "linger.ms": 5,
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 131_072,
    partitioner: "murmur2_random",
  });
  try {
    await requireTopic(producer, topic);
  } catch (error) {
    await producer.close();
    throw error;
  }
  const lane = openProducerLane(producer.library, producer.client);
  const underWay: Promise<Produced>[] = [];
  const settle = async (): Promise<void> => {
    const { failed, failedRecords, records } = (await underWay.shift()) ?? NOTHING_PRODUCED;
    const [first] = failed;
    if (first !== undefined) throw writeFailure(topic, { failedRecords, records }, first);
    producer.alive();
  };
  const settleAll = async (): Promise<void> => {
    while (underWay.length > 0) await settle();
  };
  return {
    async write(lines, beside) {
      const values = lines instanceof Uint8Array ? { bytes: lines } : lines;
      if (values.bytes.length === 0) return;
      const keys = key !== undefined && "keysOf" in key ? { keys: key.keysOf(values.bytes) } : key;
      underWay.push(lane.produce({ topic, values, ...(beside ?? keys) }));
      while (underWay.length > MAX_UNDER_WAY) await settle();
    },
    settle: settleAll,
    async close() {
      try {
        await settleAll();
      } finally {
        await end(producer, () => lane.close());
      }
    },
  };
}

const NOTHING_PRODUCED: Produced = { records: 0, failedRecords: 0, failed: [] };

async function end(producer: Connected<Producer>, closeLane: () => Promise<void>): Promise<void> {
  await closeLane();
  await producer.close();
}

/** Lines of text to a topic, a message each, acknowledged: where commands write with `--out kafka://…`. */

import type { Reach } from "./client.ts";
import type { BytesColumn, ProduceRequest } from "./lane.ts";
import { openMessages } from "./messages.ts";

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
  const messages = await openMessages(reach, topic);
  const underWay: Promise<void>[] = [];
  const settleAll = async (): Promise<void> => {
    while (underWay.length > 0) await underWay.shift();
  };
  return {
    async write(lines, beside) {
      const values = lines instanceof Uint8Array ? { bytes: lines } : lines;
      if (values.bytes.length === 0) return;
      const keys = key !== undefined && "keysOf" in key ? { keys: key.keysOf(values.bytes) } : key;
      const sending = messages.send({ values, ...(beside ?? keys) });
      // It is told by a later call.
      sending.catch(() => undefined);
      underWay.push(sending);
      while (underWay.length > MAX_UNDER_WAY) await underWay.shift();
    },
    settle: settleAll,
    async close() {
      try {
        await settleAll();
      } finally {
        await messages.close();
      }
    },
  };
}

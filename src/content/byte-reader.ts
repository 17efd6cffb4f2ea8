/** Bytes that come in chunks, taken as their format wants them: so many, or as many as are there. */

import { type Chunks, cutOff } from "./ending.ts";

export interface ByteReader {
  /** The next bytes, which stay where they are; fewer than asked for only at the end. */
  peek(length: number): Promise<Buffer>;
  /** Exactly so many. Throws `cut off` where there are fewer. */
  take(length: number): Promise<Buffer>;
  /** What is there, at least one byte and at most so many. Throws `cut off` at the end. */
  takeSome(maxBytes: number): Promise<Buffer>;
  /** Up to and with the first byte of this value. */
  takeUntil(value: number): Promise<void>;
  /** Puts back what was taken last. */
  giveBack(bytes: Buffer): void;
  close(): Promise<void>;
}

export function byteReader(chunks: Chunks): ByteReader {
  const iterator =
    Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  let held: Buffer = Buffer.alloc(0);
  let hasEnded = false;

  const more = async (): Promise<boolean> => {
    if (hasEnded) return false;
    const next = await iterator.next();
    hasEnded = next.done === true;
    if (next.done === true) return false;
    held = held.length === 0 ? next.value : Buffer.concat([held, next.value]);
    return true;
  };
  const peek = async (length: number): Promise<Buffer> => {
    while (held.length < length && (await more()));
    return held.subarray(0, length);
  };
  const drop = (length: number): Buffer => {
    const taken = held.subarray(0, length);
    held = held.subarray(length);
    return taken;
  };
  return {
    peek,
    async take(length) {
      if ((await peek(length)).length < length) throw cutOff();
      return drop(length);
    },
    async takeSome(maxBytes) {
      if ((await peek(1)).length === 0) throw cutOff();
      return drop(Math.min(maxBytes, held.length));
    },
    async takeUntil(value) {
      for (;;) {
        if ((await peek(1)).length === 0) throw cutOff();
        const found = held.indexOf(value);
        drop(found < 0 ? held.length : found + 1);
        if (found >= 0) return;
      }
    },
    giveBack(bytes) {
      held = held.length === 0 ? bytes : Buffer.concat([bytes, held]);
    },
    async close() {
      await iterator.return?.();
    },
  };
}

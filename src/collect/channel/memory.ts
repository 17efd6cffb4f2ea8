/**
 * The channel in memory. It keeps nothing over a crash, so it promises nothing before the receiver has it:
 * `flush` waits for the commit.
 */

import { StreamkitError } from "../../base/error.ts";
import type { EventBlock } from "../../tail/block.ts";
import { createSignal } from "../signal.ts";
import type { Channel } from "./channel.ts";

export interface MemoryOptions {
  /** Of blocks that were put and not delivered. One block more is taken when there are none. */
  readonly maxBytes: number;
}

const IDLE_COMMIT_MS = 100;
/** What a block costs beside its bytes, roughly: many tiny ones fill a channel too. */
const BLOCK_BYTES = 256;

export function openMemoryChannel({ maxBytes }: MemoryOptions): Channel {
  const blocks: EventBlock[] = [];
  /** Numbers of blocks so far. */
  let [put, taken, released, committed] = [0, 0, 0, 0];
  let heldBytes = 0;
  let hasEnded = false;
  let isClosed = false;
  let waitingFlushes = 0;
  let waitingPuts = 0;
  let lastPut = Promise.resolve();
  const grown = createSignal();
  const freed = createSignal();
  const costOf = (block: EventBlock): number => block.bytes.length + BLOCK_BYTES;
  const isAwaited = (): boolean => waitingFlushes > 0 && released > committed;
  const fits = (sizeBytes: number): boolean => heldBytes === 0 || heldBytes + sizeBytes <= maxBytes;

  async function putInTurn(block: EventBlock, before: Promise<void>): Promise<void> {
    await before;
    waitingPuts += 1;
    const mustWait = (): boolean => !isClosed && !fits(costOf(block));
    while (mustWait()) await freed.wait();
    waitingPuts -= 1;
    if (isClosed) throw new StreamkitError("stopped", "The channel was closed while a block waited for room");
    // The caller's bytes are the caller's again.
    blocks.push({ ...block, bytes: new Uint8Array(block.bytes) });
    put += 1;
    heldBytes += costOf(block);
    grown.wake();
  }

  return {
    put(block) {
      if (block.bytes.length === 0) return Promise.resolve();
      const done = putInTurn(block, lastPut);
      lastPut = done.catch(() => {});
      return done;
    },
    async flush() {
      await lastPut;
      const wanted = put;
      waitingFlushes += 1;
      grown.wake();
      try {
        for (;;) {
          if (committed >= wanted) return;
          if (isClosed)
            throw new StreamkitError("stopped", "The channel was closed before all was delivered");
          await freed.wait();
        }
      } finally {
        waitingFlushes -= 1;
      }
    },
    hasRoom: () => waitingPuts === 0 && fits(BLOCK_BYTES),
    start: { segment: 0, offset: 0 },
    committed: undefined,
    idleCommitMs: IDLE_COMMIT_MS,
    hasMore: () => taken < put,
    isAwaited,
    isDrained: () => hasEnded && taken === put,
    waitingBytes: () => heldBytes,
    async take(limitBytes, stop) {
      for (;;) {
        if (taken < put) break;
        if (hasEnded || isAwaited() || stop?.aborted === true) return undefined;
        await grown.wait(stop);
      }
      const batch: EventBlock[] = [];
      let sizeBytes = 0;
      for (let index = taken - released; index < blocks.length; index += 1) {
        const block = blocks[index];
        if (block === undefined) break;
        if (batch.length > 0 && sizeBytes + block.bytes.length > limitBytes) break;
        batch.push(block);
        sizeBytes += block.bytes.length;
      }
      taken += batch.length;
      return { blocks: batch, sizeBytes, end: { segment: 0, offset: taken } };
    },
    release({ offset }) {
      for (const block of blocks.splice(0, offset - released)) heldBytes -= costOf(block);
      released = offset;
      freed.wake();
    },
    async commit({ offset }) {
      committed = offset;
      freed.wake();
    },
    end() {
      hasEnded = true;
      grown.wake();
    },
    async close() {
      isClosed = true;
      hasEnded = true;
      grown.wake();
      freed.wake();
    },
  };
}

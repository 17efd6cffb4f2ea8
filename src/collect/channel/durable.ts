/**
 * The channel on disk. Blocks are appended to segment files as they are; what `flush` has promised comes out
 * after a kill, in order and at least once, and exactly once for outputs that know how long they were.
 */

import type { Clock } from "../../base/clock.ts";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { failpoint } from "../../base/failpoint.ts";
import { logger } from "../../base/log.ts";
import type { Channel, Place } from "./channel.ts";
import { damageMessage, nextRecord, setAside } from "./damage.ts";
import { type Disk, type DiskFile, realDisk } from "./disk.ts";
import { createLedger, waitingBytes } from "./ledger.ts";
import { lockFolder } from "./lock.ts";
import { openPosition } from "./position.ts";
import { findSegments, recordWindow, segmentFile } from "./segments.ts";
import { createWriter } from "./writer.ts";

export interface DurableOptions {
  readonly folder: string;
  /** Of segments on disk; what one block more takes may come on top. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly disk?: Disk;
  readonly segmentBytes?: number;
}

const SEGMENT_BYTES = 64 * 1024 * 1024;
/** A bounded channel in at least so many segments: room comes back one segment at a time. */
const LEAST_SEGMENTS = 8;

/** A save is two syncs: not one for each line that trickles in. */
const IDLE_COMMIT_MS = 100;

/** Throws code `io` where another process has the folder. */
export async function openDurableChannel(options: DurableOptions): Promise<Channel> {
  try {
    return await openChannel(options);
  } catch (error) {
    if (error instanceof StreamkitError) throw error;
    const reason = `The channel "${options.folder}" can't be opened: ${messageOf(error)}`;
    throw new StreamkitError("io", reason, { component: "channel", cause: error });
  }
}

async function openChannel(options: DurableOptions): Promise<Channel> {
  const { folder, maxBytes, clock, disk = realDisk } = options;
  const log = logger("channel");
  await disk.makeFolder(folder);
  const lock = lockFolder(folder);
  const positions = await openPosition(folder, disk);
  const start: Place = positions.saved ?? { segment: 0, offset: 0 };
  const { segments, cutBytes, damagedEnd } = await findSegments(folder, disk, start.segment);
  if (damagedEnd !== undefined) log.warn(damageMessage(damagedEnd));
  if (cutBytes > 0) log.info(`cut ${cutBytes} bytes of an unfinished block from the end of "${folder}"`);
  const ledger = createLedger(segments, start);
  const segmentBytes = options.segmentBytes ?? Math.min(SEGMENT_BYTES, Math.ceil(maxBytes / LEAST_SEGMENTS));
  const firstNew = Math.max(start.segment, segments.at(-1)?.number ?? 0) + 1;
  const warn = (message: string): void => log.warn(message);
  const inform = (message: string): void => log.info(message);
  const writer = createWriter(
    ledger,
    { folder, disk, clock, maxBytes, segmentBytes, warn, inform },
    firstNew,
  );

  let cursor: Place = start;
  let released: Place = start;
  let reading: { number: number; file: DiskFile; window: ReturnType<typeof recordWindow> } | undefined;
  const current = () => ledger.segments.find(({ number }) => number >= cursor.segment);
  const leftOf = (number: number, sizeBytes: number): number =>
    number === cursor.segment ? sizeBytes - cursor.offset : sizeBytes;

  /** Moves to the next segment with something in it; undefined if there is none yet. */
  function readable(): { number: number; sizeBytes: number } | undefined {
    for (;;) {
      const segment = current();
      if (segment === undefined) return undefined;
      if (segment.number > cursor.segment) cursor = { segment: segment.number, offset: 0 };
      if (leftOf(segment.number, segment.sizeBytes) > 0) return segment;
      if (!segment.isSealed) return undefined;
      cursor = { segment: segment.number + 1, offset: 0 };
    }
  }

  /** Room comes back a segment at a time, or with the last block. */
  function isAwaited(): boolean {
    if (!ledger.isShortOfRoom || !isAhead(released, ledger.committed)) return false;
    return released.segment > ledger.committed.segment || readable() === undefined;
  }

  async function readerOf(number: number): Promise<NonNullable<typeof reading>> {
    if (reading?.number !== number) {
      await reading?.file.close();
      const file = await disk.open(segmentFile(folder, number), "there");
      reading = { number, file, window: recordWindow(file) };
    }
    return reading;
  }

  /** Moves behind the record that the cursor stands before, which is damaged. */
  async function passDamage(file: DiskFile, segment: { number: number; sizeBytes: number }): Promise<void> {
    const path = segmentFile(folder, segment.number);
    const to = (await nextRecord(file, cursor.offset, segment.sizeBytes)) ?? segment.sizeBytes;
    const part = { path, from: cursor.offset, to };
    await setAside(disk, part);
    warn(damageMessage(part));
    cursor = { segment: segment.number, offset: to };
  }

  return {
    put: writer.put,
    flush: writer.flush,
    hasRoom: writer.hasRoom,
    start,
    committed: positions.saved?.state,
    idleCommitMs: IDLE_COMMIT_MS,
    hasMore: () => readable() !== undefined,
    isAwaited,
    isDrained: () => ledger.hasEnded && readable() === undefined,
    release: (end) => {
      released = end;
    },
    waitingBytes: () => waitingBytes(ledger),
    async take(maxBytes, stop) {
      for (;;) {
        const segment = readable();
        if (segment === undefined) {
          if (ledger.hasEnded || isAwaited() || stop?.aborted === true) return undefined;
          await ledger.grown.wait(stop);
          continue;
        }
        const { file, window } = await readerOf(segment.number);
        const { blocks, sizeBytes } = await window(cursor.offset, segment.sizeBytes, maxBytes);
        if (blocks.length === 0) {
          await passDamage(file, segment);
          if (readable() === undefined) return { blocks, sizeBytes: 0, end: cursor };
          continue;
        }
        cursor = { segment: segment.number, offset: cursor.offset + sizeBytes };
        return { blocks, sizeBytes, end: cursor };
      }
    },
    async commit(end, state) {
      await positions.save({ ...end, ...(state !== undefined && { state }) });
      failpoint("channel-committed");
      ledger.committed = end;
      for (;;) {
        const [first] = ledger.segments;
        const isDone = first?.isSealed === true && isBehind(first.number, first.sizeBytes, end);
        if (first === undefined || !isDone) break;
        ledger.segments.shift();
        if (reading?.number === first.number) {
          await reading.file.close();
          reading = undefined;
        }
        await disk.remove(segmentFile(folder, first.number));
        failpoint("channel-segment-removed");
      }
      ledger.freed.wake();
    },
    end() {
      ledger.hasEnded = true;
      ledger.grown.wake();
    },
    async close() {
      if (ledger.failure === undefined) ledger.hasEnded = true;
      ledger.grown.wake();
      try {
        await writer.close();
      } finally {
        await reading?.file.close();
        await positions.close();
        lock.unlock();
      }
    },
  };
}

function isAhead(place: Place, other: Place): boolean {
  return place.segment > other.segment || (place.segment === other.segment && place.offset > other.offset);
}

function isBehind(number: number, sizeBytes: number, { segment, offset }: Place): boolean {
  return number < segment || (number === segment && offset >= sizeBytes);
}

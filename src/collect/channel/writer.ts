/**
 * The end of a channel on disk that blocks are put into. What comes while a write is under way goes into the
 * next write together; one sync answers everyone who waits for one.
 */

import type { Clock } from "../../base/clock.ts";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { failpoint } from "../../base/failpoint.ts";
import type { EventBlock } from "../../tail/block.ts";
import { type Disk, type DiskFile, isFull } from "./disk.ts";
import { diskBytes, type Ledger, waitingBytes } from "./ledger.ts";
import { type EncodedBlock, encodeBlock } from "./record.ts";
import { type SegmentInfo, segmentFile } from "./segments.ts";

export interface WriterOptions {
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  readonly warn: (message: string) => void;
  readonly inform: (message: string) => void;
}

export interface Writer {
  put(block: EventBlock): Promise<void>;
  flush(): Promise<void>;
  hasRoom(): boolean;
  close(): Promise<void>;
}

interface Waiting extends EncodedBlock {
  readonly number: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** Written at once, and copied together where it is small. */
const MAX_GROUP_BYTES = 8 * 1024 * 1024;
const COPIED_BYTES = 262_144;
/** How long to wait until a full disk is asked again. */
const FULL_DISK_RETRY_MS = 500;

export function createWriter(ledger: Ledger, options: WriterOptions, firstSegment: number): Writer {
  const { folder, disk, clock } = options;
  const queue: Waiting[] = [];
  let queuedBytes = 0;
  const closed = new AbortController();
  let nextSegment = firstSegment;
  let current: { readonly file: DiskFile; readonly info: SegmentInfo } | undefined;
  let putNumber = 0;
  let writtenNumber = 0;
  let syncedNumber = 0;
  let writing: Promise<void> | undefined;
  let syncing: Promise<void> | undefined;
  let isDiskFull = false;

  const fits = (sizeBytes: number): boolean => diskBytes(ledger) + sizeBytes <= options.maxBytes;
  /** An empty channel takes any block. */
  const takesNext = (sizeBytes: number): boolean => fits(sizeBytes) || waitingBytes(ledger) === 0;

  async function waitForRoom(sizeBytes: number): Promise<void> {
    while (!takesNext(sizeBytes)) {
      ledger.isShortOfRoom = true;
      ledger.grown.wake();
      await ledger.freed.wait(closed.signal);
      if (closed.signal.aborted) throw stopped();
    }
    ledger.isShortOfRoom = false;
  }

  function takeGroup(): Waiting[] {
    const group: Waiting[] = [];
    let sizeBytes = 0;
    while (queue[0] !== undefined && (group.length === 0 || fits(sizeBytes + queue[0].sizeBytes))) {
      const isGroupFull = isDiskFull || sizeBytes + queue[0].sizeBytes > MAX_GROUP_BYTES;
      if (group.length > 0 && isGroupFull) break;
      sizeBytes += queue[0].sizeBytes;
      queuedBytes -= queue[0].sizeBytes;
      group.push(queue.shift() as Waiting);
    }
    return group;
  }

  async function openSegment(): Promise<NonNullable<typeof current>> {
    if (current !== undefined) return current;
    const number = nextSegment;
    const file = await disk.open(segmentFile(folder, number), "new");
    nextSegment += 1;
    await disk.syncFolder(folder);
    const info: SegmentInfo = { number, sizeBytes: 0, isSealed: false };
    ledger.segments.push(info);
    current = { file, info };
    return current;
  }

  async function append(parts: readonly Uint8Array[]): Promise<void> {
    const { file, info } = await openSegment();
    let offset = info.sizeBytes;
    try {
      for (const piece of pieces(parts)) {
        await file.write(piece, offset);
        offset += piece.length;
        failpoint("channel-piece-written");
      }
      info.sizeBytes = offset;
    } catch (error) {
      await file.truncate(info.sizeBytes).catch(() => {});
      throw error;
    }
  }

  /**
   * A full disk is waited out: the channel takes nothing more, which pushes back. Then blocks go one by one,
   * as there may never be room for many.
   */
  async function appendInTheEnd(group: Waiting[]): Promise<void> {
    for (;;) {
      try {
        await append(group.flatMap(({ parts }) => parts));
        // Only when nobody waits any more: else it would be said for each block.
        const hasRecovered = isDiskFull && queue.length === 0;
        if (hasRecovered) options.inform(`there is room again in "${folder}": the channel goes on`);
        isDiskFull &&= !hasRecovered;
        return;
      } catch (error) {
        if (!isFull(error)) throw error;
        if (!isDiskFull)
          options.warn(
            `no room is left on the disk of "${folder}" (${messageOf(error)}): nothing more is taken until ` +
              `there is; ${waitingBytes(ledger)} bytes wait for their receiver, and nothing is lost`,
          );
        isDiskFull = true;
        const later = group.splice(1);
        for (const { sizeBytes } of later) queuedBytes += sizeBytes;
        queue.unshift(...later);
        await clock.sleep(FULL_DISK_RETRY_MS, closed.signal);
        if (closed.signal.aborted) throw stopped();
      }
    }
  }

  /** Resolves when the segment is synced and takes no more. */
  async function seal(): Promise<void> {
    if (current === undefined) return;
    const { file, info } = current;
    await synced();
    current = undefined;
    await file.close();
    info.isSealed = true;
    ledger.grown.wake();
  }

  async function writeAll(): Promise<void> {
    let group: Waiting[] = [];
    try {
      while (queue[0] !== undefined) {
        await waitForRoom(queue[0].sizeBytes);
        group = takeGroup();
        await appendInTheEnd(group);
        writtenNumber = group.at(-1)?.number ?? writtenNumber;
        failpoint("channel-appended");
        ledger.grown.wake();
        for (const { resolve } of group.splice(0)) resolve();
        if ((current?.info.sizeBytes ?? 0) >= options.segmentBytes) await seal();
      }
    } catch (error) {
      ledger.failure ??= failureOf(error, folder);
      for (const { reject } of [...group, ...queue.splice(0)]) reject(ledger.failure);
      queuedBytes = 0;
    } finally {
      writing = undefined;
    }
  }

  /** Everything written when it was called is synced. */
  async function synced(): Promise<void> {
    const isSyncing = (): boolean => syncing !== undefined;
    while (isSyncing()) await syncing;
    const number = writtenNumber;
    if (current === undefined || number === syncedNumber) return;
    syncing = current.file.sync().then(
      () => {
        syncedNumber = number;
        failpoint("channel-synced");
      },
      (error: unknown) => {
        // After a failed sync nobody knows what is on disk: nothing more may be promised.
        ledger.failure ??= failureOf(error, folder);
      },
    );
    await syncing;
    syncing = undefined;
    if (ledger.failure !== undefined) throw ledger.failure;
  }

  return {
    put(block) {
      if (ledger.failure !== undefined) return Promise.reject(ledger.failure);
      if (closed.signal.aborted) return Promise.reject(stopped());
      if (block.bytes.length === 0) return Promise.resolve();
      return new Promise((resolve, reject) => {
        putNumber += 1;
        const encoded = encodeBlock(block);
        queue.push({ ...encoded, number: putNumber, resolve, reject });
        queuedBytes += encoded.sizeBytes;
        writing ??= writeAll();
      });
    },
    async flush() {
      const wanted = putNumber;
      for (;;) {
        if (ledger.failure !== undefined) throw ledger.failure;
        if (syncedNumber >= wanted) return;
        await (writtenNumber < wanted ? writing : synced());
      }
    },
    // Blocks that only wait for the write before them have their room.
    hasRoom: () =>
      ledger.failure === undefined &&
      !isDiskFull &&
      queuedBytes < MAX_GROUP_BYTES &&
      fits(queuedBytes + COPIED_BYTES),
    async close() {
      closed.abort();
      await writing;
      if (ledger.failure === undefined) await seal();
      else await current?.file.close();
    },
  };
}

/** Small parts are copied together: a call each would cost more. */
function* pieces(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  let small: Uint8Array[] = [];
  let smallBytes = 0;
  for (const part of parts) {
    if (smallBytes > 0 && smallBytes + part.length > COPIED_BYTES) {
      yield Buffer.concat(small);
      [small, smallBytes] = [[], 0];
    }
    if (part.length > COPIED_BYTES) yield part;
    else {
      small.push(part);
      smallBytes += part.length;
    }
  }
  if (smallBytes > 0) yield Buffer.concat(small);
}

function stopped(): StreamkitError {
  return new StreamkitError("stopped", "The channel was closed while a block waited for room");
}

function failureOf(error: unknown, folder: string): Error {
  if (error instanceof StreamkitError) return error;
  return new StreamkitError("io", `The channel "${folder}" can't be written: ${messageOf(error)}`, {
    component: "channel",
    cause: error,
  });
}

/**
 * Sources that listen: what receivers of src/collect take goes into segment files, and those stay until the
 * batch that read them is committed. Only then is it forgotten; a sender is told that something is safe when
 * it is on the disk.
 */

import { truncateSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { sync as syncPath } from "../base/durable.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { EventWriter } from "../collect/event-writer.ts";
import type { InputKind } from "../collect/inputs/input.ts";
import { createSignal } from "../collect/signal.ts";
import type { Segment } from "../formats/segment.ts";
import { lastLineEnd, offsetAfterLines } from "./line-offsets.ts";
import type { Limit, Range, Source, SourceContext, SourceKind } from "./source.ts";
import { segmentPath } from "./spool-control.ts";
import { cutSegment, leftoverSegments } from "./spool-files.ts";

/** The source of a job over an input that listens. */
export function receivedSource<Options>(input: InputKind<Options>): SourceKind<Options> {
  return {
    name: input.name,
    summary: input.summary,
    options: input.options,
    isLive: true,
    waitsFor: `what comes over ${input.name}`,
    isReceiver: true,
    fromUrl: (url) => input.fromUrl(url),
    open: (options, context) => openReceived(input, options, context),
  };
}

/** Position: the number of the next segment, and the byte offset in the stream at which it starts. */
interface ReceivedPosition {
  readonly segment: number;
  readonly offset: number;
}

/** So many segments of what waits for a batch are kept; then senders are pushed back. */
const MAX_WAITING_SEGMENTS = 4;
/** Small ones: what is looked at until columns are found is a segment each time. */
const MAX_SMALL_SEGMENTS = 1024;

async function openReceived<Options>(
  input: InputKind<Options>,
  options: Options,
  context: SourceContext,
): Promise<Source> {
  const { segmentFolder: folder, maxSegmentBytes } = context;
  await mkdir(folder, { recursive: true });
  let current = (context.committed as ReceivedPosition | undefined) ?? { segment: 0, offset: 0 };
  await cutTornLine(folder);
  const sealed = await leftoverSegments(folder, current.segment);
  const spool = openSpool(folder, Math.max(current.segment, (sealed.at(-1) ?? -1) + 1), context, sealed);
  let failure: string | undefined;
  // With --once nobody can be waited for: what was received before is all.
  const receiver = context.isBounded
    ? undefined
    : await input.open(options, spool.intake, {
        name: context.name,
        clock: context.clock,
        baseFolder: context.baseFolder,
        stateFolder: folder,
        isOwn: context.isOwn,
        isBounded: false,
      });
  receiver?.done.catch((error: unknown) => {
    failure = messageOf(error);
    context.notify();
  });
  if (receiver?.address !== undefined)
    logger("source").info(`${context.name} listens at ${receiver.address}`);

  return {
    async plan(limit, after) {
      if (failure !== undefined) throw new StreamkitError("io", `${context.name}: ${failure}`);
      const start = (after?.to as ReceivedPosition | undefined) ?? current;
      const waiting = () => sealed.find((segment) => segment >= start.segment);
      const next = waiting() ?? (await spool.cut(limit)) ?? waiting();
      if (next === undefined) return undefined;
      const { size } = await stat(segmentPath(folder, next));
      const to: ReceivedPosition = { segment: next + 1, offset: start.offset + size };
      return { from: { ...start }, to: { ...to } };
    },
    async read(range): Promise<Segment> {
      const to = range.to as unknown as ReceivedPosition;
      const path = segmentPath(folder, to.segment - 1);
      const { size } = await stat(path);
      const pieces = [{ origin: context.name, originOffset: to.offset - size, segmentOffset: 0 }];
      return { path, sizeBytes: size, pieces, header: undefined };
    },
    async commit(range: Range) {
      const to = range.to as unknown as ReceivedPosition;
      sealed.splice(0, sealed.findIndex((segment) => segment === to.segment - 1) + 1);
      current = to;
      await rm(segmentPath(folder, to.segment - 1), { force: true });
      spool.freed();
    },
    isEnded: () => receiver === undefined && sealed.length === 0,
    hasBacklog: () => sealed.length > 1 || receiver === undefined || spool.size() >= maxSegmentBytes,
    async close() {
      spool.stop();
      await receiver?.close();
      await spool.close();
    },
  };
}

interface Spool {
  readonly intake: EventWriter;
  /** Ends the current segment, if there is something in it; its number. */
  cut(limit: Limit): Promise<number | undefined>;
  /** Bytes of the current segment. */
  size(): number;
  /** A segment was removed. */
  freed(): void;
  /** Whoever waits for room is sent away. */
  stop(): void;
  close(): Promise<void>;
}

/** Appends whole blocks to segments. `sealed` are those that take no more, in their order. */
function openSpool(
  folder: string,
  firstNumber: number,
  { maxSegmentBytes, notify }: SourceContext,
  sealed: number[],
): Spool {
  const room = createSignal();
  let number = firstNumber;
  let sizeBytes = 0;
  let file: FileHandle | undefined;
  let isStopped = false;
  let [written, synced] = [0, 0];
  /** One change of the files at a time. */
  let last: Promise<unknown> = Promise.resolve();
  let lastPut: Promise<unknown> = Promise.resolve();
  let failure: StreamkitError | undefined;

  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const done = last.then(action);
    last = done.catch(() => {});
    return done;
  };
  /** Of segments that were sealed here. */
  const sizes = new Map<number, number>();
  const waitingBytes = (): number =>
    sealed.reduce((sum, segment) => sum + (sizes.get(segment) ?? maxSegmentBytes), 0);
  const hasRoom = (): boolean =>
    sealed.length < MAX_WAITING_SEGMENTS ||
    (sealed.length < MAX_SMALL_SEGMENTS && waitingBytes() < MAX_WAITING_SEGMENTS * maxSegmentBytes);

  const sync = async (): Promise<void> => {
    if (file === undefined || synced === written) return;
    const upTo = written;
    await file.datasync();
    synced = Math.max(synced, upTo);
  };
  const seal = async (): Promise<number> => {
    await sync();
    await file?.close();
    file = undefined;
    for (const segment of sizes.keys()) if (!sealed.includes(segment)) sizes.delete(segment);
    sizes.set(number, sizeBytes);
    sealed.push(number);
    number += 1;
    sizeBytes = 0;
    return number - 1;
  };
  const opened = async (): Promise<FileHandle> => {
    const created = await open(segmentPath(folder, number), "a");
    await syncPath(folder);
    return created;
  };
  const append = async (bytes: Uint8Array): Promise<void> => {
    if (failure !== undefined) throw failure;
    file ??= await opened();
    try {
      for (let done = 0; done < bytes.length; )
        done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
    } catch (error) {
      // What is there of it would stand in the middle of others.
      await file.truncate(sizeBytes).catch(() => {});
      failure = new StreamkitError("io", `A segment can't be written: ${messageOf(error)}`, { cause: error });
      throw failure;
    }
    sizeBytes += bytes.length;
    written += 1;
    if (sizeBytes >= maxSegmentBytes) await seal();
  };

  return {
    intake: {
      put({ bytes }) {
        const done = lastPut.then(async () => {
          const mustWait = (): boolean => !hasRoom() && !isStopped;
          while (mustWait()) await room.wait();
          if (isStopped) throw new StreamkitError("stopped", "The job ended while a block waited for room");
          await inTurn(() => append(bytes));
          notify();
        });
        lastPut = done.catch(() => {});
        return done;
      },
      async flush() {
        await lastPut;
        if (failure !== undefined) throw failure;
        await inTurn(sync);
      },
      hasRoom: () => hasRoom() && failure === undefined,
    },
    cut: (limit) =>
      inTurn(async () => {
        if (sizeBytes === 0) return undefined;
        const path = segmentPath(folder, number);
        const whole = offsetAfterLines(path, 0, sizeBytes, limit.maxLines);
        if (whole === 0) return undefined;
        const restBytes = sizeBytes - whole;
        if (restBytes > 0) cutSegment(folder, number, whole, sizeBytes);
        sizeBytes = whole;
        const ended = await seal();
        if (restBytes > 0) {
          file = await opened();
          await file.datasync();
        }
        sizeBytes = restBytes;
        return ended;
      }),
    size: () => sizeBytes,
    freed: () => room.wake(),
    stop() {
      isStopped = true;
      room.wake();
    },
    async close() {
      await lastPut;
      // Who is told of nothing has sent it for good: no later crash should take it back.
      if (failure === undefined) await inTurn(sync);
      await file?.close();
    },
  };
}

/** A block that was being written when we died was promised to nobody: its sender sends it again. */
async function cutTornLine(folder: string): Promise<void> {
  const newest = (await readdir(folder))
    .filter((name) => /^\d+\.segment$/.test(name))
    .toSorted()
    .at(-1);
  if (newest === undefined) return;
  const path = `${folder}/${newest}`;
  const { size } = await stat(path);
  const whole = lastLineEnd(path, 0, size) ?? 0;
  if (whole < size) truncateSync(path, whole);
}

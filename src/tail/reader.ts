/**
 * Reads what is new in one file: whole events only, and only while its content is the one that was read
 * before. Each read begins with the bytes before the offset, so that a file which was truncated and has grown
 * again behind our back is seen in the same call.
 */

import type { Clock } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";
import type { Fault } from "../content/unpack.ts";
import type { Cut } from "./cut.ts";
import {
  bytesAt,
  EMPTY_FINGERPRINT,
  fingerprintOf,
  MAX_HEAD_BYTES,
  MAX_TAIL_BYTES,
  readFully,
} from "./fingerprint.ts";
import { isBroken, unpackedFile } from "./gzip.ts";
import { endBeforeHole, holeBytes, holeEnd, openHoleLog } from "./holes.ts";
import { type CutOptions, cutEvents } from "./line-cut.ts";
import { descriptorOf, hasSameContent, refresh, type Tracked } from "./tracked.ts";

export interface ReadLimit {
  /** A single event that is longer is taken all the same. */
  readonly maxBytes: number;
  readonly maxEvents: number;
}

export interface ReadOptions extends CutOptions {
  readonly clock: Clock;
  /** Nobody goes on later: a half line at a file's end is whole. */
  readonly endsLines: boolean;
}

/**
 * `bytes` are the reader's until its next call. `changed`: the content is another one. `moved`: its path
 * leads to another file. `nothing`: no whole event is there.
 */
type ReadResult =
  | { readonly is: "events"; readonly cut: Cut; readonly offset: number }
  | { readonly is: "changed" | "moved" | "nothing" };

type Successor = () => Tracked | undefined;

export interface Reader {
  /** `successor`: the file that may hold the rest of its last event, if there is one. */
  read(file: Tracked, limit: ReadLimit, successor: Successor): Promise<ReadResult>;
  /** Whether what waits at the end of the file will be given without more coming. */
  willRest(file: Tracked): boolean;
  /** Nothing more is read of it, or of any file. */
  forget(file: Tracked): void;
  close(): void;
}

/** How much is read at a time, unless one line is longer. */
const READ_BYTES = 1_048_576;
/** A renamed or deleted file, or an event of several lines, that has not grown for so long is over. */
const REST_MS = 2000;

export function openReader(options: ReadOptions): Reader {
  const { clock, multiline, endsLines, maxLineBytes, encoding } = options;
  let buffer = Buffer.allocUnsafe(MAX_TAIL_BYTES + READ_BYTES);
  const packed = new Map<Tracked, PackedStream>();
  const holes = openHoleLog();

  const rests = (file: Tracked): boolean => {
    if (clock.monotonicMs() - file.changedAtMs >= REST_MS) return true;
    const isOld = (): boolean => clock.nowMs() - file.modifiedAtMs >= REST_MS;
    if (!isOld()) return false;
    // It may have grown since it was looked at: that it is read now may be the first that we know of it.
    refresh(file);
    return isOld();
  };
  const endsLine = (file: Tracked): boolean => endsLines || (file.isRotated && rests(file));
  const endsEvent = (file: Tracked): boolean => endsLines || rests(file);

  /** Goes on in the file, behind what was cut off. */
  const advance = (file: Tracked, cut: Pick<Cut, "consumedBytes" | "isInLongLine">, before: Buffer): void => {
    if (cut.consumedBytes > 0) {
      const tail = Buffer.from(before.subarray(Math.max(0, before.length - MAX_TAIL_BYTES)));
      file.offset += cut.consumedBytes;
      file.tailBytes = tail;
      file.tail = fingerprintOf(tail);
    }
    file.isInLongLine = cut.isInLongLine;
  };

  /**
   * What the successor begins with of the event before it, where that is over; `open` as long as its next
   * line may belong to it.
   */
  const leadOf = (successor: Tracked | undefined): Lead | "open" | undefined => {
    const descriptor = successor === undefined ? undefined : descriptorOf(successor);
    if (successor === undefined || descriptor === undefined || multiline === undefined) return undefined;
    const raw = bytesAt(descriptor, 0, maxLineBytes + READ_BYTES);
    const { sizeBytes, isOver } = multiline.lead(raw, options);
    if (sizeBytes === 0) return undefined;
    return isOver || endsEvent(successor) ? { successor, raw, sizeBytes } : "open";
  };

  /** The cut with the rest of its last event, behind which its file goes on. */
  const joined = (cut: Cut, { successor, raw, sizeBytes }: Lead): Cut => {
    const rest = raw.subarray(0, sizeBytes);
    const bytes = Buffer.concat([cut.bytes, rest]);
    successor.head = fingerprintOf(raw.subarray(0, MAX_HEAD_BYTES));
    advance(successor, { ...cut, consumedBytes: sizeBytes }, rest);
    return { ...cut, bytes, ends: Uint32Array.from([...(cut.ends ?? []).slice(0, -1), bytes.length]) };
  };

  const readPlain = (file: Tracked, limit: ReadLimit, successor: Successor): ReadResult => {
    const descriptor = descriptorOf(file);
    if (descriptor === undefined) return { is: "moved" };
    const isSeen = file.isVerified && file.tailBytes !== undefined;
    if (!isSeen && !hasSameContent(file, descriptor)) return { is: "changed" };
    const tail = file.tailBytes ?? new Uint8Array();
    const { offset } = file;
    for (let wanted = Math.min(READ_BYTES, Math.max(limit.maxBytes, 2)); ; wanted *= 2) {
      const most = Math.min(wanted, maxLineBytes + READ_BYTES);
      if (buffer.length < tail.length + most) buffer = Buffer.allocUnsafe(MAX_TAIL_BYTES + most);
      // Read before the tail is compared: they are of the same content then.
      const more = offset > 0 ? moreOfHead(file, descriptor) : undefined;
      const found = readFully(descriptor, buffer.subarray(0, tail.length + most), offset - tail.length);
      if (found < tail.length || !buffer.subarray(0, tail.length).equals(tail)) return { is: "changed" };
      const all = buffer.subarray(tail.length, found);
      const isFull = all.length === most;
      const hole = file.isInLongLine ? 0 : holeBytes(all, encoding);
      if (hole > 0) {
        const end = hole < all.length ? offset + hole : holeEnd(descriptor, offset, encoding);
        return passHole(file, end, limit, offset + all.length, successor);
      }
      const holeAt = endBeforeHole(all, encoding);
      const raw = all.subarray(0, holeAt);
      // The head is known as far as the file goes when something of it is given.
      if (!isFull && all.length !== file.heldBytes) file.changedAtMs = clock.monotonicMs();
      const isEnd = !isFull && holeAt === undefined && endsEvent(file);
      const lead = multiline !== undefined && isEnd ? leadOf(successor()) : undefined;
      const isOver = !isFull && endsEvent(file) && lead !== "open";
      const cut = cutEvents(
        {
          raw,
          maxEvents: limit.maxEvents,
          isInLongLine: file.isInLongLine,
          hasMore: isFull,
          endsEvent: isOver || holeAt !== undefined,
          endsLine: !isFull && endsLine(file),
        },
        options,
      );
      if (cut === "more") continue;
      advance(file, cut, buffer.subarray(0, tail.length + cut.consumedBytes));
      const left = raw.length - cut.consumedBytes;
      file.heldBytes = isFull || holeAt !== undefined || cut.isLimited ? 0 : left;
      file.restedBytes = isOver ? left : 0;
      file.sizeBytes = Math.max(isFull ? file.sizeBytes : 0, offset + all.length);
      if (offset === 0) file.head = fingerprintOf(all.subarray(0, MAX_HEAD_BYTES));
      else if (more !== undefined && more.length > file.head.lengthBytes) file.head = fingerprintOf(more);
      if (cut.bytes.length > 0) {
        holes.over(file);
        return { is: "events", cut: withLead(cut, lead, left), offset };
      }
      if (cut.consumedBytes === 0) return { is: "nothing" };
      return readPlain(file, limit, successor);
    }
  };

  /** `leftBytes`: of what was read, those behind the cut. */
  const withLead = (cut: Cut, lead: Lead | "open" | undefined, leftBytes: number): Cut =>
    lead === undefined || lead === "open" || leftBytes > 0 || cut.ends === undefined || cut.isCut
      ? cut
      : joined(cut, lead);

  /**
   * NULs at a file's end wait for what follows them, as a half line does. `end` is where text follows, if any
   * does; `seenBytes` how far the file goes at least.
   */
  const passHole = (
    file: Tracked,
    end: number | undefined,
    limit: ReadLimit,
    seenBytes: number,
    successor: Successor,
  ): ReadResult => {
    const { offset } = file;
    file.sizeBytes = Math.max(file.sizeBytes, end ?? seenBytes);
    if (end === undefined && file.sizeBytes - offset !== file.heldBytes)
      file.changedAtMs = clock.monotonicMs();
    const isLost = end === undefined && file.isRotated && rests(file);
    if (end === undefined && !isLost) {
      file.heldBytes = file.sizeBytes - offset;
      file.restedBytes = file.heldBytes;
      return { is: "nothing" };
    }
    const bytes = (end ?? file.sizeBytes) - offset;
    if (offset === 0) file.head = fingerprintOf(Buffer.alloc(Math.min(bytes, MAX_HEAD_BYTES)));
    const before = Buffer.concat([
      file.tailBytes ?? Buffer.alloc(0),
      Buffer.alloc(Math.min(bytes, MAX_TAIL_BYTES)),
    ]);
    advance(file, { consumedBytes: bytes, isInLongLine: false }, before);
    file.heldBytes = 0;
    holes.passed(file, offset, bytes);
    return isLost ? { is: "nothing" } : readPlain(file, limit, successor);
  };

  const readPacked = async (file: Tracked, limit: ReadLimit, successor: Successor): Promise<ReadResult> => {
    let stream = packed.get(file);
    if (stream === undefined) {
      const descriptor = descriptorOf(file);
      if (descriptor === undefined) return { is: "moved" };
      // The stream closes it.
      file.descriptor = undefined;
      stream = openPackedStream(file, descriptor);
      packed.set(file, stream);
    }
    try {
      for (let wanted = Math.min(READ_BYTES, Math.max(limit.maxBytes, 2)); ; wanted *= 2) {
        const all = await stream.fill(Math.min(wanted, maxLineBytes + READ_BYTES));
        const { offset } = file;
        const isCutOff = isBroken(stream.fault());
        const hole = file.isInLongLine ? 0 : holeBytes(all, encoding);
        if (hole > 0) holes.passed(file, offset, hole);
        const holeAt = hole > 0 ? hole : endBeforeHole(all, encoding);
        const raw = all.subarray(0, holeAt);
        const isFull = !stream.hasEnded() || raw.length < all.length;
        const lead = multiline === undefined || isFull || hole > 0 ? undefined : leadOf(successor());
        const cut =
          hole > 0
            ? nothingOf(hole)
            : cutEvents(
                {
                  raw,
                  maxEvents: limit.maxEvents,
                  isInLongLine: file.isInLongLine,
                  hasMore: isFull && holeAt === undefined,
                  endsEvent: (!isFull && lead !== "open") || holeAt !== undefined,
                  endsLine: !isFull && !isCutOff && lead !== "open",
                },
                options,
              );
        if (cut === "more") continue;
        const before = Buffer.concat([file.tailBytes ?? stream.tail(), raw.subarray(0, cut.consumedBytes)]);
        advance(file, cut, before);
        if (offset === 0) file.head = stream.head();
        stream.consume(cut.consumedBytes);
        const left = all.length - cut.consumedBytes;
        const isOver = stream.hasEnded() && (left === 0 || (isCutOff && cut.consumedBytes === 0));
        if (isOver) end(file, stream.fault(), left);
        if (cut.bytes.length > 0) {
          holes.over(file);
          return { is: "events", cut: withLead(cut, lead, left), offset };
        }
        if (isOver || cut.consumedBytes === 0) return { is: "nothing" };
      }
    } catch (error) {
      logger("tail").warn(`"${file.path}" can't be read to its end: ${String(error)}`);
      end(file, undefined, 0);
      return { is: "nothing" };
    }
  };

  const end = (file: Tracked, fault: Fault | undefined, lostBytes: number): void => {
    packed.delete(file);
    const lost = lostBytes > 0 ? `; the half line before that is lost: ${counted(lostBytes, "byte")}` : "";
    if (fault !== undefined) logger("tail").warn(`"${file.path}": ${fault.reason}${lost}`);
    file.heldBytes = 0;
    file.gzip = { isWhole: true, head: file.gzip?.head ?? EMPTY_FINGERPRINT };
  };

  return {
    read: async (file, limit, successor) =>
      file.gzip === undefined ? readPlain(file, limit, successor) : readPacked(file, limit, successor),
    willRest: ({ heldBytes, restedBytes, isRotated }) =>
      heldBytes > 0 && (isRotated || (multiline !== undefined && heldBytes !== restedBytes)),
    forget(file) {
      packed.get(file)?.close();
      packed.delete(file);
    },
    close() {
      for (const stream of packed.values()) stream.close();
      holes.close();
    },
  };
}

/** The rest of an event that rotation has split. */
interface Lead {
  readonly successor: Tracked;
  /** The successor's first bytes, and how many of them are the rest. */
  readonly raw: Buffer;
  readonly sizeBytes: number;
}

/** What is passed over of a file. */
function nothingOf(consumedBytes: number): Cut {
  const bytes = new Uint8Array();
  return { consumedBytes, bytes, ends: undefined, isInLongLine: false, isCut: false, isLimited: false };
}

/** Undefined where the first bytes are known as far as they ever will be. */
function moreOfHead({ head }: Tracked, descriptor: number): Buffer | undefined {
  return head.lengthBytes < MAX_HEAD_BYTES ? bytesAt(descriptor, 0, MAX_HEAD_BYTES) : undefined;
}

interface PackedStream {
  /** Bytes that were not consumed yet, so many if there are. */
  fill(wantedBytes: number): Promise<Buffer>;
  consume(bytes: number): void;
  hasEnded(): boolean;
  /** What is wrong with the end, once it was reached. */
  fault(): Fault | undefined;
  /** Of what was passed over to come to the offset. */
  tail(): Uint8Array;
  head(): Tracked["head"];
  close(): void;
}

function openPackedStream(file: Tracked, descriptor: number): PackedStream {
  const chunks = unpackedFile(descriptor);
  let toSkip = file.offset;
  let passed: Buffer = Buffer.alloc(0);
  let left: Buffer = Buffer.alloc(0);
  let first = EMPTY_FINGERPRINT;
  let hasEnded = false;
  let fault: Fault | undefined;
  return {
    async fill(wantedBytes) {
      const parts = [left];
      let length = left.length;
      while (length < wantedBytes && !hasEnded) {
        const next = await chunks.next();
        if (next.done === true) {
          hasEnded = true;
          fault = next.value;
          break;
        }
        const skipped = Math.min(toSkip, next.value.length);
        toSkip -= skipped;
        if (skipped > 0) passed = lastOf(Buffer.concat([passed, next.value.subarray(0, skipped)]));
        parts.push(next.value.subarray(skipped));
        length += next.value.length - skipped;
      }
      left = parts.length === 1 ? left : Buffer.concat(parts);
      if (first.lengthBytes === 0) first = fingerprintOf(left.subarray(0, MAX_HEAD_BYTES));
      return left;
    },
    consume(bytes) {
      left = left.subarray(bytes);
    },
    hasEnded: () => hasEnded,
    fault: () => fault,
    tail: () => passed,
    head: () => first,
    close: () => void chunks.return(undefined).catch(() => {}),
  };
}

function lastOf(bytes: Buffer): Buffer {
  return bytes.subarray(Math.max(0, bytes.length - MAX_TAIL_BYTES));
}

/**
 * Follows files: looks at what is there, and gives what is new in turns, so that no file waits for another
 * one's flood. What was given is in the positions at once; whoever keeps them does so when the events are
 * safe where they went.
 */

import { logger } from "../base/log.ts";
import type { EventBlock } from "./block.ts";
import type { Cut } from "./cut.ts";
import type { LineEncoding } from "./encoding.ts";
import { familyOf } from "./names.ts";
import type { FilePosition } from "./position.ts";
import { openReader, type ReadLimit, type ReadOptions } from "./reader.ts";
import { release, type Tracked } from "./tracked.ts";
import { openTracker, type TrackerOptions } from "./tracker.ts";
import { isItsTurn } from "./turns.ts";

export interface FollowerOptions extends TrackerOptions, ReadOptions {
  /** What holds for every event. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Events of one file. Its bytes are the follower's until the next call. */
export interface TailBlock extends EventBlock {
  readonly path: string;
  /** Where its first event stands in the file, in the file's own bytes. */
  readonly offset: number;
  /** What was noted of the file's content before. */
  readonly memo: string | undefined;
  /** Notes something, which its position keeps from now on. */
  note(memo: string): void;
}

export interface Follower {
  /** The next events of some file; undefined where there is nothing now. */
  next(limit: ReadLimit): Promise<TailBlock | undefined>;
  positions(): FilePosition[];
  /** Bytes that were seen and not given. */
  unreadBytes(): number;
  /** True when all that is there was given; only where what is there now is all does it stay so. */
  isDrained(): boolean;
  /** In how many milliseconds it should be asked again, if nothing wakes it. */
  pauseMs(): number;
  /** A file changed, or something in a folder came, went or moved: to be looked at soon. */
  noticed(path: string | undefined): void;
  /** Lines that were cut since the last call. */
  takeCutLines(): number;
  close(): void;
}

/** Looking at all files costs so small a share of the time, whatever their number. */
const LOOK_SHARE = 1 / 200;
const BUSY_LOOK_SHARE = 1 / 10;
const MIN_LOOK_MS = 1000;
const MIN_BUSY_LOOK_MS = 100;
/** Files that have changed within the last seconds are looked at more often. */
const HOT_MS = 5000;
const HOT_PAUSE_MS = 25;
const MAX_HOT_FILES = 64;
/** Of more files than this, those that were read last stay open. */
const MAX_OPEN_FILES = 512;

export function openFollower(options: FollowerOptions): Follower {
  const { clock, headers, encoding } = options;
  const tracker = openTracker(options);
  const reader = openReader(options);
  const queue: Tracked[] = [];
  const queued = new Set<Tracked>();
  /** In the order in which they were read. */
  const open = new Set<Tracked>();
  const hot = new Set<Tracked>();
  /** Those whose turn comes after other files. */
  const waiting = new Set<Tracked>();
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let lookCostMs = 0;
  let isLookDue = true;
  let cutLines = 0;
  let byPath: ReadonlyMap<string, Tracked> | undefined;

  const enqueue = (file: Tracked): void => {
    if (queued.has(file)) return;
    queued.add(file);
    queue.push(file);
  };

  const mayHaveMore = (file: Tracked): boolean => {
    if (file.isUnreadable) return false;
    if (file.gzip !== undefined) return !file.gzip.isWhole;
    if (file.goneAtMs !== undefined) return true;
    return file.sizeBytes > file.offset + file.heldBytes || reader.willRest(file);
  };

  const look = async (): Promise<void> => {
    const startedMs = clock.monotonicMs();
    isLookDue = false;
    await tracker.look();
    byPath = undefined;
    const nowMs = clock.monotonicMs();
    for (const file of tracker.files()) {
      if (mayHaveMore(file)) enqueue(file);
      if (nowMs - file.changedAtMs < HOT_MS && hot.size < MAX_HOT_FILES) hot.add(file);
    }
    lookedAtMs = clock.monotonicMs();
    lookCostMs = lookedAtMs - startedMs;
  };

  const lookEveryMs = (isBusy: boolean): number =>
    isBusy
      ? Math.max(MIN_BUSY_LOOK_MS, lookCostMs / BUSY_LOOK_SHARE)
      : Math.max(MIN_LOOK_MS, lookCostMs / LOOK_SHARE);
  /** Undecided files and broken off contents are looked at soon. */
  const isLookTime = (): boolean => {
    const sinceMs = clock.monotonicMs() - lookedAtMs;
    const isBusy = isLookDue || queue.length > 0 || hot.size > 0 || tracker.isUndecided();
    return sinceMs >= lookEveryMs(isBusy);
  };

  const checkHot = (): void => {
    const nowMs = clock.monotonicMs();
    for (const file of hot) {
      if (nowMs - file.changedAtMs >= HOT_MS) hot.delete(file);
      else if (file.gzip === undefined) enqueue(file);
    }
  };

  /** Closes what was read longest ago, and what is gone and has nothing left. */
  const tidy = (file: Tracked): void => {
    open.delete(file);
    if (file.descriptor === undefined) return;
    open.add(file);
    for (const other of open) {
      if (open.size <= MAX_OPEN_FILES) break;
      if (other.goneAtMs !== undefined) continue;
      release(other);
      open.delete(other);
    }
  };

  const readOne = async (file: Tracked, limit: ReadLimit): Promise<TailBlock | undefined> => {
    if (!isItsTurn(file, reader.willRest)) {
      waiting.add(file);
      return undefined;
    }
    const result = await reader.read(file, limit, () => successorOf(file));
    tidy(file);
    if (result.is === "events") {
      const { cut, offset } = result;
      if (cut.isCut) {
        cutLines += 1;
        const { maxLineBytes } = options;
        logger("tail").warn(`"${file.path}": a line longer than ${maxLineBytes} bytes was cut at ${offset}`);
      }
      return blockOf(file, cut, offset);
    }
    // The next look tries to open it again, and there is no hurry.
    if (file.isUnreadable) return undefined;
    if (result.is === "changed") tracker.changed(file);
    if (result.is !== "nothing") isLookDue = true;
    if (file.goneAtMs !== undefined && (file.heldBytes === 0 || result.is !== "nothing")) leave(file);
    return undefined;
  };

  /**
   * Of what rotation put aside: the file that comes next, where nothing was read of it. As long as what gzip
   * made of one is looked through, that is the only one of the log that waits.
   */
  const successorOf = (file: Tracked): Tracked | undefined => {
    const unread = [...waiting, ...queue].filter(({ offset, gzip }) => offset === 0 && gzip === undefined);
    const family = familyOf(file.path);
    const held = unread.filter(({ isHeld, path }) => isHeld && familyOf(path) === family);
    if (held.length > 0) return held.length === 1 ? held[0] : undefined;
    return unread.find(
      (other) =>
        !isItsTurn(other, reader.willRest) &&
        !other.isHeld &&
        other.waitsFor.every(({ file: before }) => before === file),
    );
  };

  /** It is gone, and all of it was given. */
  const leave = (file: Tracked): void => {
    release(file);
    open.delete(file);
    hot.delete(file);
    isLookDue = true;
  };

  const blockOf = (file: Tracked, cut: Cut, offset: number): TailBlock => {
    const { bytes, ends } = inUtf8(cut, offset === 0, encoding);
    return {
      bytes,
      ends,
      get events() {
        return ends?.length ?? countLines(bytes);
      },
      headers: { file: file.path, ...headers },
      path: file.path,
      offset,
      memo: file.memo,
      note(memo) {
        file.memo = memo;
      },
    };
  };

  return {
    async next(limit) {
      if (isLookTime()) await look();
      checkHot();
      for (const file of waiting) enqueue(file);
      waiting.clear();
      for (let tries = queue.length; tries > 0; tries -= 1) {
        const file = queue.shift();
        if (file === undefined) break;
        const isOver = file.goneAtMs !== undefined && file.descriptor === undefined;
        if (isOver) reader.forget(file);
        const block = isOver ? undefined : await readOne(file, limit);
        if (block === undefined) {
          queued.delete(file);
          continue;
        }
        queue.push(file);
        return block;
      }
      return undefined;
    },
    positions: () => tracker.positions(),
    unreadBytes() {
      let bytes = 0;
      for (const file of queue)
        bytes += Math.max(0, file.sizeBytes - (file.gzip === undefined ? file.offset + file.heldBytes : 0));
      return bytes;
    },
    isDrained() {
      if (isLookDue || queue.length > 0 || waiting.size > 0 || tracker.isUndecided()) return false;
      for (const file of tracker.files()) if (mayHaveMore(file)) return false;
      return true;
    },
    pauseMs() {
      if (queue.length > 0) return 0;
      const isBusy = isLookDue || hot.size > 0 || tracker.isUndecided();
      const leftMs = Math.max(0, lookedAtMs + lookEveryMs(isBusy) - clock.monotonicMs());
      return hot.size > 0 || waiting.size > 0 ? Math.min(HOT_PAUSE_MS, leftMs) : leftMs;
    },
    noticed(path) {
      byPath ??= new Map([...tracker.files()].map((file) => [file.path, file]));
      const file = path === undefined ? undefined : byPath.get(path);
      if (file !== undefined) enqueue(file);
      // Other files in the same folder may change all the time.
      else if (path === undefined || tracker.isWaitedFor(path)) isLookDue = true;
    },
    takeCutLines() {
      const taken = cutLines;
      cutLines = 0;
      return taken;
    },
    close() {
      reader.close();
      tracker.close();
    },
  };
}

/** Events may have other lengths then. */
function inUtf8(
  { bytes, ends }: Cut,
  isStart: boolean,
  encoding: LineEncoding,
): Pick<TailBlock, "bytes" | "ends"> {
  if (ends === undefined) return { bytes: encoding.toUtf8(bytes, isStart), ends };
  const events = Array.from(ends, (end, index) =>
    encoding.toUtf8(bytes.subarray(ends[index - 1] ?? 0, end), isStart && index === 0),
  );
  let end = 0;
  return {
    bytes: Buffer.concat(events),
    ends: Uint32Array.from(events, (event) => {
      end += event.length;
      return end;
    }),
  };
}

const LINE_FEED = 10;

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}

/**
 * Holes: NULs that a line begins with. A writer that does not append goes on at its old place when its file
 * was truncated, and the file system fills up what is before. Nobody wrote these bytes.
 */

import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";
import type { LineEncoding } from "./encoding.ts";
import { readFully } from "./fingerprint.ts";
import type { Tracked } from "./tracked.ts";

const BLOCK_BYTES = 1_048_576;
const NULS = Buffer.alloc(BLOCK_BYTES);

/** How many bytes of NULs there are at the start, in whole characters. */
export function holeBytes(bytes: Buffer, { width }: LineEncoding): number {
  let end = 0;
  while (end + BLOCK_BYTES <= bytes.length && NULS.compare(bytes, end, end + BLOCK_BYTES) === 0)
    end += BLOCK_BYTES;
  while (bytes[end] === 0) end += 1;
  return end - (end % width);
}

/** Where the first line ends after which a hole comes; undefined where none comes. */
export function endBeforeHole(bytes: Buffer, { width, lineFeed }: LineEncoding): number | undefined {
  const pattern = Buffer.concat([lineFeed, NULS.subarray(0, width)]);
  for (let from = 0; ; ) {
    const found = bytes.indexOf(pattern, from);
    if (found < 0) return undefined;
    if (found % width === 0) return found + width;
    from = found + 1;
  }
}

/** Where the NULs end that go on from an offset of an open file; undefined where they reach its end. */
export function holeEnd(descriptor: number, offset: number, encoding: LineEncoding): number | undefined {
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let at = offset; ; ) {
    const bytes = block.subarray(0, readFully(descriptor, block, at));
    const nuls = holeBytes(bytes, encoding);
    at += nuls;
    if (nuls < bytes.length) return at;
    if (bytes.length < BLOCK_BYTES) return undefined;
  }
}

export interface HoleLog {
  /** Bytes of a file that were passed over; what follows them is passed over together with them. */
  passed(file: Tracked, offset: number, bytes: number): void;
  /** Text of the file comes: the hole before it is over. */
  over(file: Tracked): void;
  /** Says how much more there was than was told. */
  close(): void;
}

interface Passed {
  offset: number;
  bytes: number;
}

/** The first hole of each file is told, and the others together in the end. */
export function openHoleLog(): HoleLog {
  const open = new Map<Tracked, Passed>();
  const told = new Set<string>();
  const untold = { holes: 0, bytes: 0 };
  return {
    passed(file, offset, bytes) {
      const hole = open.get(file);
      if (hole === undefined) open.set(file, { offset, bytes });
      else hole.bytes += bytes;
    },
    over(file) {
      const hole = open.get(file);
      if (hole === undefined) return;
      open.delete(file);
      if (told.has(file.key)) {
        untold.holes += 1;
        untold.bytes += hole.bytes;
        return;
      }
      told.add(file.key);
      logger("tail").warn(holeText(file.path, hole));
    },
    close() {
      for (const file of open.keys()) this.over(file);
      const { holes, bytes } = untold;
      if (holes > 0)
        logger("tail").warn(`${counted(bytes, "NUL byte")} more skipped, in ${counted(holes, "other hole")}`);
    },
  };
}

function holeText(path: string, { offset, bytes }: Passed): string {
  const place = offset === 0 ? `at the start of "${path}"` : `at byte ${offset} of "${path}"`;
  return `${counted(bytes, "NUL byte")} skipped ${place}: a hole that a truncation left`;
}

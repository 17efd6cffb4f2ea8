/**
 * The `#Fields:` lines of W3C's extended log format: each holds for the lines behind it, so that a piece of a
 * file needs the one before it. It stands in the segment before the piece.
 */

import { type FileHandle, open } from "node:fs/promises";
import type { Format } from "../formats/format.ts";

const MARK = Buffer.from("#Fields:");
/** What stands before a piece that no line of fields is before. */
export const NO_FIELDS = "#Fields:";
const LINE_FEED = 10;
const BLOCK_BYTES = 1_048_576;

export function hasFieldLines({ blank }: Pick<Format, "blank">): boolean {
  return blank === "comment";
}

/** The last line of fields in whole lines. */
export function lastFieldLine(bytes: Buffer): string | undefined {
  for (let at = bytes.lastIndexOf(MARK); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(MARK, at - 1)) {
    if (at > 0 && bytes[at - 1] !== LINE_FEED) continue;
    const end = bytes.indexOf(LINE_FEED, at);
    return bytes.toString("latin1", at, end < 0 ? bytes.length : end).trimEnd();
  }
  return undefined;
}

export function fieldNames(line: string): readonly string[] {
  return line
    .slice(MARK.length)
    .trim()
    .split(/[ \t]+/);
}

export interface FieldLines {
  /** The line of fields that holds at an offset in a file, where a line begins. */
  before(file: string, offset: number): Promise<string>;
}

/** Remembers where it has looked: what lies between two pieces of a file is looked at once. */
export function openFieldLines(): FieldLines {
  const known = new Map<string, { readonly offset: number; readonly line: string }>();
  return {
    async before(file, offset) {
      const earlier = known.get(file);
      const isUseful = earlier !== undefined && earlier.offset <= offset;
      const [from, fallback] = isUseful ? [earlier.offset, earlier.line] : [0, NO_FIELDS];
      const line = (await lastBetween(file, from, offset)) ?? fallback;
      known.set(file, { offset, line });
      return line;
    },
  };
}

/** The last line of fields that begins in `[from, to)`, where lines begin at both. */
async function lastBetween(file: string, from: number, to: number): Promise<string | undefined> {
  if (from === to) return undefined;
  const handle = await open(file, "r");
  try {
    for (let end = to; end > from; ) {
      const start = await lineStart(handle, Math.max(from, end - BLOCK_BYTES), from);
      const bytes = Buffer.alloc(end - start);
      await handle.read(bytes, 0, bytes.length, start);
      const found = lastFieldLine(bytes);
      if (found !== undefined) return found;
      end = start;
    }
    return undefined;
  } finally {
    await handle.close();
  }
}

/** Where the line begins that the byte at `offset` is of, but not before `least`. */
async function lineStart(handle: FileHandle, offset: number, least: number): Promise<number> {
  for (let end = offset; end > least; ) {
    const start = Math.max(least, end - BLOCK_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(end - start), 0, end - start, start);
    const feed = buffer.lastIndexOf(LINE_FEED);
    if (feed >= 0) return start + feed + 1;
    end = start;
  }
  return least;
}

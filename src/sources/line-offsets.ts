/** Where lines end in a file, found without keeping more than a block of it. */

import { closeSync, openSync, readSync } from "node:fs";

const BLOCK_BYTES = 262_144;
const LINE_FEED = 10;

/** The offset after the last line feed in `[from, to)`; undefined if there is none. */
export function lastLineEnd(path: string, from: number, to: number): number | undefined {
  return withBlocks(path, (readBlock) => {
    for (let end = to; end > from; ) {
      const start = Math.max(from, end - BLOCK_BYTES);
      const found = readBlock(start, end).lastIndexOf(LINE_FEED);
      if (found >= 0) return start + found + 1;
      end = start;
    }
    return undefined;
  });
}

/** The offset after `maxLines` line feeds from `from` on, at most `to`. */
export function offsetAfterLines(path: string, from: number, to: number, maxLines: number): number {
  if (maxLines === Number.POSITIVE_INFINITY) return to;
  return withBlocks(path, (readBlock) => {
    let linesLeft = maxLines;
    for (let start = from; start < to && linesLeft > 0; start += BLOCK_BYTES) {
      const block = readBlock(start, Math.min(to, start + BLOCK_BYTES));
      for (let index = block.indexOf(LINE_FEED); index >= 0; index = block.indexOf(LINE_FEED, index + 1)) {
        linesLeft -= 1;
        if (linesLeft === 0) return start + index + 1;
      }
    }
    return linesLeft > 0 ? to : from;
  });
}

function withBlocks<T>(path: string, action: (readBlock: (start: number, end: number) => Buffer) => T): T {
  const file = openSync(path, "r");
  const buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  try {
    return action((start, end) => buffer.subarray(0, readSync(file, buffer, 0, end - start, start)));
  } finally {
    closeSync(file);
  }
}

/** What is appended to a file begins a line, whatever a run that died has left at its end. */

import { fstatSync, ftruncateSync, readSync, writeSync } from "node:fs";

const LINE_FEED = 10;
const BLOCK_BYTES = 65_536;

/**
 * Of a last line without its line feed, in a file that is open to read and write: `cut` takes it away, as it
 * comes again; `end` gives it the line feed, as it may be somebody's. Returns the file's size after it.
 */
export function settleLastLine(descriptor: number, how: "cut" | "end"): number {
  const stats = fstatSync(descriptor);
  if (!stats.isFile()) return 0;
  const { size } = stats;
  const wholeBytes = wholeLinesBytes(descriptor, size);
  if (wholeBytes === size) return size;
  if (how === "cut") {
    ftruncateSync(descriptor, wholeBytes);
    return wholeBytes;
  }
  writeSync(descriptor, Buffer.from([LINE_FEED]), 0, 1, size);
  return size + 1;
}

/** How far the file goes to the end of its last whole line. */
function wholeLinesBytes(descriptor: number, sizeBytes: number): number {
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let end = sizeBytes; end > 0; end -= BLOCK_BYTES) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const count = readSync(descriptor, block, 0, end - start, start);
    const found = block.subarray(0, count).lastIndexOf(LINE_FEED);
    if (found >= 0) return start + found + 1;
  }
  return 0;
}

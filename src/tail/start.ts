/** Where a file is begun that was there before us, when only what comes is wanted. */

import { bytesAt, fingerprintOf, MAX_HEAD_BYTES, MAX_TAIL_BYTES } from "./fingerprint.ts";
import { continued, type Tracked } from "./tracked.ts";

const BLOCK_BYTES = 65_536;
const LINE_FEED = 10;

/** Goes behind the last line that is whole; a half one is given when it is. */
export function skipToEnd(file: Tracked, descriptor: number): void {
  const offset = lastLineEnd(descriptor, file.sizeBytes);
  const tailBytes = Math.min(offset, MAX_TAIL_BYTES);
  const head = fingerprintOf(bytesAt(descriptor, 0, MAX_HEAD_BYTES));
  const tail = fingerprintOf(bytesAt(descriptor, offset - tailBytes, tailBytes));
  Object.assign(file, continued({ head, offset, tail }));
}

function lastLineEnd(descriptor: number, sizeBytes: number): number {
  for (let end = sizeBytes; end > 0; ) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const found = bytesAt(descriptor, start, end - start).lastIndexOf(LINE_FEED);
    if (found >= 0) return start + found + 1;
    end = start;
  }
  return 0;
}

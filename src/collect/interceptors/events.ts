/** The events of a block one by one: as text, and cut into runs. */

import { isUtf8 } from "node:buffer";
import type { EventBlock } from "../../tail/block.ts";
import type { Headers } from "./interceptor.ts";

const LINE_FEED = 10;

/** Where each event ends, after its line feed. */
export function endsOf({ bytes, ends, events }: EventBlock): Uint32Array {
  if (ends !== undefined) return ends;
  const found = new Uint32Array(events);
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) {
    if (count === found.length) return countedEnds(bytes);
    found[count] = at + 1;
    count += 1;
  }
  return count === found.length ? found : found.subarray(0, count);
}

/** Where the block says less events than it has. */
function countedEnds(bytes: Uint8Array): Uint32Array {
  const ends: number[] = [];
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) ends.push(at + 1);
  return Uint32Array.from(ends);
}

export type Encoding = "utf8" | "latin1";

/** Calls `visit` with each event's text, without its line end. What is not UTF-8 is read as Latin-1. */
export function eachText(
  block: EventBlock,
  visit: (text: string, index: number, encoding: Encoding) => void,
): void {
  const bytes = Buffer.from(block.bytes.buffer, block.bytes.byteOffset, block.bytes.byteLength);
  const isText = isUtf8(bytes);
  let start = 0;
  for (const [index, end] of endsOf(block).entries()) {
    const stop = bytes[end - 1] === LINE_FEED ? end - 1 : end;
    const encoding = isText || isUtf8(bytes.subarray(start, stop)) ? "utf8" : "latin1";
    visit(bytes.toString(encoding, start, stop), index, encoding);
    start = end;
  }
}

/**
 * The block cut where what `keys` says of its events changes: each run has the headers of its key, and one
 * without is left out. Runs are views of the block's bytes.
 */
export function runsOf(
  block: EventBlock,
  keys: readonly (string | undefined)[],
  headersOf: (key: string) => Headers,
): readonly EventBlock[] {
  const ends = endsOf(block);
  const runs: EventBlock[] = [];
  for (let first = 0; first < ends.length; ) {
    const key = keys[first];
    let last = first;
    while (last + 1 < ends.length && keys[last + 1] === key) last += 1;
    if (key !== undefined) runs.push(runOf(block, ends, first, last, headersOf(key)));
    first = last + 1;
  }
  return runs;
}

/**
 * The events up to the one that fills so much, one at least, and the rest of the block, if there is any. A
 * limit of 0 or less is none.
 */
export function cutAt(
  block: EventBlock,
  limit: { readonly bytes: number; readonly events: number },
): readonly [EventBlock, readonly EventBlock[]] {
  const isWhole = (size: number, most: number): boolean => most <= 0 || size <= most;
  if (isWhole(block.bytes.length, limit.bytes) && isWhole(block.events, limit.events)) return [block, []];
  const ends = endsOf(block);
  let last = limit.events > 0 ? Math.min(limit.events, ends.length) - 1 : ends.length - 1;
  if (limit.bytes > 0) {
    const full = ends.findIndex((end) => end >= limit.bytes);
    last = full < 0 ? last : Math.min(last, full);
  }
  if (last >= ends.length - 1) return [block, []];
  const { headers } = block;
  return [runOf(block, ends, 0, last, headers), [runOf(block, ends, last + 1, ends.length - 1, headers)]];
}

function runOf(
  block: EventBlock,
  ends: Uint32Array,
  first: number,
  last: number,
  headers: Headers,
): EventBlock {
  if (first === 0 && last === ends.length - 1) return { ...block, headers };
  const start = first === 0 ? 0 : (ends[first - 1] ?? 0);
  const own = block.ends && ends.slice(first, last + 1).map((end) => end - start);
  return { bytes: block.bytes.subarray(start, ends[last]), ends: own, events: last - first + 1, headers };
}

/**
 * Where lines and events end in bytes that were read. Bytes are cut, not copied, but for a line that is too
 * long or has no line feed.
 */

import type { Cut, CutBounds, CutRequest } from "./cut.ts";
import type { LineEncoding } from "./encoding.ts";
import type { Multiline } from "./multiline.ts";

export interface CutOptions extends CutBounds {
  readonly multiline: Multiline | undefined;
}

const NOTHING = { bytes: new Uint8Array(), ends: undefined, isCut: false, isLimited: false };

/** `more`: no event ends in so few bytes, and there are more. */
export function cutEvents(request: CutRequest, options: CutOptions): Cut | "more" {
  const { raw, hasMore } = request;
  const { encoding, maxLineBytes, multiline } = options;
  const start = request.isInLongLine ? encoding.nextEnd(raw, 0) : 0;
  if (start < 0)
    return { ...NOTHING, consumedBytes: raw.length - (raw.length % encoding.width), isInLongLine: true };
  const end = encoding.lastEnd(raw, raw.length);
  const rest = raw.length - start;
  if (end <= start) {
    if (rest > maxLineBytes) return cutLine(raw, start, options);
    if (hasMore) return "more";
    if (!request.endsLine || rest === 0) return { ...NOTHING, consumedBytes: start, isInLongLine: false };
    const bytes = Buffer.concat([raw.subarray(start), encoding.lineFeed]);
    const ends = multiline === undefined ? undefined : Uint32Array.of(bytes.length);
    return { ...NOTHING, consumedBytes: raw.length, bytes, ends, isInLongLine: false };
  }
  const stop = beforeLongLine(raw, start, end, options);
  if (stop === start) return cutLine(raw, start, options);
  return multiline === undefined
    ? plainLines(request, start, stop, encoding)
    : multiline.cut(request, { start, stop, isEnd: stop === end }, options);
}

function plainLines(
  { raw, maxEvents }: CutRequest,
  start: number,
  stop: number,
  encoding: LineEncoding,
): Cut {
  let end = stop;
  if (maxEvents !== Number.POSITIVE_INFINITY) {
    end = start;
    for (let lines = 0; lines < maxEvents && end < stop; lines += 1) end = encoding.nextEnd(raw, end);
  }
  const bytes = raw.subarray(start, end);
  return { ...NOTHING, consumedBytes: end, bytes, isInLongLine: false, isLimited: end < stop };
}

/** Up to the first line of `[start, end)` that is too long: looked for in steps of the longest line. */
function beforeLongLine(
  raw: Buffer,
  start: number,
  end: number,
  { encoding, maxLineBytes }: CutOptions,
): number {
  let from = start;
  while (end - from > maxLineBytes + encoding.width) {
    const next = encoding.lastEnd(raw, from + maxLineBytes + encoding.width);
    if (next <= from) return from;
    from = next;
  }
  return end;
}

/** The first bytes of a line that is too long, marked; the rest of it is passed over. */
function cutLine(raw: Buffer, start: number, { encoding, maxLineBytes, multiline }: CutOptions): Cut {
  const length = encoding.wholeCharacters(raw.subarray(start, start + maxLineBytes));
  const mark = encoding.encode(` [cut: the line is longer than ${maxLineBytes} bytes]\n`);
  const bytes = Buffer.concat([raw.subarray(start, start + length), mark]);
  const ends = multiline === undefined ? undefined : Uint32Array.of(bytes.length);
  return { consumedBytes: start + length, bytes, ends, isInLongLine: true, isCut: true, isLimited: true };
}

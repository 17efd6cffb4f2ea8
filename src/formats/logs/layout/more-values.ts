/**
 * Values behind those that a layout names are cut off before the fast reader sees the lines: it takes lines
 * of one number of values only.
 */

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const HYPHEN = 45;
const POINT = 46;
const BACKSLASH = 92;

/**
 * The bytes without what stands behind so many values of a line, where that is quoted, a number or `-`. They
 * stay as they are where the first line has no more values: mostly all lines of a log have the same number.
 */
export function withoutMoreValues(bytes: Buffer, values: number): Buffer {
  if (endOfValues(bytes, 0, values) === undefined) return bytes;
  const kept: Buffer[] = [];
  let from = 0;
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed < 0 ? bytes.length : feed;
    const cut = endOfValues(bytes, start, values);
    if (cut !== undefined && areMoreValues(bytes, cut, end)) {
      kept.push(bytes.subarray(from, cut));
      from = end;
    }
    start = end + 1;
  }
  return Buffer.concat([...kept, bytes.subarray(from)]);
}

/** Where so many values of a line end, if a space is behind them. */
function endOfValues(bytes: Buffer, start: number, values: number): number | undefined {
  let at = start;
  for (let value = 0; value < values; value += 1) {
    const end = endOfValue(bytes, at);
    if (bytes[end] !== SPACE) return undefined;
    if (value === values - 1) return end;
    at = end + 1;
  }
  return undefined;
}

/** Where a value ends that begins here: at a space, or at a line's end. */
function endOfValue(bytes: Buffer, start: number): number {
  let at = start;
  if (bytes[at] === QUOTE) {
    for (at += 1; at < bytes.length && bytes[at] !== QUOTE && bytes[at] !== LINE_FEED; at += 1)
      if (bytes[at] === BACKSLASH && bytes[at + 1] !== LINE_FEED) at += 1;
    return at + 1;
  }
  while (at < bytes.length && bytes[at] !== SPACE && bytes[at] !== LINE_FEED) at += 1;
  return at;
}

function areMoreValues(bytes: Buffer, start: number, lineEnd: number): boolean {
  let end = lineEnd;
  while (end > start && bytes[end - 1] === CARRIAGE_RETURN) end -= 1;
  for (let at = start; at < end; ) {
    if (bytes[at] === SPACE) {
      at += 1;
      continue;
    }
    const next = endOfValue(bytes, at);
    if (next > end || !isMoreValue(bytes, at, next)) return false;
    at = next;
    if (at < end && bytes[at] !== SPACE) return false;
  }
  return true;
}

/** Quoted, `-`, or a number like `0.120`. */
function isMoreValue(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start];
  if (first === QUOTE || (first === HYPHEN && end === start + 1)) return true;
  let points = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === POINT) points += 1;
    else if (byte < 48 || byte > 57) return false;
  }
  return points === 0 || (points === 1 && first !== POINT && bytes[end - 1] !== POINT);
}

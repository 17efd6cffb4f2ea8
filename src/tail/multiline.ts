/** Events of several lines: which line begins one, or goes on with the one before. */

import { StreamkitError } from "../base/error.ts";
import type { Cut, CutBounds, CutRequest } from "./cut.ts";

export interface MultilineOptions {
  /** A line that matches begins an event; others belong to the one before. */
  readonly starts?: string | undefined;
  /** A line that matches belongs to the event before; others begin one. */
  readonly continues?: string | undefined;
}

export interface Multiline {
  /** Cuts the whole lines of `[start, stop)`. `isEnd`: after them, no line is known to follow. */
  cut(request: CutRequest, lines: WholeLines, bounds: CutBounds): Cut | "more";
  /** The lines at a file's start that belong to the event before it. */
  lead(raw: Buffer, bounds: CutBounds): Lead;
}

interface Lead {
  readonly sizeBytes: number;
  /** False where the next line may belong to them. */
  readonly isOver: boolean;
}

interface WholeLines {
  readonly start: number;
  readonly stop: number;
  readonly isEnd: boolean;
}

/** An event of more lines is given in parts. */
const MAX_EVENT_LINES = 1000;
const CARRIAGE_RETURN = 13;

/** Throws code `job` where a pattern is none. */
export function openMultiline({ starts, continues }: MultilineOptions): Multiline | undefined {
  if (starts === undefined && continues === undefined) return undefined;
  const pattern = patternOf(starts ?? continues ?? "");
  const begins = (line: string): boolean => pattern.test(line) === (starts !== undefined);
  return {
    cut: (request, lines, bounds) => cutMultiline(request, lines, bounds, begins),
    lead: (raw, bounds) => leadOf(raw, bounds, begins),
  };
}

function leadOf(raw: Buffer, { encoding, maxLineBytes }: CutBounds, begins: (line: string) => boolean): Lead {
  let sizeBytes = 0;
  for (let lines = 0; lines < MAX_EVENT_LINES; lines += 1) {
    const to = encoding.nextEnd(raw, sizeBytes);
    if (to < 0) return { sizeBytes, isOver: raw.length - sizeBytes > maxLineBytes };
    const isTooLong = to > maxLineBytes + encoding.width;
    if (isTooLong || begins(encoding.decode(withoutEnd(raw, sizeBytes, to, encoding.width))))
      return { sizeBytes, isOver: true };
    sizeBytes = to;
  }
  return { sizeBytes, isOver: true };
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new StreamkitError("job", `multiline: "${text}" is no regular expression`, { cause: error });
  }
}

function cutMultiline(
  request: CutRequest,
  { start, stop, isEnd }: WholeLines,
  { encoding, maxLineBytes }: CutBounds,
  begins: (line: string) => boolean,
): Cut | "more" {
  const { raw, maxEvents, endsEvent, endsLine, hasMore } = request;
  const ends: number[] = [];
  let eventStart = start;
  let lines = 0;
  for (let from = start; from < stop && ends.length < maxEvents; ) {
    const to = encoding.nextEnd(raw, from);
    const isNext = from > eventStart && begins(encoding.decode(withoutEnd(raw, from, to, encoding.width)));
    if (isNext || lines === MAX_EVENT_LINES || to - eventStart > maxLineBytes + encoding.width) {
      if (from > eventStart) ends.push(from - start);
      eventStart = from;
      lines = 0;
      if (ends.length === maxEvents) break;
    }
    lines += 1;
    from = to;
  }
  const none = { bytes: new Uint8Array(), ends: undefined, isInLongLine: false, isCut: false };
  if (ends.length < maxEvents && eventStart < stop) {
    // Behind a line that is too long, or the last bytes there are, the open event is over.
    const isHalfLine = isEnd && stop < raw.length;
    if (!isEnd || (endsEvent && !isHalfLine)) ends.push(stop - start);
    else if (endsLine && isHalfLine) {
      const bytes = Buffer.concat([raw.subarray(start), encoding.lineFeed]);
      return {
        ...none,
        consumedBytes: raw.length,
        bytes,
        ends: endsOf(ends, bytes.length),
        isLimited: false,
      };
    }
  }
  const end = start + (ends.at(-1) ?? 0);
  if (ends.length === 0) {
    if (hasMore) return "more";
    return { ...none, consumedBytes: start, isLimited: false };
  }
  const isLimited = end < stop && ends.length === maxEvents;
  return { ...none, consumedBytes: end, bytes: raw.subarray(start, end), ends: endsOf(ends), isLimited };
}

function endsOf(ends: readonly number[], last?: number): Uint32Array {
  return Uint32Array.from(last === undefined ? ends : [...ends, last]);
}

function withoutEnd(raw: Buffer, from: number, to: number, width: number): Buffer {
  const end = to - width;
  const isReturn = end - width >= from && raw.subarray(end - width, end).includes(CARRIAGE_RETURN);
  return raw.subarray(from, isReturn && width === 1 ? end - width : end);
}

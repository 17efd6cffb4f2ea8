/**
 * From the chunks of a stream to whole events. Lines end with a line feed; in syslog's octet counting a
 * number says how long a message is, and both may come on one connection (RFC 6587).
 */

const LINE_FEED = 10;
const SPACE = 32;
const ZERO = 48;
const NINE = 57;
const LESS_THAN = 60;

/** Events, each with a line feed at its end and none inside. */
export interface Events {
  readonly bytes: Uint8Array;
  readonly events: number;
}

export interface Framing {
  /** What is whole now. The rest waits for the next chunk. */
  push(chunk: Uint8Array): Events | undefined;
  /** A last event without its end, when the stream has ended. */
  end(): Events | undefined;
}

/** A line that is longer is cut there: its rest is a line of its own. */
export function lineFraming(maxLineBytes: number): Framing {
  let parts: Uint8Array[] = [];
  let heldBytes = 0;
  const held = (): Uint8Array => {
    const bytes = Buffer.concat(parts);
    [parts, heldBytes] = [[], 0];
    return bytes;
  };
  return {
    push(chunk) {
      const whole = chunk.lastIndexOf(LINE_FEED) + 1;
      if (whole === 0 && heldBytes + chunk.length <= maxLineBytes) {
        // The chunk is the stream's: it may be used again.
        parts.push(Buffer.from(chunk));
        heldBytes += chunk.length;
        return undefined;
      }
      const bytes = whole === 0 ? chunk : chunk.subarray(0, whole);
      const first = Buffer.concat([held(), bytes, ...(whole === 0 ? [Buffer.of(LINE_FEED)] : [])]);
      if (whole > 0 && whole < chunk.length) {
        parts.push(Buffer.from(chunk.subarray(whole)));
        heldBytes = chunk.length - whole;
      }
      return { bytes: first, events: countLines(first) };
    },
    end() {
      if (heldBytes === 0) return undefined;
      return { bytes: Buffer.concat([held(), Buffer.of(LINE_FEED)]), events: 1 };
    },
  };
}

export function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}

/** More digits say no length. */
const MAX_LENGTH_DIGITS = 9;

/** A message longer than `maxBytes` is cut there, and its rest is left out. */
export function syslogFraming(maxBytes: number): Framing {
  let held: Buffer = Buffer.alloc(0);
  /** Bytes of a message's rest that are still to be left out. */
  let skipBytes = 0;
  const take = (isEnd: boolean): Events | undefined => {
    const messages: Buffer[] = [];
    let at = 0;
    while (at < held.length) {
      if (skipBytes > 0) {
        const skipped = Math.min(skipBytes, held.length - at);
        skipBytes -= skipped;
        at += skipped;
        continue;
      }
      const found = nextMessage(held, at, maxBytes, isEnd);
      if (found === undefined) break;
      messages.push(oneLine(found.message));
      at = found.end;
      skipBytes = found.skipBytes;
    }
    held = Buffer.from(held.subarray(at));
    const kept = messages.filter((message) => message.length > 1);
    return kept.length === 0 ? undefined : { bytes: Buffer.concat(kept), events: kept.length };
  };
  return {
    push(chunk) {
      held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
      return take(false);
    },
    end: () => take(true),
  };
}

interface Found {
  readonly message: Buffer;
  readonly end: number;
  readonly skipBytes: number;
}

function nextMessage(held: Buffer, at: number, maxBytes: number, isEnd: boolean): Found | undefined {
  const counted = countedLength(held, at);
  if (counted === "incomplete" && !isEnd) return undefined;
  if (typeof counted === "object") {
    const { length, start } = counted;
    const takenBytes = Math.min(length, maxBytes);
    const isThere = held.length >= start + takenBytes;
    if (!isThere && !isEnd) return undefined;
    const end = Math.min(held.length, start + takenBytes);
    return { message: held.subarray(start, end), end, skipBytes: isThere ? length - takenBytes : 0 };
  }
  const feed = held.indexOf(LINE_FEED, at);
  if (feed >= 0)
    return { message: held.subarray(at, Math.min(feed, at + maxBytes)), end: feed + 1, skipBytes: 0 };
  const isLong = held.length - at > maxBytes;
  if (!isLong && !isEnd) return undefined;
  const end = isLong ? at + maxBytes : held.length;
  return { message: held.subarray(at, end), end, skipBytes: 0 };
}

/** `LENGTH SPACE` in front of a message, which begins with `<`: a line may well begin with a number. */
function countedLength(
  held: Buffer,
  at: number,
): { readonly length: number; readonly start: number } | "incomplete" | undefined {
  let length = 0;
  for (let index = at; index - at <= MAX_LENGTH_DIGITS; index += 1) {
    const byte = held[index];
    if (byte === undefined) return "incomplete";
    if (byte === SPACE && index > at) {
      const first = held[index + 1];
      if (first === undefined) return "incomplete";
      return first === LESS_THAN ? { length, start: index + 1 } : undefined;
    }
    const isDigit = byte >= ZERO && byte <= NINE;
    if (!isDigit || (index === at && byte === ZERO)) return undefined;
    length = length * 10 + byte - ZERO;
  }
  return undefined;
}

/** Line feeds inside a message are written as rsyslog does; NUL and what ends it go. */
export function oneLine(message: Uint8Array): Buffer {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  let end = bytes.length;
  while (end > 0 && isEnding(bytes[end - 1])) end -= 1;
  const kept = bytes.subarray(0, end);
  if (!kept.includes(LINE_FEED)) return Buffer.concat([kept, Buffer.of(LINE_FEED)]);
  return Buffer.from(`${kept.toString("latin1").replaceAll("\n", "#012")}\n`, "latin1");
}

function isEnding(byte: number | undefined): boolean {
  return byte === LINE_FEED || byte === 13 || byte === 0;
}

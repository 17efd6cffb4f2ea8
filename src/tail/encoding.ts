/** Encodings of files: where lines end in their bytes, and the same text as UTF-8. */

import { StreamkitError } from "../base/error.ts";

export interface LineEncoding {
  /** Whether somebody said what the bytes are. */
  readonly isDeclared: boolean;
  /** Bytes of a line feed. */
  readonly width: 1 | 2;
  readonly lineFeed: Uint8Array;
  /** The offset after the last line feed in `[0, until)`; 0 if there is none. */
  lastEnd(raw: Buffer, until: number): number;
  /** The offset after the first line feed from `from` on; -1 if there is none. */
  nextEnd(raw: Buffer, from: number): number;
  /** How many of the bytes are whole characters. */
  wholeCharacters(raw: Buffer): number;
  decode(raw: Buffer): string;
  encode(text: string): Buffer;
  /** The text as UTF-8, the same bytes where they are that, or nobody said what they are. */
  toUtf8(bytes: Uint8Array, isStart: boolean): Uint8Array;
}

const LINE_FEED = 10;

/** Bytes as they are; text where a pattern looks at them. Throws code `job` for one that nobody knows. */
export function lineEncoding(name: string | undefined): LineEncoding {
  if (name === undefined || /^utf-?8$/i.test(name)) return { ...asIs, isDeclared: name !== undefined };
  const label = canonical(name);
  if (label === "utf-16le" || label === "utf-16be") return utf16(label);
  return { ...asIs, isDeclared: true, wholeCharacters: (raw) => raw.length, ...decoding(label) };
}

function canonical(name: string): string {
  try {
    return new TextDecoder(name).encoding;
  } catch (error) {
    throw new StreamkitError(
      "job",
      `encoding: "${name}" is not known: utf-8, utf-16le, utf-16be, latin1, windows-1252, shift_jis and ` +
        "other names of the WHATWG encoding standard are",
      { cause: error },
    );
  }
}

const asIs: LineEncoding = {
  isDeclared: false,
  width: 1,
  lineFeed: Uint8Array.of(LINE_FEED),
  lastEnd: (raw, until) => (until === 0 ? 0 : raw.lastIndexOf(LINE_FEED, until - 1) + 1),
  nextEnd: (raw, from) => {
    const found = raw.indexOf(LINE_FEED, from);
    return found < 0 ? -1 : found + 1;
  },
  wholeCharacters(raw) {
    // A character of UTF-8 has four bytes at most; the first is none of those that go on.
    for (let back = 1; back <= Math.min(4, raw.length); back += 1) {
      const byte = raw[raw.length - back] ?? 0;
      if ((byte & 0xc0) === 0x80) continue;
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
      return length > back ? raw.length - back : raw.length;
    }
    return raw.length;
  },
  decode: (raw) => raw.toString("utf8"),
  encode: (text) => Buffer.from(text),
  toUtf8: (bytes) => bytes,
};

function decoding(label: string): Pick<LineEncoding, "decode" | "toUtf8"> {
  // A mark in the middle of a file is a character like others.
  const decoder = new TextDecoder(label, { ignoreBOM: true });
  const first = new TextDecoder(label);
  return {
    decode: (raw) => decoder.decode(raw),
    toUtf8: (bytes, isStart) => Buffer.from((isStart ? first : decoder).decode(bytes)),
  };
}

function utf16(label: "utf-16le" | "utf-16be"): LineEncoding {
  const isLittle = label === "utf-16le";
  const unit = Buffer.from(isLittle ? [LINE_FEED, 0] : [0, LINE_FEED]);
  return {
    ...decoding(label),
    isDeclared: true,
    width: 2,
    lineFeed: unit,
    lastEnd(raw, until) {
      for (let from = until - 2; from >= 0; ) {
        const found = raw.lastIndexOf(unit, from);
        if (found < 0) return 0;
        if (found % 2 === 0) return found + 2;
        from = found - 1;
      }
      return 0;
    },
    nextEnd(raw, from) {
      for (let start = from; ; ) {
        const found = raw.indexOf(unit, start);
        if (found < 0) return -1;
        if (found % 2 === 0) return found + 2;
        start = found + 1;
      }
    },
    wholeCharacters: (raw) => raw.length - (raw.length % 2),
    encode(text) {
      const bytes = Buffer.from(text, "utf16le");
      return isLittle ? bytes : bytes.swap16();
    },
  };
}

/**
 * Lines of JSON, written as bytes: numbers exactly, texts without a detour by way of strings. Every array
 * item and every field writes at least a byte, so that the bound on a line bounds the work for a record.
 */

import { isUtf8 } from "node:buffer";
import { PayloadError } from "./payload-reader.ts";

/** The JSON reader takes no lines as long as that. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** From here on a copy by the runtime is faster than a loop. */
const LONG_TEXT = 32;

const [QUOTE, BACKSLASH, MINUS, ZERO] = [0x22, 0x5c, 0x2d, 0x30];
const HEX = Buffer.from("0123456789abcdef");
const NULL = Buffer.from("null");
const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");

export class LineWriter {
  bytes: Buffer<ArrayBuffer>;
  at = 0;
  #lineStart = 0;

  constructor(sizeBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(Math.max(sizeBytes, 1024));
  }

  startLine(): void {
    this.#lineStart = this.at;
  }

  endLine(): void {
    if (this.at - this.#lineStart > MAX_LINE_BYTES) throw tooLong();
    this.byte(0x0a);
  }

  /** As if the line had not been started. */
  dropLine(): void {
    this.at = this.#lineStart;
  }

  ensure(sizeBytes: number): void {
    const needed = this.at + sizeBytes;
    if (needed <= this.bytes.length) return;
    if (this.at - this.#lineStart > MAX_LINE_BYTES) throw tooLong();
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }

  byte(byte: number): void {
    this.ensure(1);
    this.bytes[this.at++] = byte;
  }

  raw(chunk: Uint8Array): void {
    const size = chunk.length;
    this.ensure(size);
    const bytes = this.bytes;
    let at = this.at;
    for (let index = 0; index < size; index += 1) bytes[at++] = chunk[index] as number;
    this.at = at;
  }

  /** Characters of one byte each. */
  ascii(text: string): void {
    const size = text.length;
    this.ensure(size);
    if (size > LONG_TEXT) this.at += this.bytes.write(text, this.at, "latin1");
    else for (let index = 0; index < size; index += 1) this.bytes[this.at++] = text.charCodeAt(index);
  }

  null(): void {
    this.raw(NULL);
  }

  boolean(value: boolean): void {
    this.raw(value ? TRUE : FALSE);
  }

  /** JSON has no words for NaN and the infinities: null. */
  double(value: number): void {
    if (!Number.isFinite(value)) this.null();
    else if (Number.isSafeInteger(value)) {
      if (Object.is(value, -0)) this.ascii("-0.0");
      else this.integer(value);
    } else this.ascii(String(value));
  }

  /** A safe integer. */
  integer(value: number): void {
    this.ensure(17);
    let rest = value;
    if (rest < 0) {
      this.bytes[this.at++] = MINUS;
      rest = -rest;
    }
    this.digits(rest, digitCount(rest));
  }

  /** A safe integer that is not negative, in `count` digits with leading zeros. */
  digits(value: number, count: number): void {
    this.ensure(count);
    const bytes = this.bytes;
    let at = this.at + count;
    const start = this.at;
    this.at = at;
    let rest = value;
    while (rest > 0x7fffffff && at > start) {
      const tenth = Math.floor(rest / 10);
      bytes[--at] = ZERO + (rest - tenth * 10);
      rest = tenth;
    }
    rest |= 0;
    while (at > start) {
      const tenth = (rest / 10) | 0;
      bytes[--at] = ZERO + (rest - tenth * 10);
      rest = tenth;
    }
  }

  /** A signed integer by its halves. */
  int64(low: number, high: number): void {
    if (high === low >> 31) this.integer(low | 0);
    else if (high >= -0x200000 && high < 0x200000) this.integer(high * 0x100000000 + (low >>> 0));
    else this.ascii(String((BigInt(high) << 32n) | BigInt(low >>> 0)));
  }

  uint64(low: number, high: number): void {
    if (high >= 0 && high < 0x200000) this.integer(high * 0x100000000 + (low >>> 0));
    else this.ascii(String((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)));
  }

  /** A JSON string of the UTF-8 bytes from `start` to `end`. */
  text(source: Buffer, start: number, end: number): void {
    this.ensure((end - start) * 6 + 2);
    const bytes = this.bytes;
    let at = this.at;
    let seen = 0;
    bytes[at++] = QUOTE;
    for (let index = start; index < end; index += 1) {
      const byte = source[index] as number;
      seen |= byte;
      if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) bytes[at++] = byte;
      else {
        bytes[at++] = BACKSLASH;
        if (byte >= 0x20) bytes[at++] = byte;
        else {
          bytes[at++] = 0x75;
          bytes[at++] = ZERO;
          bytes[at++] = ZERO;
          bytes[at++] = HEX[byte >> 4] as number;
          bytes[at++] = HEX[byte & 15] as number;
        }
      }
    }
    bytes[at++] = QUOTE;
    this.at = at;
    if (seen >= 0x80 && !isUtf8(source.subarray(start, end)))
      throw new PayloadError("A text in the data is not UTF-8");
  }

  /** A JSON string. */
  string(text: string): void {
    const source = Buffer.from(text);
    this.text(source, 0, source.length);
  }

  /** Bytes as a JSON string of base64: `from_base64(column)` makes them a BLOB. */
  base64(source: Buffer, start: number, end: number): void {
    this.byte(QUOTE);
    this.ascii(source.toString("base64", start, end));
    this.byte(QUOTE);
  }

  /** Sixteen bytes as the text of a UUID. */
  uuid(source: Buffer, start: number): void {
    this.ensure(38);
    const bytes = this.bytes;
    bytes[this.at++] = QUOTE;
    for (let index = 0; index < 16; index += 1) {
      if (index === 4 || index === 6 || index === 8 || index === 10) bytes[this.at++] = MINUS;
      const byte = source[start + index] as number;
      bytes[this.at++] = HEX[byte >> 4] as number;
      bytes[this.at++] = HEX[byte & 15] as number;
    }
    bytes[this.at++] = QUOTE;
  }

  /**
   * A decimal by its unscaled value, two's complement, the highest byte first. As a JSON string, because
   * DuckDB reads a JSON number with a point as a DOUBLE.
   */
  decimal(source: Buffer, start: number, end: number, scale: number): void {
    const size = end - start;
    const value = size === 0 ? 0 : size <= 6 ? source.readIntBE(start, size) : bigInteger(source, start, end);
    const isNegative = value < 0;
    let digits = String(value);
    if (isNegative) digits = digits.slice(1);
    if (digits.length <= scale) digits = digits.padStart(scale + 1, "0");
    const point = digits.length - scale;
    const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
    this.ascii(isNegative ? `"-${text}"` : `"${text}"`);
  }
}

function bigInteger(source: Buffer, start: number, end: number): bigint {
  return BigInt.asIntN((end - start) * 8, BigInt(`0x${source.toString("hex", start, end)}`));
}

function digitCount(value: number): number {
  let count = 1;
  for (let power = 10; value >= power; power *= 10) count += 1;
  return count;
}

function tooLong(): PayloadError {
  return new PayloadError(`The record makes a line longer than ${MAX_LINE_BYTES} bytes`);
}

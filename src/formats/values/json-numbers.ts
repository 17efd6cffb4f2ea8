/**
 * The own digits of numbers in JSON. DuckDB reads a number with a point or an exponent as a DOUBLE, whatever
 * its column is: `1.10` becomes the text `1.1`, and what is behind the 17th digit is lost. As a JSON string
 * it keeps every digit.
 */

import { elementType, structFields, typeParts } from "../../duckdb/type-text.ts";
import { type KeyedColumn, keyOf } from "../column-names.ts";
import { isOpaque } from "./strict.ts";

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

/**
 * The same lines with such numbers in quotes, where a column's type is a scalar that is neither a float nor
 * JSON. What is no valid JSON does not become so.
 */
export function withQuotedNumbers(bytes: Buffer, columns: readonly KeyedColumn[]): Buffer {
  const bounds = fractionsIn(bytes, recordOf(columns));
  if (bounds.length === 0) return bytes;
  const quoted = Buffer.allocUnsafe(bytes.length + bounds.length);
  let read = 0;
  let written = 0;
  for (const bound of bounds) {
    written += bytes.copy(quoted, written, read, bound);
    quoted[written] = QUOTE;
    written += 1;
    read = bound;
  }
  bytes.copy(quoted, written, read);
  return quoted;
}

/** A type as far as numbers in JSON matter. */
type Node =
  | { readonly kind: "record"; readonly fields: ReadonlyMap<string, Node> }
  | { readonly kind: "map" | "list"; readonly inner: Node }
  | { readonly kind: "exact" | "other" };

function recordOf(columns: readonly KeyedColumn[]): Node {
  return { kind: "record", fields: new Map(columns.map((column) => [keyOf(column), nodeOf(column.type)])) };
}

function nodeOf(type: string): Node {
  const element = elementType(type);
  if (element !== undefined) return { kind: "list", inner: nodeOf(element) };
  if (type.startsWith("STRUCT(")) return recordOf(structFields(type));
  if (type.startsWith("MAP(")) return { kind: "map", inner: nodeOf(typeParts(type)[1] ?? "") };
  return { kind: isOpaque(type) || type === "DOUBLE" || type === "FLOAT" ? "other" : "exact" };
}

/** Where we are in a line: what is open, and of objects the last key. */
interface Place {
  depth: number;
  readonly openers: number[];
  readonly keyStarts: number[];
  readonly keyEnds: number[];
}

/** Where numbers with a point or an exponent begin and end, one after the other. */
function fractionsIn(bytes: Uint8Array, record: Node): number[] {
  const bounds: number[] = [];
  const place: Place = { depth: 0, openers: [], keyStarts: [], keyEnds: [] };
  /** The last byte that is no white space. */
  let before = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    switch (byte) {
      case 0x20:
      case 0x09:
      case 0x0d:
        continue;
      case QUOTE: {
        const end = endOfString(bytes, at);
        if (before === OBJECT || before === COMMA) {
          place.keyStarts[place.depth] = at;
          place.keyEnds[place.depth] = end + 1;
        }
        at = end;
        break;
      }
      case LINE_FEED:
        place.depth = 0;
        break;
      case OBJECT:
      case ARRAY:
        place.depth += 1;
        place.openers[place.depth] = byte;
        break;
      case OBJECT_END:
      case ARRAY_END:
        place.depth = Math.max(0, place.depth - 1);
        break;
      default:
        if (byte === MINUS || isDigit(byte)) {
          const end = endOfToken(bytes, at);
          const mayBeValue = before === COLON || before === COMMA || before === ARRAY;
          if (mayBeValue && isFraction(bytes, at, end) && isExactAt(bytes, place, record))
            bounds.push(at, end);
          at = end - 1;
        }
    }
    before = byte;
  }
  return bounds;
}

/** Whether the own digits matter of a number that stands there. */
function isExactAt(bytes: Uint8Array, { depth, openers, keyStarts, keyEnds }: Place, record: Node): boolean {
  let node: Node | undefined = record;
  for (let level = 1; level <= depth; level += 1) {
    const isObject = openers[level] === OBJECT;
    if (node?.kind === "record" && isObject)
      node = node.fields.get(nameOf(bytes, keyStarts[level] ?? 0, keyEnds[level] ?? 0));
    else if (node?.kind === (isObject ? "map" : "list") && "inner" in node) node = node.inner;
    else return false;
  }
  return depth > 0 && node?.kind === "exact";
}

/** Its closing quote; where it has none, the last byte of the line, which is no JSON then. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === LINE_FEED) break;
    if (byte === BACKSLASH && bytes[at + 1] !== LINE_FEED) at += 1;
  }
  return at - 1;
}

/** A key out of its text in quotes. */
function nameOf(bytes: Uint8Array, start: number, end: number): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
  if (!text.includes("\\")) return text.slice(1, -1);
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isExponent(byte: number | undefined): boolean {
  return byte === 0x65 || byte === 0x45;
}

/** Behind all that may belong to a number. */
function endOfToken(bytes: Uint8Array, start: number): number {
  let at = start;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (!isDigit(byte) && byte !== 0x2e && byte !== 0x2b && byte !== MINUS && !isExponent(byte)) break;
  }
  return at;
}

/** `-?digits(.digits)?(e[+-]?digits)?` with a point or an exponent, that ends there and is no key. */
function isFraction(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start] === MINUS ? start + 1 : start;
  let at = endOfDigits(bytes, first);
  if (at === first || at === end || (bytes[first] === 0x30 && at > first + 1)) return false;
  if (bytes[at] === 0x2e) {
    const fraction = at + 1;
    at = endOfDigits(bytes, fraction);
    if (at === fraction) return false;
  }
  if (isExponent(bytes[at])) {
    const exponent = bytes[at + 1] === 0x2b || bytes[at + 1] === MINUS ? at + 2 : at + 1;
    at = endOfDigits(bytes, exponent);
    if (at === exponent) return false;
  }
  let next = end;
  while (isSpace(bytes[next])) next += 1;
  const byte = bytes[next];
  const isEnd =
    byte === undefined || byte === LINE_FEED || byte === COMMA || byte === OBJECT_END || byte === ARRAY_END;
  return at === end && isEnd;
}

function endOfDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isDigit(bytes[at])) at += 1;
  return at;
}

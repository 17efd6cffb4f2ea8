/**
 * How deep lists and objects may stand within each other. DuckDB follows them by recursion and ends the
 * process where its stack does; JavaScript fails. What comes from outside is measured first.
 *
 * A line is measured only where it holds more brackets than may be open at once: of a block of common lines
 * that costs a look for line feeds. No import: the page runs this too.
 */

/** Of lists and objects within each other, the outermost counted. */
export const MAX_DEPTH = 200;

/**
 * `json`: brackets in strings are letters. `text`: every bracket counts, as in formats whose values may hold
 * lists and objects and where quotes mean something else.
 */
export type Nesting = "json" | "text";

const LINE_FEED = 10;
const QUOTE = 34;
const LIST = 91;
const BACKSLASH = 92;
const LIST_END = 93;
const OBJECT = 123;
const OBJECT_END = 125;

const OTHER = 0;
const OPENS = 1;
const CLOSES = 2;
/** What a byte does, all in one look. */
const KINDS = new Uint8Array(256);
for (const byte of [LIST, OBJECT]) KINDS[byte] = OPENS;
for (const byte of [LIST_END, OBJECT_END]) KINDS[byte] = CLOSES;
KINDS[QUOTE] = 3;

/** What is shown may be deeper by what a query puts around it; beyond this it is not shown. */
const MAX_SHOWN_DEPTH = 1000;

/** Why a line, text or file is not taken. */
export function tooDeep(depth?: number): string {
  const found =
    depth === undefined ? `deeper than ${MAX_DEPTH}` : `${depth} deep; ${MAX_DEPTH} are taken at most`;
  return `Lists and objects are nested ${found}`;
}

/** Whether a line of a block of whole lines nests too deep. */
export function holdsDeepLine(bytes: Buffer, nesting: Nesting): boolean {
  const openers = nextOf(bytes);
  for (let start = 0; start < bytes.length; ) {
    // A line that is no longer has no room for them.
    const short = bytes.lastIndexOf(LINE_FEED, start + MAX_DEPTH);
    if (short >= start) {
      start = short + 1;
      continue;
    }
    const feed = bytes.indexOf(LINE_FEED, start);
    const stop = feed < 0 ? bytes.length : feed;
    if (hasManyOpeners(openers, start, stop) && depthWithin(bytes, start, stop, nesting) > MAX_DEPTH)
      return true;
    start = stop + 1;
  }
  return false;
}

/** The depth of one line; what is no deeper than `MAX_DEPTH` may count as 0. */
export function depthOfLine(line: Buffer, nesting: Nesting): number {
  if (line.length <= MAX_DEPTH || !hasManyOpeners(nextOf(line), 0, line.length)) return 0;
  return depthWithin(line, 0, line.length, nesting);
}

/** The same of a text of JSON, which may have many lines. */
export function depthOfText(text: string): number {
  // Nearly every text is short, or has few brackets: a pattern that fails early is quicker than a loop.
  if (text.length <= MAX_DEPTH || !MANY_OPENERS.test(text)) return 0;
  return depthWithin(Buffer.from(text), 0, Buffer.byteLength(text), "json");
}

/** A value as it can be shown: one that is too deep to be written as JSON is told by its depth alone. */
export function shown<T>(value: T): T | string {
  return isWithin(value, MAX_SHOWN_DEPTH) ? value : `(nested deeper than ${MAX_SHOWN_DEPTH})`;
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (levels === 0) return false;
  return Object.values(value).every((inner) => isWithin(inner, levels - 1));
}

const MANY_OPENERS = new RegExp(`^(?:[^[{]*[[{]){${MAX_DEPTH + 1}}`);

/** Where the next opening bracket stands; asked for places that only grow. */
function nextOf(bytes: Buffer): (from: number) => number {
  let list = -1;
  let object = -1;
  const find = (byte: number, from: number): number => {
    const at = bytes.indexOf(byte, from);
    return at < 0 ? bytes.length : at;
  };
  return (from) => {
    if (list < from) list = find(LIST, from);
    if (object < from) object = find(OBJECT, from);
    return Math.min(list, object);
  };
}

function hasManyOpeners(next: (from: number) => number, start: number, stop: number): boolean {
  let count = 0;
  for (let at = next(start); at < stop; at = next(at + 1)) {
    count += 1;
    if (count > MAX_DEPTH) return true;
  }
  return false;
}

function depthWithin(bytes: Uint8Array, start: number, stop: number, nesting: Nesting): number {
  let depth = 0;
  let most = 0;
  for (let at = start; at < stop; at += 1) {
    const kind = KINDS[bytes[at] as number];
    if (kind === OTHER) continue;
    if (kind === OPENS) {
      depth += 1;
      if (depth > most) most = depth;
    } else if (kind === CLOSES) {
      if (depth > 0) depth -= 1;
    } else if (nesting === "json") {
      // To the string's closing quote; one that has none ends with the line.
      for (at += 1; at < stop && bytes[at] !== QUOTE; at += 1) if (bytes[at] === BACKSLASH) at += 1;
    }
  }
  return most;
}

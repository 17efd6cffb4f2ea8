/**
 * JSON as programs print it for people, as one value a line: the elements of an array, or values over several
 * lines. What is no JSON comes out too, for whoever reads the lines to refuse.
 */

/** So many characters tell. A first line that is no whole value may just be a broken one: more must tell. */
const DOCUMENT = /^\s*(?:\[\s*[{\]]|\{[ \t]*\r?\n\s*["}])/;
const BEGINNING = /^\s*(?:\[|\{[ \t]*\r?\n?)?\s*$/;

/** Whether text begins as an array of objects, or an object over several lines. */
export function isJsonDocument(start: string): boolean {
  return DOCUMENT.test(start.replace(/^[\uFEFF\0]+/, ""));
}

/** Whether it may turn out to do so when there is more of it. */
export function mayBecomeJsonDocument(start: string): boolean {
  return start !== "" && BEGINNING.test(start);
}

const [LINE_FEED, RETURN, SPACE, TAB, COMMA] = [10, 13, 32, 9, 44];
const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [34, 92, 91, 93, 123, 125];

/** Keeps a few flags and no bytes, however large a value is. */
export async function* valuesAsLines(from: AsyncGenerator<Buffer, void>): AsyncGenerator<Buffer, void> {
  const start = { isInString: false, isEscaped: false, isInScalar: false, isInList: false };
  const state: State = { ...start, depth: 0 };
  for await (const chunk of from) {
    const lines = linesOf(chunk, state);
    if (lines.length > 0) yield lines;
  }
}

interface State {
  /** Of the braces and brackets of a value. */
  depth: number;
  isInString: boolean;
  isEscaped: boolean;
  /** In a number, a word or a string that is no part of an object. */
  isInScalar: boolean;
  isInList: boolean;
}

/** One loop over bytes, as there are many. A line feed in a string is a fault: it ends the line. */
function linesOf(bytes: Buffer, state: State): Buffer {
  // A value has a byte at least, and its line feed.
  const out = Buffer.allocUnsafe(bytes.length * 2 + 2);
  let { depth, isInString, isEscaped, isInScalar, isInList } = state;
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (isInString || (byte !== QUOTE && byte > COMMA && byte < OPEN_LIST) || byte > CLOSE) {
      out[length++] = byte;
      if (!isInString) isInScalar ||= depth === 0;
      else if (isEscaped) isEscaped = false;
      else if (byte === BACKSLASH) isEscaped = true;
      else if (byte === QUOTE) isInString = false;
      continue;
    }
    if (depth > 0 && (byte === LINE_FEED || byte === RETURN)) {
      out[length++] = SPACE;
      continue;
    }
    if (depth === 0) {
      const opensList = byte === OPEN_LIST && !isInList;
      const closesList = byte === CLOSE_LIST && isInList;
      const isSpace = byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB;
      if (isSpace || byte === COMMA || opensList || closesList) {
        if (isInScalar) out[length++] = LINE_FEED;
        isInScalar = false;
        isInList = opensList || (isInList && !closesList);
        continue;
      }
      isInScalar = byte !== OPEN && byte !== OPEN_LIST;
    }
    out[length++] = byte;
    if (byte === QUOTE) isInString = true;
    else if (byte === OPEN || byte === OPEN_LIST) depth += 1;
    else if ((byte === CLOSE || byte === CLOSE_LIST) && depth > 0) {
      depth -= 1;
      if (depth === 0) out[length++] = LINE_FEED;
    }
  }
  Object.assign(state, { depth, isInString, isEscaped, isInScalar, isInList });
  return out.subarray(0, length);
}

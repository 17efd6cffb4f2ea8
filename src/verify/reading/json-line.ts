/**
 * One line of JSON, taken apart without a loss: numbers keep their own digits. It knows RFC 8259, and the two
 * liberties that the manual allows: a comma behind the last value, and `NaN` and `Infinity` as numbers.
 */

/** What stands in the place of a value. */
export type Cell =
  | { readonly kind: "null" | "nested" }
  /** A string's letters; of a number, true or false what is written. */
  | { readonly kind: "text"; readonly text: string };

export const NULL_CELL: Cell = { kind: "null" };

/** The values of the outermost object by their names; undefined where the line is no object. */
type JsonRecord = ReadonlyMap<string, Cell>;

/** `null` is a record without values. Of a name that comes twice all cells are lost: it is in `twice`. */
export interface JsonLine {
  readonly record: JsonRecord;
  readonly twice: ReadonlySet<string>;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null|-?(?:nan|inf(?:inity)?)/iy;
/** No control characters. */
const LETTERS = String.raw`[^"\\\u0000-\u001f]*`;
const ESCAPE = String.raw`\\(?:["\\/bfnrt]|u[\da-fA-F]{4})`;
const STRING = new RegExp(`"${LETTERS}(?:${ESCAPE}${LETTERS})*"`, "y");
const SPACES = /[ \t\r]*/y;
const AROUND = /^[ \t\r\v\f]+|[ \t\r\v\f]+$/g;
/** Of lists and objects, as the manual says it. */
const MAX_DEPTH = 200;

class NoJson extends Error {}

export function scanJsonLine(line: string): JsonLine | undefined {
  const scanner = openScanner(line.replace(AROUND, ""));
  try {
    const found = scanner.record();
    scanner.end();
    return found;
  } catch (error) {
    if (error instanceof NoJson) return undefined;
    throw error;
  }
}

function openScanner(text: string): { record(): JsonLine; end(): void } {
  let at = 0;

  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const takes = (character: string): boolean => {
    match(SPACES);
    if (text[at] !== character) return false;
    at += 1;
    match(SPACES);
    return true;
  };
  const need = (character: string): void => {
    if (!takes(character)) throw new NoJson();
  };
  const string = (): string => {
    const quoted = match(STRING);
    if (quoted === undefined) throw new NoJson();
    const letters = quoted.includes("\\") ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
    // Half a surrogate pair is no text.
    if (!letters.isWellFormed()) throw new NoJson();
    return letters;
  };
  const members = (depth: number, each: (name: string, cell: Cell) => void): void => {
    if (depth >= MAX_DEPTH) throw new NoJson();
    need("{");
    for (let isFirst = true; !takes("}"); isFirst = false) {
      if (!isFirst) need(",");
      if (!isFirst && takes("}")) return;
      const name = string();
      need(":");
      each(name, value(depth + 1));
    }
  };
  const items = (depth: number): void => {
    if (depth >= MAX_DEPTH) throw new NoJson();
    need("[");
    for (let isFirst = true; !takes("]"); isFirst = false) {
      if (!isFirst) need(",");
      if (!isFirst && takes("]")) return;
      value(depth + 1);
    }
  };
  const value = (depth: number): Cell => {
    const first = text[at];
    if (first === '"') return { kind: "text", text: string() };
    if (first === "{" || first === "[") {
      if (first === "{") members(depth, () => {});
      else items(depth);
      return { kind: "nested" };
    }
    const word = match(WORD);
    if (word !== undefined) {
      // The words of JSON itself are in lower case.
      if (/^[tn]/i.test(word) && !/^nan$/i.test(word) && word !== word.toLowerCase()) throw new NoJson();
      return word === "null" ? NULL_CELL : { kind: "text", text: word };
    }
    const number = match(NUMBER);
    if (number === undefined) throw new NoJson();
    // An integer has no sign of zero.
    return { kind: "text", text: number === "-0" ? "0" : number };
  };

  return {
    record() {
      const record = new Map<string, Cell>();
      const twice = new Set<string>();
      if (text === "null") at = text.length;
      else
        members(0, (name, cell) => {
          if (record.has(name)) twice.add(name);
          record.set(name, cell);
        });
      return { record, twice };
    },
    end() {
      match(SPACES);
      if (at < text.length) throw new NoJson();
    },
  };
}

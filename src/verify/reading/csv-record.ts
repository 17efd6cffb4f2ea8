/**
 * One record of CSV, taken apart by RFC 4180: a quoted value may hold delimiters, line feeds and doubled
 * quotes; a quote inside of a value that does not begin with one is a letter. Spaces before and behind the
 * quotes do not count, and empty values behind the last column are passed over.
 */

import { type Cell, NULL_CELL } from "./json-line.ts";

/** Undefined where that is no record of so many values. Empty values are NULL, quoted or not. */
export function splitRecord(text: string, delimiter: string, count: number): readonly Cell[] | undefined {
  const cells: Cell[] = [];
  for (let at = 0; ; ) {
    const found = isQuoted(text, at, delimiter) ? quoted(text, at, delimiter) : bare(text, at, delimiter);
    if (found === undefined) return undefined;
    cells.push(found.value === "" ? NULL_CELL : { kind: "text", text: found.value });
    if (found.end >= text.length) break;
    at = found.end + delimiter.length;
  }
  while (cells.length > count && cells.at(-1) === NULL_CELL) cells.pop();
  return cells.length === count ? cells : undefined;
}

interface Found {
  readonly value: string;
  /** Where its delimiter stands, or the text ends. */
  readonly end: number;
}

/** One space alone may stand before a quote. */
function isQuoted(text: string, at: number, delimiter: string): boolean {
  return text[at] === '"' || (delimiter !== " " && text[at] === " " && text[at + 1] === '"');
}

function bare(text: string, at: number, delimiter: string): Found {
  const next = text.indexOf(delimiter, at);
  const end = next < 0 ? text.length : next;
  return { value: text.slice(at, end), end };
}

function quoted(text: string, start: number, delimiter: string): Found | undefined {
  let value = "";
  for (let at = text.indexOf('"', start) + 1; ; ) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return undefined;
    value += text.slice(at, quote);
    if (text[quote + 1] === '"') {
      value += '"';
      at = quote + 2;
      continue;
    }
    let end = quote + 1;
    if (delimiter !== " ") while (text[end] === " ") end += 1;
    return end === text.length || text.startsWith(delimiter, end) ? { value, end } : undefined;
  }
}

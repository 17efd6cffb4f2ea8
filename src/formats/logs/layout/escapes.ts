/** Escapes in values of logs: kept from the fast reader, which knows two of them, and taken back in SQL. */

import { type Sql, sql } from "../../../duckdb/sql.ts";
import type { Escapes } from "./layout.ts";

const LINE_FEED = 10;
const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;

/**
 * The bytes as the reader must see them. In quotes the reader takes away one of each pair of backslashes, and
 * the one before a quote; outside of quotes it takes them as they are. `quotes`: others are doubled, so that
 * `\x16` stays. The other ways: all are, so that the text stays as it was written.
 */
export function withKeptEscapes(bytes: Buffer, escapes: Escapes): Buffer {
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = bytes.indexOf(BACKSLASH); at >= 0; ) {
    const from = bytes.lastIndexOf(LINE_FEED, at) + 1;
    const end = bytes.indexOf(LINE_FEED, at);
    const to = end < 0 ? bytes.length : end;
    for (const { index, isEscape } of escapesIn(bytes, from, to)) {
      if (isEscape && escapes === "quotes") continue;
      parts.push(bytes.subarray(start, index), isEscape ? TWO_BACKSLASHES : ONE_BACKSLASH);
      start = index;
    }
    at = bytes.indexOf(BACKSLASH, to);
  }
  return parts.length === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(start)]);
}

const ONE_BACKSLASH = Buffer.of(BACKSLASH);
const TWO_BACKSLASHES = Buffer.of(BACKSLASH, BACKSLASH);

/** Where in a line's quoted texts backslashes stand, and whether each is one that the reader takes away. */
function* escapesIn(
  bytes: Buffer,
  from: number,
  to: number,
): Generator<{ readonly index: number; readonly isEscape: boolean }> {
  let isQuoted = false;
  for (let index = from; index < to; index += 1) {
    const byte = bytes[index];
    if (!isQuoted) isQuoted = byte === QUOTE && (index === from || bytes[index - 1] === SPACE);
    else if (byte === QUOTE) isQuoted = false;
    else if (byte === BACKSLASH) {
      const isEscape = bytes[index + 1] === BACKSLASH || bytes[index + 1] === QUOTE;
      yield { index, isEscape };
      if (isEscape) index += 1;
    }
  }
}

/** A quoted text without its escapes, where the reader has not taken them: `\"` and `\\`, no others. */
export function withoutQuoteEscapes(text: Sql): Sql {
  return sql`regexp_replace(${text}, ${String.raw`\\(["\\])`}, ${String.raw`\1`}, 'g')`;
}

/**
 * A value without its escapes. One that would hold control characters then, or bytes that are no UTF-8, stays
 * as it was logged.
 */
export function unescaped(text: Sql, escapes: Escapes): Sql {
  const backslash = "\\";
  switch (escapes) {
    case "quotes":
    case "none":
      return text;
    case "nginx":
      return sql`CASE WHEN contains(${text}, ${backslash})
        THEN coalesce(${printable(decodedHex(text))}, ${text}) ELSE ${text} END`;
    case "apache":
      return sql`CASE WHEN contains(${text}, ${backslash})
        THEN coalesce(${printable(decodedHex(hexOfLetters(text)))}, ${withoutQuoteEscapes(text)})
        ELSE ${text} END`;
    case "json":
      return sql`CASE WHEN contains(${text}, ${backslash})
        THEN coalesce(${printable(sql`TRY(CAST('"' || ${text} || '"' AS JSON) ->> '$')`)}, ${text})
        ELSE ${text} END`;
  }
}

/** `\xD0\xBF`, as DuckDB writes bytes too; NULL where they are no UTF-8. */
function decodedHex(text: Sql): Sql {
  return sql`TRY(decode(CAST(${text} AS BLOB)))`;
}

/** Pairs of backslashes go first: read from the left, a text can be cut into escapes in one way only. */
function hexOfLetters(text: Sql): Sql {
  const letters = [
    ["\\\\", "\\x5C"],
    ['\\"', "\\x22"],
    ["\\t", "\\x09"],
    ["\\n", "\\x0A"],
    ["\\r", "\\x0D"],
  ] as const;
  return letters.reduce((inner, [from, to]) => sql`replace(${inner}, ${from}, ${to})`, text);
}

function printable(text: Sql): Sql {
  return sql`nullif(regexp_extract(${text}, ${String.raw`^[^\x00-\x1F\x7F]*$`}), '')`;
}

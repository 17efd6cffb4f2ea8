/** Lines as a relation `(index, line)`: how every reader that is no reader of DuckDB's own sees a file. */

import { type Sql, sql } from "../duckdb/sql.ts";

/**
 * SELECT index (from 0), line: every line of a UTF-8 file, in order, without its line end. The file ends with
 * a line feed.
 */
export function linesOf(path: string): Sql {
  // rtrim costs more than all the rest: it is for those that need it.
  return sql`SELECT index, CASE WHEN ends_with(line, chr(13)) THEN rtrim(line, chr(13)) ELSE line END AS line
    FROM (${linesAsTheyAre(path)})`;
}

/**
 * The same with the carriage returns at the lines' ends. Trap: `unnest` in FROM, as a lateral join, does not
 * keep the order; in the select list it does.
 */
export function linesAsTheyAre(path: string): Sql {
  return sql`SELECT generate_subscripts(all_lines, 1) - 1 AS index, unnest(all_lines) AS line
    FROM (SELECT string_split(content[:-2], chr(10)) AS all_lines FROM read_text(${path}))`;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Whether a carriage return stands anywhere but at a line's end. CSV readers take it for an end of their own.
 */
export function hasLoneReturn(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(CARRIAGE_RETURN); at >= 0; at = bytes.indexOf(CARRIAGE_RETURN, at + 1)) {
    while (bytes[at + 1] === CARRIAGE_RETURN) at += 1;
    if (at + 1 < bytes.length && bytes[at + 1] !== LINE_FEED) return true;
  }
  return false;
}

/** U+FEFF, as some editors begin a file. */
export const BYTE_ORDER_MARK = "\ufeff";

/** The bytes for a reader that takes a mark for a part of the line; undefined where there is one. */
export function unlessMarked(bytes: Buffer): Buffer | undefined {
  return bytes.includes(BYTE_ORDER_MARK) ? undefined : bytes;
}

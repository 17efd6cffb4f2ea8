/**
 * Records of several lines in a file of lines: a record's own line feeds stand as U+001E. So that nothing is
 * lost, U+001E itself stands as U+001F `s`, and U+001F as U+001F `u`.
 */

import { raw, type Sql, sql } from "../duckdb/sql.ts";

const LINE_FEED = 10;
const STAND_IN = 0x1e;
const ESCAPE = 0x1f;

/** One line of a record of several, whose last byte is its line feed. */
export function withoutInnerFeeds(record: Uint8Array): Uint8Array {
  const line = record.includes(STAND_IN) || record.includes(ESCAPE) ? escaped(record) : Buffer.from(record);
  for (let at = line.indexOf(LINE_FEED); at < line.length - 1; at = line.indexOf(LINE_FEED, at + 1))
    line[at] = STAND_IN;
  return line;
}

function escaped(record: Uint8Array): Buffer {
  const text = Buffer.from(record).toString("latin1");
  const safe = text.replaceAll("\u001f", "\u001fu").replaceAll("\u001e", "\u001fs");
  return Buffer.from(safe, "latin1");
}

/** The record that such a line stands for. */
export function withInnerFeeds(line: string): string {
  return line.replaceAll("\u001e", "\n").replaceAll("\u001fs", "\u001e").replaceAll("\u001fu", "\u001f");
}

/** The same in SQL. */
export function innerFeedsOf(line: Sql): Sql {
  const [escape, standIn] = [raw(`chr(${ESCAPE})`), raw(`chr(${STAND_IN})`)];
  return sql`replace(replace(replace(${line}, ${standIn}, chr(10)), ${escape} || 's', ${standIn}),
    ${escape} || 'u', ${escape})`;
}

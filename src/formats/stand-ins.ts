/** Two bytes that a segment does not use stand for the line feeds and carriage returns within its records. */

import { raw, type Sql, sql } from "../duckdb/sql.ts";

/** The characters that stand for a quoted line feed and a quoted carriage return. */
export interface StandIns {
  readonly feed: string;
  readonly carriageReturn: string;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Bytes that no text needs. */
const STAND_INS = [0x1e, 0x1d, 0x1c, 0x1f, ...Array.from({ length: 8 }, (_, index) => index + 1)];

/**
 * Writes stand-ins into `bytes` for the line ends within the records; undefined where all bytes that could
 * stand in are in use, and nothing is changed.
 */
export function standIn(
  bytes: Uint8Array,
  records: readonly { readonly start: number; readonly end: number }[],
): StandIns | undefined {
  const [feed, carriageReturn] = STAND_INS.filter((byte) => !bytes.includes(byte));
  if (feed === undefined || carriageReturn === undefined) return undefined;
  for (const { start, end } of records) {
    let last = end - 1;
    while (bytes[last - 1] === CARRIAGE_RETURN) last -= 1;
    for (let at = start; at < last; at += 1) {
      if (bytes[at] === LINE_FEED) bytes[at] = feed;
      else if (bytes[at] === CARRIAGE_RETURN) bytes[at] = carriageReturn;
    }
  }
  return { feed: String.fromCharCode(feed), carriageReturn: String.fromCharCode(carriageReturn) };
}

/** The text that a line or value with stand-ins is. */
export function standInsReplaced(text: Sql, { feed, carriageReturn }: StandIns): Sql {
  const code = (character: string): Sql => raw(`chr(${character.charCodeAt(0)})`);
  return sql`replace(replace(${text}, ${code(feed)}, chr(10)), ${code(carriageReturn)}, chr(13))`;
}

/** The lines of a segment's bytes, found again: which of them are records, and their text. */

/** What the manual says of a format's lines. */
export interface LineRules {
  /** Bytes that a blank line is made of; undefined where every line is a record. */
  readonly blankBytes: ReadonlySet<number> | undefined;
  readonly dropsByteOrderMark: boolean;
  /** Bytes that are no UTF-8 are Latin-1, or make the line unfit. */
  readonly readsLatin1: boolean;
  /** Whether a carriage return may stand inside of a line. */
  readonly takesReturns: boolean;
}

export interface RecordLine {
  readonly start: number;
  /** Its place among all lines of the segment, from 0; blank ones count. */
  readonly number: number;
  readonly bytes: Buffer;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const MAX_BYTES = 1_048_576;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function* recordLines(bytes: Buffer, { blankBytes }: LineRules): Generator<RecordLine> {
  let number = 0;
  for (let start = 0; start < bytes.length; number += 1) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const line = bytes.subarray(start, feed < 0 ? bytes.length : feed);
    const isBlank = blankBytes !== undefined && line.every((byte) => blankBytes.has(byte));
    if (!isBlank) yield { start, number, bytes: line };
    start += line.length + 1;
  }
}

/** Without its end; undefined where the line can be no record, whatever stands in it. */
export function textOfLine({ bytes }: RecordLine, rules: LineRules): string | undefined {
  if (bytes.length >= MAX_BYTES) return undefined;
  let end = bytes.length;
  while (bytes[end - 1] === CARRIAGE_RETURN) end -= 1;
  const line = bytes.subarray(0, end);
  if (!rules.takesReturns && line.includes(CARRIAGE_RETURN)) return undefined;
  try {
    const text = decoder.decode(line);
    return rules.dropsByteOrderMark ? text.replace(/^\ufeff+/, "") : text;
  } catch {
    return rules.readsLatin1 ? line.toString("latin1") : undefined;
  }
}

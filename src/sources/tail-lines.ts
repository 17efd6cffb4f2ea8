/** From blocks of events to what stands in a segment: lines for the format, and their files beside them. */

import { closeSync, openSync, readSync } from "node:fs";
import { StreamkitError } from "../base/error.ts";
import type { Format } from "../formats/format.ts";
import { withoutInnerFeeds } from "../formats/inner-feeds.ts";
import type { TailBlock } from "../tail/follower.ts";
import { type FieldLines, hasFieldLines, lastFieldLine, NO_FIELDS, openFieldLines } from "./field-lines.ts";
import { type Header, headerOf } from "./header.ts";
import type { SourceContext } from "./source.ts";

export interface LinePart {
  /** As long as the block's bytes are there. */
  readonly bytes: Uint8Array;
  /** A line of CSV for each line. */
  readonly attributes: Uint8Array | undefined;
  /** In the file's own bytes; near it, where the segment's are others. */
  readonly originOffset: number;
}

export interface Lines {
  readonly parts: readonly LinePart[];
  events(): number;
  /** JSON of the file's header, where it has one: `headerFrom` reads it. */
  readonly header: string | undefined;
}

export interface TailLines {
  /** Whether records hold line feeds of their own. */
  readonly holdsInnerFeeds: boolean;
  of(block: TailBlock): Promise<Lines>;
}

interface Wanted {
  readonly multiline?: unknown;
  /** The column of the file's path. */
  readonly file?: string | undefined;
}

const LINE_FEED = 10;
const SPACE = 32;
const CARRIAGE_RETURN = 13;
const NUMBER_SIGN = 35;

/** Throws code `job` where events of several lines are no records of the format. */
export function tailLines({ multiline, file }: Wanted, context: SourceContext): TailLines {
  const { format, hasHeader, delimiter } = context;
  const attributesOf = (block: TailBlock, records: number): Uint8Array | undefined =>
    file === undefined ? undefined : repeated(csvText(block.path), records);
  const fieldLines = hasFieldLines(format) ? openFieldLines() : undefined;
  const isText = format.name === "lines" || format.name === "regex";
  if (multiline !== undefined && !isText && format.name !== "json")
    throw new StreamkitError(
      "job",
      `source ${context.name}: multiline: is for the formats lines, regex and json, found ${format.name}`,
    );
  return {
    holdsInnerFeeds: multiline !== undefined && isText,
    async of(block) {
      const header = hasHeader ? takeHeader(block, delimiter) : undefined;
      const start = header?.sizeBytes ?? 0;
      const bytes = block.ends === undefined ? block.bytes.subarray(start) : joined(block, isText);
      const originOffset = block.offset + start;
      const runs = file === undefined ? [run(0, bytes.length)] : fullRuns(bytes, format.blank);
      const before = fieldLines === undefined ? [] : [await fieldsBefore(block, fieldLines)];
      return {
        events: () => block.events,
        header: header?.memo,
        parts: [
          ...before.map((line) => ({
            bytes: Buffer.from(line, "latin1"),
            originOffset,
            attributes: attributesOf(block, 0),
          })),
          ...runs
            .filter(({ from, to }) => from < to)
            .map(({ from, to, isRecords }) => {
              const lines = bytes.subarray(from, to);
              return {
                bytes: lines,
                originOffset: originOffset + from,
                attributes: attributesOf(block, isRecords ? countFeeds(lines) : 0),
              };
            }),
        ],
      };
    },
  };
}

/** With its line feed, the line of fields that holds where the block begins; notes that at its end. */
async function fieldsBefore(block: TailBlock, fieldLines: FieldLines): Promise<string> {
  const isKnown = block.offset === 0 || block.memo !== undefined;
  const line = isKnown ? (block.memo ?? NO_FIELDS) : await fieldLines.before(block.path, block.offset);
  block.note(lastFieldLine(Buffer.from(block.bytes)) ?? line);
  return `${line}\n`;
}

/** Each event as one line. */
function joined({ bytes, ends }: TailBlock, isText: boolean): Uint8Array {
  const events = Array.from(ends ?? [], (end, index) => {
    const event = bytes.subarray(ends?.[index - 1] ?? 0, end);
    return isText ? withoutInnerFeeds(event) : withSpaces(event);
  });
  return Buffer.concat(events);
}

/** Line feeds between the tokens of JSON are white space. */
function withSpaces(event: Uint8Array): Uint8Array {
  const line = Uint8Array.from(event);
  for (let at = line.indexOf(LINE_FEED); at < line.length - 1; at = line.indexOf(LINE_FEED, at + 1))
    line[at] = SPACE;
  return line;
}

const FIRST_BYTES = 65_536;

/** What is noted of a header. Older versions noted the names alone. */
export function headerFrom(memo: string): Pick<Header, "names" | "delimiter"> {
  const noted = JSON.parse(memo) as readonly string[] | Pick<Header, "names" | "delimiter">;
  return "names" in noted ? noted : { names: noted };
}

function memoOf({ names, delimiter }: Header): string {
  return JSON.stringify({ names, delimiter });
}

/** The file's header, from the block or a note of it, and how much of the block that is. */
function takeHeader(block: TailBlock, delimiter: string | undefined): { memo: string; sizeBytes: number } {
  if (block.offset === 0) {
    const header = headerOf(block.bytes, delimiter, block.path);
    block.note(memoOf(header));
    return { memo: memoOf(header), sizeBytes: header.sizeBytes };
  }
  if (block.memo !== undefined) return { memo: block.memo, sizeBytes: 0 };
  // It was begun at its end.
  const descriptor = openSync(block.path, "r");
  try {
    const bytes = Buffer.alloc(FIRST_BYTES);
    const count = readSync(descriptor, bytes, 0, FIRST_BYTES, 0);
    const memo = memoOf(headerOf(bytes.subarray(0, count), delimiter, block.path));
    block.note(memo);
    return { memo, sizeBytes: 0 };
  } finally {
    closeSync(descriptor);
  }
}

/** Whole lines; attributes stand beside records alone. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly isRecords: boolean;
}

const run = (from: number, to: number, isRecords = true): Run => ({ from, to, isRecords });

/** Runs of lines between those that are blank to the format: nothing may stand beside them. */
function fullRuns(bytes: Uint8Array, blank: Format["blank"]): Run[] {
  if (blank === "record") return [run(0, bytes.length)];
  const runs: Run[] = [];
  let from = 0;
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LINE_FEED, start) + 1;
    if (isBlank(bytes, start, end - 1, blank)) {
      runs.push(run(from, start));
      if (blank === "comment" && lastFieldLine(Buffer.from(bytes.subarray(start, end))) !== undefined)
        runs.push(run(start, end, false));
      from = end;
    }
    start = end;
  }
  return [...runs, run(from, bytes.length)];
}

function isBlank(bytes: Uint8Array, start: number, end: number, blank: Format["blank"]): boolean {
  if (blank === "comment" && bytes[start] === NUMBER_SIGN) return true;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    const isSpace = byte === SPACE || byte === 9 || byte === 11 || byte === 12;
    if (byte !== CARRIAGE_RETURN && !(blank === "white space" && isSpace)) return false;
  }
  return true;
}

function countFeeds(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}

function csvText(text: string): Buffer {
  return Buffer.from(`"${text.replaceAll('"', '""').replaceAll("\n", "\\n")}"\n`);
}

function repeated(line: Buffer, times: number): Uint8Array {
  return Buffer.alloc(line.length * times, line);
}

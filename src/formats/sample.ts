/**
 * What is looked at to find the columns of a source: some of its lines, and not only the first ones. They are
 * put into files that any reader takes as a whole: UTF-8, one line end, no record that is surely broken.
 */

import { isUtf8 } from "node:buffer";
import { open, writeFile } from "node:fs/promises";
import { depthOfLine, holdsDeepLine, MAX_DEPTH } from "../base/depth.ts";
import { MAX_LINE_BYTES } from "./json.ts";
import { quotedRecords } from "./quoted-feeds.ts";
import { standIn } from "./stand-ins.ts";

export interface Sample {
  readonly parts: readonly SamplePart[];
  /** True where nothing that comes later could belong to it. */
  readonly isWhole: boolean;
}

/** Lines that have the header in common, where they have one. */
export interface SamplePart {
  /** Runs of whole lines; one that begins within a record of several lines begins with broken lines. */
  readonly spots: readonly Uint8Array[];
  readonly header?: readonly string[] | undefined;
  readonly delimiter?: string | undefined;
}

export const MAX_SAMPLE_BYTES = 2 * 1024 * 1024;

/** A large file is looked at in so many places: its start, its middle and its end. */
export const SPOTS = 3;
const LINE_FEED = 10;

/** Runs of whole lines between two offsets, of `spotBytes` each; of what is small, all. */
export async function spotsOf(
  path: string,
  { start, end, spotBytes }: { readonly start: number; readonly end: number; readonly spotBytes: number },
): Promise<Uint8Array[]> {
  const file = await open(path, "r");
  const read = async (from: number, count: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, from);
    return buffer.subarray(0, bytesRead);
  };
  try {
    if (end - start <= SPOTS * spotBytes) return [await read(start, end - start)];
    let first = await read(start, spotBytes);
    // One line may be as long.
    if (!first.includes(LINE_FEED)) first = await read(start, Math.min(end - start, 2 * MAX_LINE_BYTES));
    const middle = await read(Math.floor((start + end - spotBytes) / 2), spotBytes);
    const last = await read(end - spotBytes, spotBytes);
    return [
      first.subarray(0, first.lastIndexOf(LINE_FEED) + 1),
      middle.subarray(middle.indexOf(LINE_FEED) + 1, middle.lastIndexOf(LINE_FEED) + 1),
      last.subarray(last.indexOf(LINE_FEED) + 1),
    ].filter((spot) => spot.length > 0);
  } finally {
    await file.close();
  }
}

/** Writes a part's lines to `path`; false where they are all blank. */
export async function writeSample(part: SamplePart, path: string, format: string): Promise<boolean> {
  const texts = part.spots.map((spot) =>
    format === "csv" ? csvLines(spot, part) : plainLines(format === "logfmt" ? spot : shallowLines(spot)),
  );
  const text = texts.join("");
  if (text.trim() === "") return false;
  await writeFile(path, text);
  return true;
}

/** A line that no reader may see is a number: that is no record either. */
function shallowLines(spot: Uint8Array): Uint8Array {
  const bytes = Buffer.from(spot.buffer, spot.byteOffset, spot.length);
  if (!holdsDeepLine(bytes, "json")) return spot;
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const line = bytes.subarray(start, feed < 0 ? bytes.length : feed + 1);
    lines.push(depthOfLine(line, "json") > MAX_DEPTH ? Buffer.from("0\n") : line);
    start += line.length;
  }
  return Buffer.concat(lines);
}

function plainLines(spot: Uint8Array): string {
  const text = Buffer.from(spot).toString(isUtf8(spot) ? "utf8" : "latin1");
  // NULs before a line are the hole that a truncation left.
  const lines = text
    .replaceAll("\uFEFF", "")
    .replaceAll(/^\0+/gm, "")
    .replaceAll(/\r+\n/g, "\n")
    .replace(/\r+$/, "");
  return lines === "" || lines.endsWith("\n") ? lines : `${lines}\n`;
}

function csvLines(spot: Uint8Array, { header, delimiter = "," }: SamplePart): string {
  const bytes = Buffer.from(spot);
  const { records, broken } = quotedRecords(bytes, { delimiter, columnCount: header?.length }, true);
  standIn(bytes, records);
  let text = "";
  let start = 0;
  for (const line of [...broken, { start: bytes.length, end: bytes.length }]) {
    text += plainLines(bytes.subarray(start, line.start));
    start = line.end;
  }
  // A reader would take a carriage return for a line end of its own.
  return text.includes("\r") ? text.replaceAll(/^[^\n]*\r[^\n]*\n/gm, "") : text;
}

/** A segment whose CSV records span lines becomes one of a line a record, in a file of its own. */

import { readFile, writeFile } from "node:fs/promises";
import { type QuotedShape, quotedRecords } from "./quoted-feeds.ts";
import type { Segment } from "./read-segment.ts";
import { standIn } from "./stand-ins.ts";

const QUOTE = 34;

/**
 * The segment as it is where all records are lines, which costs a look for quotes; else a copy of it at
 * `path`. Each piece begins with a record and ends with one: none goes over two files.
 */
export async function joinedSegment(segment: Segment, shape: QuotedShape, path: string): Promise<Segment> {
  if (segment.spansLines !== true) return segment;
  const bytes = await readFile(segment.path);
  if (!bytes.includes(QUOTE)) return segment;
  const records = segment.pieces.flatMap(({ segmentOffset }, index) => {
    const end = segment.pieces[index + 1]?.segmentOffset ?? bytes.length;
    const found = quotedRecords(bytes.subarray(segmentOffset, end), shape, true).records;
    return found.map((record) => ({ start: record.start + segmentOffset, end: record.end + segmentOffset }));
  });
  const standIns = records.length === 0 ? undefined : standIn(bytes, records);
  if (standIns === undefined) return segment;
  await writeFile(path, bytes);
  return { ...segment, path, standIns };
}

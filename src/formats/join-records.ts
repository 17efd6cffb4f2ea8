/** A segment whose CSV records span lines becomes one of a line a record, in a file of its own. */

import { readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Shape } from "./format.ts";
import { quotedRecords } from "./quoted-feeds.ts";
import type { Segment } from "./segment.ts";
import { standIn } from "./stand-ins.ts";

const QUOTE = 34;

/**
 * The segment as it is where all records are lines, which costs a look for quotes; else a copy of it beside
 * it, named after `reader`: of one reader at a time. Each piece begins with a record and ends with one: none
 * goes over two files.
 */
export async function segmentOfRecords(
  segment: Segment,
  { columns, ...shape }: Shape,
  reader: string,
): Promise<Segment> {
  if (segment.spansLines !== true) return segment;
  const bytes = await readFile(segment.path);
  if (!bytes.includes(QUOTE)) return segment;
  const delimiter = segment.delimiter ?? shape.delimiter;
  const columnCount = segment.header?.length ?? columns.length;
  const records = segment.pieces.flatMap(({ segmentOffset }, index) => {
    const end = segment.pieces[index + 1]?.segmentOffset ?? bytes.length;
    const found = quotedRecords(bytes.subarray(segmentOffset, end), { delimiter, columnCount }, true).records;
    return found.map((record) => ({ start: record.start + segmentOffset, end: record.end + segmentOffset }));
  });
  const standIns = records.length === 0 ? undefined : standIn(bytes, records);
  if (standIns === undefined) return segment;
  const path = `${dirname(segment.path)}/${reader}.records`;
  await writeFile(path, bytes);
  return { ...segment, path, standIns };
}

/** A part of an unpacked content ends where a record ends, as a range of a plain file does. */

import { appendFile, readFile, truncate } from "node:fs/promises";
import { MAX_LINE_BYTES } from "../../formats/json.ts";
import type { QuotedShape } from "../../formats/quoted-feeds.ts";
import { cutOf } from "../record-cut.ts";
import type { ContentStream } from "./content-stream.ts";
import type { Part } from "./part.ts";

const QUOTE = 34;
const LINE_FEED = 10;

/**
 * The part without the record at its end that goes on behind it: that goes back into the stream; or with the
 * rest of it, where it is the only one. A part with holes in it stays as it is: its bytes are not those of
 * the content.
 */
export async function endedAtRecord(part: Part, stream: ContentStream, shape: QuotedShape): Promise<Part> {
  if (part.isLast) return part;
  const written = await readFile(part.path);
  if (!written.includes(QUOTE) || written.length !== part.to - part.from) return part;
  const following: Buffer[] = [];
  let seesEnd = false;
  for (let size = 0; size < MAX_LINE_BYTES && !seesEnd; size += following.at(-1)?.length ?? 0) {
    const bytes = await stream.pull();
    if (bytes === undefined) seesEnd = true;
    else following.push(bytes);
  }
  const bytes = Buffer.concat([written, ...following]);
  const end = cutOf(bytes, written.length, seesEnd, shape);
  stream.giveBack(bytes.subarray(Math.min(end, bytes.length)));
  const to = part.from + end;
  if (end <= written.length) {
    await truncate(part.path, end);
    return { ...part, to, sizeBytes: end };
  }
  const rest = bytes.subarray(written.length, end);
  const feed = rest.at(-1) === LINE_FEED ? Buffer.alloc(0) : Buffer.of(LINE_FEED);
  await appendFile(part.path, Buffer.concat([rest, feed]));
  return { ...part, to, sizeBytes: end + feed.length };
}

/** What a batch takes of a content that has to be unpacked first: whole lines, in a file of their own. */

import { closeSync, openSync, writeSync } from "node:fs";
import type { Fault } from "../../content/unpack.ts";
import { MAX_LINE_BYTES } from "../../formats/json.ts";
import type { SourceLetter } from "../../formats/segment.ts";
import type { Limit } from "../source.ts";
import type { ContentStream } from "./content-stream.ts";
import { type PieceWriter, pieceWriter } from "./piece-writer.ts";

export interface Part extends Pick<PieceWriter, "pieces" | "holes"> {
  readonly from: number;
  readonly to: number;
  readonly path: string;
  readonly sizeBytes: number;
  /** Whether nothing follows. */
  readonly isLast: boolean;
  /** What is wrong with the end, if this is the last part. */
  readonly fault: Fault | undefined;
  /** What can't be read of it. */
  readonly letters: readonly SourceLetter[];
}

export interface PartRequest {
  readonly origin: string;
  readonly limit: Limit;
  /** Where the part ends that is made once more. */
  readonly until: number | undefined;
}

const LINE_FEED = 10;

/** The next lines of the stream. What follows them stays in it. */
export async function writePart(stream: ContentStream, path: string, request: PartRequest): Promise<Part> {
  const from = stream.offset();
  const descriptor = openSync(path, "w");
  const writer = pieceWriter((bytes) => writeFully(descriptor, bytes), {
    origin: request.origin,
    offset: from,
  });
  try {
    const held = await writeLines(stream, writer, request, from);
    const to = stream.offset() - held.length;
    const next = held.length > 0 ? undefined : await stream.pull();
    if (next !== undefined) stream.giveBack(next);
    const isLast = next === undefined;
    const fault = isLast ? stream.fault() : undefined;
    const isWhole = fault === undefined || fault.is === "trailing";
    if (isLast && isWhole) writer.write(held);
    writer.end();
    return {
      from,
      to: isLast && isWhole ? stream.offset() : to,
      path,
      pieces: writer.pieces,
      holes: writer.holes,
      sizeBytes: writer.sizeBytes(),
      isLast,
      fault,
      letters: isWhole
        ? []
        : [{ origin: request.origin, offset: to, line: held.toString(), reason: fault.reason }],
    };
  } finally {
    closeSync(descriptor);
  }
}

/** Returns the half line at the content's end. */
async function writeLines(
  stream: ContentStream,
  writer: PieceWriter,
  { limit, until }: PartRequest,
  from: number,
): Promise<Buffer> {
  const maxBytes = until === undefined ? limit.maxBytes : until - from;
  let linesLeft = limit.maxLines;
  /** Of a line that is not over. */
  let held: Buffer[] = [];
  let heldBytes = 0;
  let takenBytes = 0;
  /** It is longer than any line may be: it goes to the writer, which knows what to do. */
  let isInLongLine = false;
  const take = (bytes: Buffer): void => {
    for (const part of held) writer.write(part);
    writer.write(bytes);
    takenBytes += heldBytes + bytes.length;
    held = [];
    heldBytes = 0;
  };
  for (;;) {
    const isFull = takenBytes >= maxBytes || linesLeft <= 0;
    if (isFull && !isInLongLine) break;
    const bytes = await stream.pull();
    if (bytes === undefined) return Buffer.concat(held);
    const room = maxBytes - takenBytes - heldBytes;
    const isTooMuch = bytes.length >= room;
    const isEnd = until !== undefined && isTooMuch;
    const cut = isEnd ? { end: room, lines: 0 } : linesIn(bytes, { room, maxLines: linesLeft });
    let { end } = cut;
    // A single line that is longer than the limit is taken all the same.
    if (end === 0 && (takenBytes === 0 || isInLongLine)) end = bytes.indexOf(LINE_FEED) + 1;
    if (end > 0) {
      take(bytes.subarray(0, end));
      isInLongLine = false;
      linesLeft -= Math.max(1, cut.lines);
      stream.giveBack(bytes.subarray(end));
      continue;
    }
    if (isInLongLine) {
      take(bytes);
      continue;
    }
    held.push(bytes);
    heldBytes += bytes.length;
    if (takenBytes > 0 && isTooMuch) break;
    if (heldBytes <= MAX_LINE_BYTES || takenBytes > 0) continue;
    take(Buffer.alloc(0));
    isInLongLine = true;
  }
  stream.giveBack(Buffer.concat(held));
  return Buffer.alloc(0);
}

/** Where the last line ends that there is room for, and how many lines that makes where they are counted. */
function linesIn(
  bytes: Buffer,
  { room, maxLines }: { readonly room: number; readonly maxLines: number },
): { readonly end: number; readonly lines: number } {
  if (room <= 0) return { end: 0, lines: 0 };
  const last = bytes.lastIndexOf(LINE_FEED, Math.min(bytes.length, room) - 1) + 1;
  if (maxLines === Number.POSITIVE_INFINITY) return { end: last, lines: 0 };
  let end = 0;
  let lines = 0;
  while (lines < maxLines && end < last) {
    end = bytes.indexOf(LINE_FEED, end) + 1;
    lines += 1;
  }
  return { end, lines };
}

function writeFully(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done);
}

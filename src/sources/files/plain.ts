/** Files of plain text: what a batch takes of one is told by where its lines end. */

import { open } from "node:fs/promises";
import { StreamkitError } from "../../base/error.ts";
import type { QuotedShape } from "../../formats/quoted-feeds.ts";
import { lastLineEnd, offsetAfterLines } from "../line-offsets.ts";
import { recordCut } from "../record-cut.ts";
import type { Limit } from "../source.ts";
import type { PieceWriter } from "./piece-writer.ts";

export interface PlainStep {
  readonly end: number;
  readonly hasMore: boolean;
}

export interface PlainFile {
  readonly size: number;
  readonly isAtRest: boolean;
  /** Where the next record begins: behind the header. */
  readonly start: number;
  /** Of records that may be of several lines. */
  readonly shape: QuotedShape | undefined;
}

export async function nextPlain(
  file: string,
  from: number,
  limit: Limit,
  { size, isAtRest, start, shape }: PlainFile,
): Promise<PlainStep> {
  if (size < from)
    throw new StreamkitError(
      "input",
      `"${file}" has ${size} bytes, but ${from} were read before: files at rest don't shrink`,
    );
  const wholeBytes = isAtRest ? size : (lastLineEnd(file, from, size) ?? from);
  const to = endOf(file, from, wholeBytes, limit);
  const isWhole = shape === undefined || (isAtRest && to === size);
  const end = isWhole
    ? to
    : Math.max(from, recordCut(file, { from: start, to, size: wholeBytes, isEnd: isAtRest }, shape));
  return { end, hasMore: size > end };
}

function endOf(file: string, from: number, end: number, { maxBytes, maxLines }: Limit): number {
  if (end === from) return from;
  if (end - from <= maxBytes) return offsetAfterLines(file, from, end, maxLines);
  const cut = lastLineEnd(file, from, from + maxBytes) ?? offsetAfterLines(file, from, end, 1);
  return offsetAfterLines(file, from, cut, maxLines);
}

const COPY_BYTES = 1_048_576;

/** Gives `[start, end)` of the file to the writer, and `flush` what that made of each block. */
export async function copyPlain(
  file: string,
  { start, end }: { readonly start: number; readonly end: number },
  writer: PieceWriter,
  flush: () => Promise<void>,
): Promise<void> {
  const input = await open(file, "r");
  try {
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    for (let offset = start; offset < end; ) {
      const { bytesRead } = await input.read(buffer, 0, Math.min(COPY_BYTES, end - offset), offset);
      if (bytesRead === 0)
        throw new StreamkitError("input", `"${file}" became shorter than ${end} bytes while it was read`);
      writer.write(buffer.subarray(0, bytesRead));
      await flush();
      offset += bytesRead;
    }
    writer.end();
    await flush();
  } finally {
    await input.close();
  }
}

/** The segment of a range of files: what they hold, one after the other, and where each line came from. */

import { type FileHandle, open, rm } from "node:fs/promises";
import { failpoint } from "../../base/failpoint.ts";
import type { RowSlice } from "../../formats/format.ts";
import type { Piece, Segment, SourceLetter } from "../../formats/segment.ts";
import type { FileRange } from "./contents.ts";
import { type Hole, pieceWriter } from "./piece-writer.ts";
import { copyPlain } from "./plain.ts";

/** One file's share of a range. */
export interface FileShare {
  /** NULs before its header, if the range begins with that. */
  readonly headerHoleBytes: number;
  readonly path: string;
  readonly origin: string;
  readonly range: FileRange;
  /** A line that stands before it in the segment. */
  readonly lead?: string | undefined;
}

export interface FilesSegment extends Omit<Segment, "header"> {
  /** What a person should be told of the files once the range is committed. */
  readonly remarks: readonly string[];
}

/** `target` is written where a single file's own part does not do. */
export async function writeSegment(shares: readonly FileShare[], target: string): Promise<FilesSegment> {
  const letters = shares.flatMap(({ range }): readonly SourceLetter[] =>
    range.is === "letter" ? [range.letter] : range.is === "coded" ? range.part.letters : [],
  );
  const remarks: string[] = [];
  const told = letters.length === 0 ? {} : { letters };
  await rm(target, { force: true });
  if (shares.some(({ range }) => range.is === "rows")) {
    const rows = shares.flatMap(({ range }) => (range.is === "rows" ? [range] : []));
    const slices: RowSlice[] = rows.map(({ slice }) => slice);
    return {
      path: target,
      sizeBytes: sumOf(rows.map(({ bytes }) => bytes)),
      pieces: [],
      slices,
      remarks,
      ...told,
    };
  }
  for (const { origin, range, headerHoleBytes } of shares) {
    if (headerHoleBytes > 0) remarks.push(holeRemark({ origin, offset: 0, sizeBytes: headerHoleBytes }));
    if (range.is !== "coded") continue;
    remarks.push(...range.part.holes.map(holeRemark));
    if (range.part.fault?.is === "trailing") remarks.push(`"${origin}": ${range.part.fault.reason}`);
  }
  const [only] = shares;
  if (shares.length === 1 && only?.range.is === "coded" && only.lead === undefined) {
    const { path, sizeBytes, pieces } = only.range.part;
    return { path, sizeBytes, pieces, remarks, ...told };
  }
  const output = await open(target, "w");
  try {
    const { pieces, sizeBytes } = await putTogether(shares, output, remarks);
    return { path: target, sizeBytes, pieces, remarks, ...told };
  } finally {
    await output.close();
  }
}

async function putTogether(
  shares: readonly FileShare[],
  output: FileHandle,
  remarks: string[],
): Promise<Pick<Segment, "pieces" | "sizeBytes">> {
  const pieces: Piece[] = [];
  let sizeBytes = 0;
  for (const { path, origin, range, lead } of shares) {
    if (range.is === "letter" || range.is === "rows") continue;
    if (lead !== undefined)
      sizeBytes += (await output.write(Buffer.from(`${lead}\n`, "latin1"))).bytesWritten;
    const waiting: Buffer[] = [];
    const flush = async (): Promise<void> => {
      for (const bytes of waiting.splice(0)) await output.write(bytes);
    };
    const offset = range.is === "plain" ? range.start : range.part.from;
    const writer = pieceWriter((bytes) => void waiting.push(bytes), { origin, offset }, sizeBytes);
    if (range.is === "plain") {
      await copyPlain(path, range, writer, flush);
      pieces.push(...writer.pieces);
      remarks.push(...writer.holes.map(holeRemark));
      sizeBytes += writer.sizeBytes();
    } else {
      const { part } = range;
      const whole = { start: 0, end: part.sizeBytes };
      await copyPlain(part.path, whole, writer, flush);
      const start = sizeBytes;
      pieces.push(...part.pieces.map((piece) => ({ ...piece, segmentOffset: start + piece.segmentOffset })));
      sizeBytes += part.sizeBytes;
    }
    failpoint("files-piece-copied");
  }
  return { pieces, sizeBytes };
}

function holeRemark({ origin, offset, sizeBytes }: Hole): string {
  const place = offset === 0 ? `at the start of "${origin}"` : `at byte ${offset} of "${origin}"`;
  return `${sizeBytes.toLocaleString("en-US")} NUL bytes skipped ${place}: a hole that a truncation left`;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

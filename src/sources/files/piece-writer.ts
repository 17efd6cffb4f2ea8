/**
 * Writes what stands in a file into a segment, so that no line of it can do harm: the NULs that a line begins
 * with are the hole that a truncation left under a writer that goes on at its old place, and are passed over;
 * what is too long for a line is cut. Everything else stays as it is, and each line's place in the file is
 * known.
 */

import { MAX_LINE_BYTES } from "../../formats/json.ts";
import type { Piece } from "../../formats/segment.ts";

/** NULs that were passed over. */
export interface Hole {
  readonly origin: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface PieceWriter {
  readonly pieces: readonly Piece[];
  readonly holes: readonly Hole[];
  /** Of what was written so far. */
  sizeBytes(): number;
  /** Bytes of the file, which follow those before; the first ones begin a line. */
  write(bytes: Buffer): void;
  /** Gives the last line its end. */
  end(): void;
}

const LINE_FEED = 10;
const FEED = Buffer.of(LINE_FEED);
/** A line of so many bytes is refused by every reader; what follows of it need not be kept. */
const KEPT_BYTES = MAX_LINE_BYTES;

/** `out` takes each piece of bytes at once; `segmentOffset` is where the first one comes to stand. */
export function pieceWriter(
  out: (bytes: Buffer) => void,
  { origin, offset: startOffset }: { readonly origin: string; readonly offset: number },
  segmentOffset = 0,
): PieceWriter {
  const pieces: Piece[] = [];
  const holes: Hole[] = [];
  let offset = startOffset;
  let written = segmentOffset;
  /** Of the line that is not over yet. */
  let lineBytes = 0;
  let isCut = false;
  /** What is written next does not follow what was. */
  let isApart = true;

  const put = (bytes: Buffer, at: number): void => {
    if (bytes.length === 0) return;
    if (isApart) pieces.push({ origin, originOffset: at, segmentOffset: written });
    isApart = false;
    out(bytes);
    written += bytes.length;
  };

  const passHole = (sizeBytes: number): void => {
    const last = holes.at(-1);
    if (last !== undefined && last.offset + last.sizeBytes === offset)
      holes[holes.length - 1] = { ...last, sizeBytes: last.sizeBytes + sizeBytes };
    else holes.push({ origin, offset, sizeBytes });
    isApart = true;
    offset += sizeBytes;
  };

  /** A run of bytes of one line; the last byte may be its line feed. */
  const putPart = (bytes: Buffer): void => {
    const isOver = bytes.at(-1) === LINE_FEED;
    const kept = Math.min(bytes.length, KEPT_BYTES - lineBytes);
    if (!isCut) put(bytes.subarray(0, kept), offset);
    isCut ||= kept < bytes.length - (isOver ? 1 : 0);
    if (isOver && (isCut || kept < bytes.length)) {
      put(FEED, offset + bytes.length - 1);
      isApart = true;
    }
    lineBytes = isOver ? 0 : Math.min(lineBytes + bytes.length, KEPT_BYTES);
    isCut &&= !isOver;
    offset += bytes.length;
  };

  const writeLines = (bytes: Buffer): void => {
    for (let start = 0; start < bytes.length; ) {
      const hole = lineBytes === 0 && !isCut ? nulsFrom(bytes, start) : 0;
      if (hole > 0) passHole(hole);
      start += hole;
      const feed = bytes.indexOf(LINE_FEED, start);
      const end = feed < 0 ? bytes.length : feed + 1;
      if (end > start) putPart(bytes.subarray(start, end));
      start = end;
    }
  };

  return {
    pieces,
    holes,
    sizeBytes: () => written - segmentOffset,
    write(bytes) {
      const first = bytes.indexOf(LINE_FEED);
      const isShort =
        lineBytes + (first < 0 ? bytes.length : first) < KEPT_BYTES && bytes.length <= KEPT_BYTES;
      if (isCut || !isShort || bytes.includes(0)) return writeLines(bytes);
      put(bytes, offset);
      offset += bytes.length;
      lineBytes = first < 0 ? lineBytes + bytes.length : bytes.length - bytes.lastIndexOf(LINE_FEED) - 1;
    },
    end() {
      if (lineBytes === 0) return;
      out(FEED);
      written += 1;
      lineBytes = 0;
    },
  };
}

const NULS = Buffer.alloc(65_536);

/** How many NULs there are from `start` on. */
function nulsFrom(bytes: Buffer, start: number): number {
  let end = start;
  while (
    end + NULS.length <= bytes.length &&
    bytes.compare(NULS, 0, NULS.length, end, end + NULS.length) === 0
  )
    end += NULS.length;
  while (bytes[end] === 0) end += 1;
  return end - start;
}

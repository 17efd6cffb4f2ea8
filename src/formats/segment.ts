/** A segment: a file of whole lines that a source has read for one batch. */

import type { Attributes } from "./attributes.ts";
import type { RowSlice } from "./format.ts";
import type { StandIns } from "./stand-ins.ts";

/**
 * A run of a segment's bytes and where it came from. Pieces are in order and start at a line's first byte.
 */
export interface Piece {
  /** A path, or `-` for the standard input. */
  readonly origin: string;
  readonly originOffset: number;
  readonly segmentOffset: number;
  /** Set by a source in partitions, for each of its pieces: none of their lines is blank. */
  readonly partition?: PartitionPiece;
}

interface PartitionPiece {
  readonly name: string;
  /** How many of the segment's lines are the piece's. */
  readonly lines: number;
  /** The offset of the record that a line of the piece is of; lines count from 0. */
  offsetOf(line: number): number;
}

/** A file of whole lines that a source has read for one batch; it belongs to the batch until the commit. */
export interface Segment {
  readonly path: string;
  readonly sizeBytes: number;
  readonly pieces: readonly Piece[];
  readonly header: readonly string[] | undefined;
  /** What separates CSV values, where the source knows it from a header. */
  readonly delimiter?: string | undefined;
  /** True where CSV records may go over several lines: no piece begins or ends within one. */
  readonly spansLines?: boolean | undefined;
  /** Where they do, each is a line, with these for its own line ends. */
  readonly standIns?: StandIns | undefined;
  /** True where a record's own line feeds stand as `inner-feeds.ts` writes them. */
  readonly holdsInnerFeeds?: boolean | undefined;
  /** Where lines may be longer than usual: see `Shape.maxLineBytes`. */
  readonly maxLineBytes?: number | undefined;
  readonly attributes?: Attributes | undefined;
  /** Why lines can't be records, by their numbers, where the source knows it better than the reader. */
  readonly reasons?: ReadonlyMap<number, string> | undefined;
  /** In the place of lines: rows that stand in files of their own, which the format reads. */
  readonly slices?: readonly RowSlice[] | undefined;
  /** What the source could not read, which is no line of the segment. */
  readonly letters?: readonly SourceLetter[] | undefined;
}

export interface SourceLetter {
  readonly origin: string;
  readonly offset: number;
  readonly line: string;
  readonly reason: string;
}

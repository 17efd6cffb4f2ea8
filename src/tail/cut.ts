/** What is cut off bytes that were read of a file. */

import type { LineEncoding } from "./encoding.ts";

export interface CutBounds {
  /** Of a line, and of an event of several; what is longer is cut. */
  readonly maxLineBytes: number;
  readonly encoding: LineEncoding;
}

export interface CutRequest {
  readonly raw: Buffer;
  readonly maxEvents: number;
  /** The bytes begin in the rest of a line that was cut. */
  readonly isInLongLine: boolean;
  /** More bytes follow now: they were left out for their number. */
  readonly hasMore: boolean;
  /** Nothing will follow for a while: an event of several lines is over. */
  readonly endsEvent: boolean;
  /** Nothing will follow: a line without a line feed is whole. */
  readonly endsLine: boolean;
}

export interface Cut {
  /** Of `raw`, so many bytes are done with. */
  readonly consumedBytes: number;
  /** As they were read; whole lines. */
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array | undefined;
  readonly isInLongLine: boolean;
  /** A line was cut off. */
  readonly isCut: boolean;
  /** It stopped at `maxEvents`: there may be more. */
  readonly isLimited: boolean;
}

/**
 * Bytes that may be packed, as what is in them, whatever packed them. One after the other: what is unpacked
 * may be packed again.
 */

import type { Chunks, Ending } from "./ending.ts";
import { gunzip } from "./gzip.ts";
import type { Packing } from "./signatures.ts";
import { unzstd } from "./zstd.ts";

const UNPACKERS: Readonly<Record<Packing, (chunks: Chunks) => AsyncGenerator<Buffer, Ending>>> = {
  gzip: gunzip,
  zstd: unzstd,
};

/**
 * What is packed, a chunk at a time, and how it ends. A chunk is the caller's until it asks for the next one.
 * What comes out of a chunk is given before the next one is asked for.
 */
export function unpacked(how: Packing, chunks: Chunks): AsyncGenerator<Buffer, Ending> {
  return UNPACKERS[how](chunks);
}

/** What is wrong with the end of what was packed. */
export interface Fault {
  /** `trailing`: all is there, and something follows that is none of it. */
  readonly is: "cut off" | "broken" | "trailing";
  /** A sentence about the file, without its name. */
  readonly reason: string;
}

export function faultOf(ending: Ending, how: Packing): Fault | undefined {
  switch (ending.is) {
    case "whole":
      return ending.hasTrailingBytes
        ? { is: "trailing", reason: `what follows its ${how} data is passed over` }
        : undefined;
    case "cut off":
      return { is: "cut off", reason: `its ${how} data is cut off: the end is missing` };
    case "broken":
      return ending;
  }
}

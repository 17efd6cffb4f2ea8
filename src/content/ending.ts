/** How packed bytes end. */

/**
 * `whole`: all that was packed was given; `trailingBytes` follow that are none of it. `cut off`: their end is
 * missing, so they are still being written, or were never written to their end. `broken`: they can't be
 * unpacked from some place on.
 */
export type Ending =
  | { readonly is: "whole"; readonly hasTrailingBytes: boolean }
  | { readonly is: "cut off" }
  | { readonly is: "broken"; readonly reason: string };

/** What gives bytes, a chunk at a time: a file, or a pipe. */
export type Chunks = AsyncIterable<Buffer> | Iterable<Buffer>;

/** Thrown inside of an unpacker, and never out of it. */
export class BadBytes extends Error {
  readonly ending: Ending;

  constructor(ending: Ending) {
    super(ending.is);
    this.ending = ending;
  }
}

export function broken(reason: string): BadBytes {
  return new BadBytes({ is: "broken", reason });
}

export function cutOff(): BadBytes {
  return new BadBytes({ is: "cut off" });
}

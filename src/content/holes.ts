/** Holes in a stream of bytes: NULs that a line begins with, which a truncation left under its writer. */

const LINE_FEED = 10;
const LINE_END_AND_NUL = Buffer.of(LINE_FEED, 0);

export interface Holes {
  /** What stands between the holes of a block, as parts of it, and how many NULs do not. */
  without(bytes: Buffer): { readonly texts: readonly Buffer[]; readonly passedBytes: number };
}

/** `isAtLineStart`: the first block begins with a line. */
export function openHoles(isAtLineStart: boolean): Holes {
  let isAtStart = isAtLineStart;
  return {
    without(bytes) {
      const texts: Buffer[] = [];
      let passedBytes = 0;
      for (let from = 0; from < bytes.length; ) {
        const start = isAtStart ? endOfNuls(bytes, from) : from;
        passedBytes += start - from;
        if (start === bytes.length) break;
        const hole = bytes.indexOf(LINE_END_AND_NUL, start);
        from = hole < 0 ? bytes.length : hole + 1;
        texts.push(bytes.subarray(start, from));
        isAtStart = bytes[from - 1] === LINE_FEED;
      }
      return { texts, passedBytes };
    },
  };
}

function endOfNuls(bytes: Buffer, from: number): number {
  let end = from;
  while (bytes[end] === 0) end += 1;
  return end;
}

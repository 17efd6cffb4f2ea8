/** Bytes to lines, with a bound on what one line may take. */

export interface LineSplitter {
  /** The lines that are complete now, without their ends. */
  push(bytes: Uint8Array): string[];
  /** The last line, where it has no end; undefined where there is none. */
  end(): string | undefined;
  /** Lines thrown away because they were longer than the bound. */
  readonly oversizedLines: number;
}

/** Lines beyond `maxLineChars` are thrown away and counted; the next one is read again. */
export function lineSplitter(maxLineChars: number): LineSplitter {
  const decoder = new TextDecoder();
  let tail = "";
  let isSkipping = false;
  let oversizedLines = 0;
  return {
    get oversizedLines() {
      return oversizedLines;
    },
    push(bytes) {
      // Only what is new is searched: a line may come in many pieces.
      const lines = decoder.decode(bytes, { stream: true }).split("\n");
      lines[0] = tail + (lines[0] ?? "");
      tail = lines.pop() ?? "";
      if (isSkipping && lines.length > 0) {
        lines.shift();
        isSkipping = false;
      }
      if (isSkipping) tail = "";
      if (tail.length > maxLineChars) {
        tail = "";
        isSkipping = true;
        oversizedLines += 1;
      }
      return lines;
    },
    end() {
      const last = isSkipping ? "" : tail + decoder.decode();
      tail = "";
      return last === "" ? undefined : last;
    },
  };
}

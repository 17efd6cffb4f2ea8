/** The lines of an answer that goes on, one after the other. */

export interface Lines {
  /** Undefined at the end. Spaces before a line are no part of it. */
  next(): Promise<string | undefined>;
  close(): Promise<void>;
}

export async function linesOf(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Lines> {
  const response = await fetch(url, { headers });
  const reader = (response.body ?? new Blob([]).stream()).pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  return {
    async next() {
      while (!rest.includes("\n")) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        rest += value;
      }
      const end = rest.indexOf("\n");
      const line = rest.slice(0, end).trimStart();
      rest = rest.slice(end + 1);
      return line;
    },
    close: () => reader.cancel(),
  };
}

/** The content of a file as a stream that knows where it is, and that takes back what was too much. */

import type { Layers } from "../../content/layers.ts";
import { readAhead } from "../../content/read-ahead.ts";
import type { Fault } from "../../content/unpack.ts";

export interface ContentStream {
  /** Of the next byte that `pull` gives. */
  offset(): number;
  /** The next bytes; undefined at the end. */
  pull(): Promise<Buffer | undefined>;
  /** The last bytes that were pulled, to be pulled again. */
  giveBack(bytes: Buffer): void;
  /** What is wrong with the end, once it was reached. */
  fault(): Fault | undefined;
  /** Goes to an offset at the start. Throws nothing where the content ends before. */
  skip(offset: number): Promise<void>;
  close(): Promise<void>;
}

/** How much is unpacked while a batch is executed. */
const AHEAD_BYTES = 8 * 1024 * 1024;

export function contentStream(layers: Layers): ContentStream {
  const chunks = readAhead(layers.content, AHEAD_BYTES);
  let givenBack: Buffer | undefined;
  let at = 0;
  let fault: Fault | undefined;
  const pull = async (): Promise<Buffer | undefined> => {
    if (givenBack !== undefined) {
      const bytes = givenBack;
      givenBack = undefined;
      at += bytes.length;
      return bytes;
    }
    const next = await chunks.next();
    if (next.done === true) {
      fault ??= next.value;
      return undefined;
    }
    at += next.value.length;
    return next.value;
  };
  const giveBack = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    givenBack = givenBack === undefined ? bytes : Buffer.concat([bytes, givenBack]);
    at -= bytes.length;
  };
  return {
    offset: () => at,
    pull,
    giveBack,
    fault: () => fault,
    async skip(offset) {
      for (;;) {
        if (at >= offset) return;
        const bytes = await pull();
        if (bytes === undefined) return;
        if (at > offset) giveBack(bytes.subarray(bytes.length - (at - offset)));
      }
    },
    async close() {
      await chunks.return(undefined);
      await layers.close();
    },
  };
}

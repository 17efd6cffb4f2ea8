/**
 * A stream of `node:zlib`, a piece at a time: all that comes out of a piece is given before the next one goes
 * in, so that whoever reads from a pipe gets a line as soon as its bytes are there. It keeps what one of the
 * stream's own buffers holds, however far the bytes unfold.
 */

import type { Transform } from "node:stream";

/** How much comes out at a time. */
export const UNPACKED_BYTES = 262_144;

export interface ZlibPump {
  /** Throws what the stream finds wrong. */
  feed(bytes: Buffer): AsyncGenerator<Buffer, void>;
  /** How many of the bytes it was fed were used: those behind the end of what was packed are not. */
  usedBytes(): number;
  close(): void;
}

export function zlibPump(stream: Transform & { readonly bytesWritten: number }): ZlibPump {
  let wake = (): void => {};
  let failure: Error | undefined;
  const news = (): void => wake();
  stream.on("readable", news);
  stream.on("end", news);
  stream.on("error", (error: Error) => {
    failure = error;
    wake();
  });
  return {
    async *feed(bytes) {
      let isTaken = false;
      stream.write(bytes, () => {
        isTaken = true;
        wake();
      });
      for (;;) {
        const out = stream.read() as Buffer | null;
        if (out !== null) {
          yield out;
          continue;
        }
        if (failure !== undefined) throw failure;
        if (isTaken) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    usedBytes: () => stream.bytesWritten,
    close: () => void stream.destroy(),
  };
}

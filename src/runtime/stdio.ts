/**
 * Writing to file descriptors the same way in Bun, Deno and Node: whole, in order, and honest about a closed
 * pipe.
 */

import { writeSync } from "node:fs";
import { StreamkitError } from "../base/error.ts";

export interface ByteOutput {
  /** True where a person looks at it. */
  readonly isTerminal: boolean;
  /** Of the terminal, in characters, as it is now. */
  readonly size?: () => { readonly columns: number; readonly rows: number };
  /**
   * Writes all bytes before it returns, waiting for a slow reader. Throws code `closed_pipe` when nobody
   * reads.
   */
  write(bytes: Uint8Array | string): void;
}

const PAUSE_MS = 1;

export function fdOutput(fd: number, isTerminal: boolean): ByteOutput {
  const pauseCell = new Int32Array(new SharedArrayBuffer(4));
  return {
    isTerminal,
    write(bytes) {
      const buffer = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
      let written = 0;
      while (written < buffer.length) {
        try {
          written += writeSync(fd, buffer, written, buffer.length - written);
        } catch (error) {
          const code = (error as NodeJS.ErrnoException).code;
          // A pipe somebody else set to non-blocking is full: wait for its reader.
          if (code === "EAGAIN") Atomics.wait(pauseCell, 0, 0, PAUSE_MS);
          else if (code === "EPIPE")
            throw new StreamkitError("closed_pipe", "The reader of our output went away", { cause: error });
          else
            throw new StreamkitError("io", `Cannot write to descriptor ${fd}: ${String(error)}`, {
              cause: error,
            });
        }
      }
    },
  };
}

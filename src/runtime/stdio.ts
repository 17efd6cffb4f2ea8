/**
 * Writing to file descriptors the same way in Bun, Deno and Node: whole, in order, and honest about a closed
 * pipe.
 */

import { fstatSync, write as writeLater, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isatty } from "node:tty";
import { promisify } from "node:util";
import { StreamkitError } from "../base/error.ts";

export interface ByteOutput {
  /** True where a person looks at it. */
  readonly isTerminal: boolean;
  /** Whether text may be bold: left out where it may not. */
  readonly isStyled?: boolean;
  /** Of the terminal, in characters, as it is now. */
  readonly size?: () => { readonly columns: number; readonly rows: number };
  /**
   * Writes all bytes before it returns, waiting for a slow reader. Throws code `closed_pipe` when nobody
   * reads.
   */
  write(bytes: Uint8Array | string): void;
  /**
   * The same, resolving when all is written: whoever waits for a slow reader still hears signals. Until then
   * the bytes stay as they are, and nothing else is written.
   */
  send(bytes: Uint8Array | string): Promise<void>;
}

/** Takes everything and keeps nothing. */
export const NO_OUTPUT: ByteOutput = { isTerminal: false, write: () => {}, send: async () => {} };

const PAUSE_MS = 1;

const writeSome = promisify(writeLater);

export function fdOutput(fd: number, isTerminal: boolean): ByteOutput {
  const pauseCell = new Int32Array(new SharedArrayBuffer(4));
  /** A disk and /dev/null are nobody to wait for. */
  let mayWait: boolean | undefined;

  const write = (bytes: Uint8Array | string): void => {
    const buffer = bytesOf(bytes);
    for (let written = 0; written < buffer.length; ) {
      try {
        written += writeSync(fd, buffer, written, buffer.length - written);
      } catch (error) {
        if (!isFull(error)) throw unwritten(fd, error);
        Atomics.wait(pauseCell, 0, 0, PAUSE_MS);
      }
    }
  };

  return {
    isTerminal,
    write,
    async send(bytes) {
      mayWait ??= isReadBySomebody(fd);
      if (!mayWait) return write(bytes);
      const buffer = bytesOf(bytes);
      for (let written = 0; written < buffer.length; ) {
        try {
          written += await writeSome(fd, buffer, written, buffer.length - written, null).then(
            ({ bytesWritten }) => bytesWritten,
          );
        } catch (error) {
          if (!isFull(error)) throw unwritten(fd, error);
          await sleep(PAUSE_MS);
        }
      }
    },
  };
}

/** All that comes on standard input, as UTF-8. Throws code `io`. */
export async function readStdinText(): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  } catch (cause) {
    throw new StreamkitError("io", `Cannot read stdin: ${String(cause)}`, { cause });
  }
  return Buffer.concat(chunks).toString("utf8");
}

function bytesOf(bytes: Uint8Array | string): Uint8Array {
  return typeof bytes === "string" ? Buffer.from(bytes) : bytes;
}

function isReadBySomebody(fd: number): boolean {
  return isPipe(fd) || isatty(fd);
}

/** Another program reads it: one that may write to our terminal too. */
export function isPipe(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isFIFO() || stats.isSocket();
  } catch {
    // Closed by whoever started us.
    return false;
  }
}

/** A pipe that somebody else set to non-blocking is full: it waits for its reader. */
function isFull(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "EAGAIN";
}

function unwritten(fd: number, cause: unknown): StreamkitError {
  if ((cause as NodeJS.ErrnoException).code === "EPIPE")
    return new StreamkitError("closed_pipe", "The reader of our output went away", { cause });
  return new StreamkitError("io", `Cannot write to descriptor ${fd}: ${String(cause)}`, { cause });
}

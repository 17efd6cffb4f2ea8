/**
 * Fingerprints: a hash of some of a file's bytes, by which its content is known again under another name or
 * inode. Files only grow, so the bytes of a fingerprint never change as long as the content is the same.
 */

import { createHash } from "node:crypto";
import { readSync } from "node:fs";

export interface Fingerprint {
  readonly lengthBytes: number;
  /** The first half of a SHA-256, in hexadecimal. */
  readonly hash: string;
}

/** How much of a file's first bytes is looked at, when it has so many. */
export const MAX_HEAD_BYTES = 1024;
/** How much of the bytes just before an offset. */
export const MAX_TAIL_BYTES = 256;

const HASH_DIGITS = 32;

export function fingerprintOf(bytes: Uint8Array): Fingerprint {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, HASH_DIGITS);
  return { lengthBytes: bytes.length, hash };
}

export const EMPTY_FINGERPRINT = fingerprintOf(new Uint8Array());

/** Whether `bytes` begin with what the fingerprint is of. */
export function beginsWith(bytes: Uint8Array, { lengthBytes, hash }: Fingerprint): boolean {
  if (bytes.length < lengthBytes) return false;
  return fingerprintOf(bytes.subarray(0, lengthBytes)).hash === hash;
}

/** The bytes of an open file in `[start, start + lengthBytes)`: fewer where it ends before. */
export function bytesAt(descriptor: number, start: number, lengthBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(lengthBytes);
  return buffer.subarray(0, readFully(descriptor, buffer, start));
}

/** Fills the buffer from `start` on, as far as the file goes. Returns how many bytes there were. */
export function readFully(descriptor: number, buffer: Uint8Array, start: number): number {
  let done = 0;
  while (done < buffer.length) {
    const count = readSync(descriptor, buffer, done, buffer.length - done, start + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

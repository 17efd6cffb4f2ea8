/** Files compressed with gzip: what is in them, and whether they hold what was read under another name. */

import { closeSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { beginsWith, bytesAt, type Fingerprint, fingerprintOf, MAX_HEAD_BYTES } from "./fingerprint.ts";

/** What every file of gzip begins with. */
export const GZIP_MAGIC: readonly number[] = [0x1f, 0x8b, 0x08];

/** Whether the first bytes, as far as they are there, are those of a compressed file. */
export function isGzip(firstBytes: Uint8Array): boolean {
  const known = GZIP_MAGIC.slice(0, firstBytes.length);
  return known.length > 0 && known.every((byte, index) => firstBytes[index] === byte);
}

/** How far some content was read. */
export interface Mark {
  readonly head: Fingerprint;
  readonly offset: number;
  readonly tail: Fingerprint;
}

export interface Inspection {
  /** False where the end is missing: it is still being written, or broken. */
  readonly isWhole: boolean;
  readonly lengthBytes: number;
  /** Those of the marks that the content agrees with. */
  readonly agrees: ReadonlySet<Mark>;
}

/** Reads an open compressed file once, and keeps nothing of it. Closes it. */
export async function inspectGzip(descriptor: number, marks: readonly Mark[]): Promise<Inspection> {
  const watch = markWatch(marks);
  try {
    for await (const chunk of gunzipped(descriptor)) watch.see(chunk);
  } catch {
    return { isWhole: false, lengthBytes: watch.lengthBytes(), agrees: new Set() };
  }
  return { isWhole: true, lengthBytes: watch.lengthBytes(), agrees: watch.agrees() };
}

const CHUNK_BYTES = 262_144;

/** The decompressed bytes of an open file, which is closed. Throws where the end is missing. */
export async function* gunzipped(descriptor: number): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const flow = pipeline(Readable.from(chunksOf(descriptor)), gunzip);
  // Told by the loop below too.
  flow.catch(() => {});
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
    await flow;
  } finally {
    gunzip.destroy();
    await flow.catch(() => {});
    closeSync(descriptor);
  }
}

/** A file that is open is the same one, whatever its path leads to meanwhile. */
function* chunksOf(descriptor: number): Generator<Buffer> {
  for (let offset = 0; ; ) {
    const chunk = bytesAt(descriptor, offset, CHUNK_BYTES);
    if (chunk.length === 0) return;
    yield chunk;
    offset += chunk.length;
  }
}

/** Looks at content that goes by, in order. */
function markWatch(marks: readonly Mark[]) {
  const head = Buffer.alloc(MAX_HEAD_BYTES);
  const tails = marks.map((mark) => ({ mark, bytes: Buffer.alloc(mark.tail.lengthBytes) }));
  let seen = 0;
  /** Copies what of `[start, start + into.length)` is in the chunk, which stands at `seen`. */
  const take = (chunk: Uint8Array, start: number, into: Buffer): void => {
    const from = Math.max(start, seen);
    const to = Math.min(start + into.length, seen + chunk.length);
    if (from < to) into.set(chunk.subarray(from - seen, to - seen), from - start);
  };
  return {
    see(chunk: Uint8Array): void {
      take(chunk, 0, head);
      for (const { mark, bytes } of tails) take(chunk, mark.offset - bytes.length, bytes);
      seen += chunk.length;
    },
    lengthBytes: () => seen,
    agrees: () =>
      new Set(
        tails
          .filter(({ mark, bytes }) => {
            const isThere = seen >= mark.offset && seen >= mark.head.lengthBytes;
            return isThere && beginsWith(head, mark.head) && fingerprintOf(bytes).hash === mark.tail.hash;
          })
          .map(({ mark }) => mark),
      ),
  };
}

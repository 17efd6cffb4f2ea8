/** Files compressed with gzip: what is in them, and whether they hold what was read under another name. */

import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { beginsWith, type Fingerprint, fingerprintOf, MAX_HEAD_BYTES } from "./fingerprint.ts";

const GZIP_MAGIC = [0x1f, 0x8b, 0x08];

export function isGzip(firstBytes: Uint8Array): boolean {
  return GZIP_MAGIC.every((byte, index) => firstBytes[index] === byte);
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

/** Reads a compressed file once, and keeps nothing of it. */
export async function inspectGzip(path: string, marks: readonly Mark[]): Promise<Inspection> {
  const watch = markWatch(marks);
  try {
    for await (const chunk of gunzipped(path)) watch.see(chunk);
  } catch {
    return { isWhole: false, lengthBytes: watch.lengthBytes(), agrees: new Set() };
  }
  return { isWhole: true, lengthBytes: watch.lengthBytes(), agrees: watch.agrees() };
}

/** Decompressed bytes. Throws where the end is missing. */
export async function* gunzipped(path: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 262_144 });
  const flow = pipeline(createReadStream(path, { highWaterMark: 262_144 }), gunzip);
  // Told by the loop below too.
  flow.catch(() => {});
  for await (const chunk of gunzip) yield chunk as Buffer;
  await flow;
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

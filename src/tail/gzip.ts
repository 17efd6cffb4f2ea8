/** Compressed files: what is in them, and whether they hold what was read under another name. */

import { closeSync } from "node:fs";
import { type Signature, signatureOf } from "../content/signatures.ts";
import { type Fault, faultOf, unpacked } from "../content/unpack.ts";
import { beginsWith, bytesAt, type Fingerprint, fingerprintOf, MAX_HEAD_BYTES } from "./fingerprint.ts";

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
export async function inspectPacked(descriptor: number, marks: readonly Mark[]): Promise<Inspection> {
  const watch = markWatch(marks);
  const content = unpackedFile(descriptor);
  for (;;) {
    const next = await content.next();
    if (next.done !== true) watch.see(next.value);
    else if (isBroken(next.value))
      return { isWhole: false, lengthBytes: watch.lengthBytes(), agrees: new Set() };
    else return { isWhole: true, lengthBytes: watch.lengthBytes(), agrees: watch.agrees() };
  }
}

/** Whether something of the content is missing. */
export function isBroken(fault: Fault | undefined): boolean {
  return fault !== undefined && fault.is !== "trailing";
}

const CHUNK_BYTES = 262_144;

/** The decompressed bytes of an open file, which is closed, and at their end what is wrong with it. */
export async function* unpackedFile(descriptor: number): AsyncGenerator<Buffer, Fault | undefined> {
  try {
    const signature: Signature = signatureOf(bytesAt(descriptor, 0, MAX_HEAD_BYTES));
    if (signature.is !== "packed") return { is: "broken", reason: "it is not compressed any more" };
    return faultOf(yield* unpacked(signature.how, chunksOf(descriptor)), signature.how);
  } finally {
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

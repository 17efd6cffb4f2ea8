/**
 * The body of a request, read within bounds: of its own bytes, also while it is inflated, of the bytes of all
 * bodies together, and of time.
 */

import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { createGunzip } from "node:zlib";
import { StreamkitError } from "../../base/error.ts";

/** What one body holds of the room that all have together. */
export interface Share {
  /** False where there is no room for so many more bytes. */
  grow(sizeBytes: number): boolean;
  /** Its bytes are gone. May be called again. */
  free(): void;
}

/** The room of all bodies together. */
export function sharedRoom(maxBytes: number): () => Share {
  let heldBytes = 0;
  return () => {
    let ownBytes = 0;
    return {
      grow(sizeBytes) {
        if (heldBytes + sizeBytes > maxBytes) return false;
        heldBytes += sizeBytes;
        ownBytes += sizeBytes;
        return true;
      },
      free() {
        heldBytes -= ownBytes;
        ownBytes = 0;
      },
    };
  };
}

/** Why there is no body. */
export type Fault = "too_large" | "no_room" | "stopped" | "broken" | "no_gzip";

export interface BodyOptions {
  readonly isGzip: boolean;
  /** Of the bytes that are sent, and of those that they are when inflated. */
  readonly maxBytes: number;
  readonly share: Share;
  /** Ends it where it stands. */
  readonly stop: AbortSignal;
}

/** All of it, or why not; then nothing of it is read any more. The bytes are counted to its share. */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  { isGzip, maxBytes, share, stop }: BodyOptions,
): Promise<Buffer | Fault> {
  if (body === null) return Buffer.alloc(0);
  const taken: Uint8Array[] = [];
  const take = async (source: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of limited(source, maxBytes)) {
      if (!share.grow(chunk.length)) throw refused("no_room");
      taken.push(chunk);
    }
  };
  try {
    const sent = limited(chunksOf(body, stop), maxBytes);
    // Inflated a piece at a time: a bomb is found out when it comes to the limit, not when it has gone off.
    if (isGzip) await pipeline(sent, createGunzip(), take);
    else await take(sent);
    return Buffer.concat(taken);
  } catch (error) {
    return faultOf(error);
  }
}

async function* limited(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of source) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw refused("too_large");
    yield chunk;
  }
}

/** What comes, until `stop`: a read that waits is not waited for. */
async function* chunksOf(body: ReadableStream<Uint8Array>, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  stopped.catch(() => {});
  const refuse = (): void => reject(refused("stopped"));
  if (stop.aborted) refuse();
  stop.addEventListener("abort", refuse, { once: true });
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), stopped]);
      if (done) return;
      yield value;
    }
  } finally {
    stop.removeEventListener("abort", refuse);
    void reader.cancel().catch(() => {});
  }
}

/** A fault on its way through a stream. */
function refused(fault: Fault): StreamkitError {
  return new StreamkitError("io", `The body is refused: ${fault}`, { cause: fault });
}

function faultOf(error: unknown): Fault {
  const { cause, code } = error as { readonly cause?: unknown; readonly code?: unknown };
  if (error instanceof StreamkitError) return cause as Fault;
  const isOfZlib = typeof code === "string" && code.startsWith("Z_");
  return isOfZlib ? "no_gzip" : "broken";
}

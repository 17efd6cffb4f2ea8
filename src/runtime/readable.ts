/**
 * Reading a pipe without being caught in it. A thread that is blocked in `read(2)` while its process comes to
 * an end takes bytes out of the pipe that nobody keeps; so it waits until there are some, for a while, and
 * reads only then.
 */

import { constants, fstatSync, openSync, readSync } from "node:fs";

export interface Readable {
  /** How many bytes came into the buffer: 0 at the end, undefined where none came for `waitMs`. */
  read(buffer: Uint8Array, waitMs: number): number | undefined;
}

/** True where there is something to read, or an end, or a fault that reading tells. */
type Waits = (waitMs: number) => boolean;

export async function readableOf(descriptor: number): Promise<Readable> {
  const poll = await pollOf(descriptor);
  if (poll !== undefined)
    return { read: (buffer, waitMs) => (poll(waitMs) ? readSome(descriptor, buffer) : undefined) };
  const unblocked = withoutBlocking(descriptor);
  return { read: (buffer, waitMs) => readSome(unblocked, buffer) ?? paused(waitMs) };
}

/** The layout of `struct pollfd` in poll.h: descriptor, requested events, returned events. */
const POLL_BYTES = 8;
const POLLIN = 1;

/** Only Bun can ask the system; where it can't, nobody is told: the other way is as right. */
async function pollOf(descriptor: number): Promise<Waits | undefined> {
  if (process.platform !== "linux" || process.versions["bun"] === undefined) return undefined;
  try {
    const { dlopen, FFIType, ptr } = await import("bun:ffi");
    const { i32, u64, ptr: pointer } = FFIType;
    const libc = dlopen("libc.so.6", { poll: { args: [pointer, u64, i32], returns: i32 } });
    const asked = new DataView(new ArrayBuffer(POLL_BYTES));
    asked.setInt32(0, descriptor, true);
    asked.setInt16(4, POLLIN, true);
    return (waitMs) => libc.symbols.poll(ptr(asked), 1, waitMs) > 0;
  } catch {
    return undefined;
  }
}

/**
 * The same pipe or terminal under a descriptor of our own, which never blocks; the one that we were given is
 * left as it is, since others have it too. A file never blocks, and a socket can't be opened again.
 */
function withoutBlocking(descriptor: number): number {
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFIFO() && !stats.isCharacterDevice()) return descriptor;
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return descriptor;
  }
}

const PAUSE_MS = 2;
const pauseCell = new Int32Array(new SharedArrayBuffer(4));

function paused(waitMs: number): undefined {
  Atomics.wait(pauseCell, 0, 0, Math.min(waitMs, PAUSE_MS));
}

/** Undefined where a descriptor that does not block has nothing. */
function readSome(descriptor: number, buffer: Uint8Array): number | undefined {
  try {
    return readSync(descriptor, buffer, 0, buffer.length, null);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EOF") return 0;
    if (code === "EAGAIN") return undefined;
    throw error;
  }
}

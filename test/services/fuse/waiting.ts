/** Requests that the disk takes its time for, while it serves others. */

import { dlopen, ptr } from "bun:ffi";
import type { Request } from "./wire.ts";

export interface WaitingRequest {
  readonly request: Request;
  readonly dueMs: number;
  /** The power is cut when it is due: it is not done. */
  readonly isCut: boolean;
}

export interface WaitingRequests {
  add(waiting: WaitingRequest): void;
  /** Waits until the kernel asks for something; a request that becomes due before that is taken out. */
  due(): WaitingRequest | undefined;
  /** All that are left, not due. */
  drop(): readonly WaitingRequest[];
}

const POLL_READABLE = 1;

export function waitingRequests(device: number, nowMs: () => number): WaitingRequests {
  const waiting: WaitingRequest[] = [];
  const libc = dlopen("libc.so.6", { poll: { args: ["ptr", "u64", "i32"], returns: "i32" } });
  const isAskedWithin = (timeoutMs: number): boolean => {
    const polled = Buffer.alloc(8);
    polled.writeInt32LE(device, 0);
    polled.writeInt16LE(POLL_READABLE, 4);
    return libc.symbols.poll(ptr(polled), 1, Math.ceil(timeoutMs)) > 0;
  };
  return {
    add(one) {
      // The body lies in a buffer that the next request overwrites.
      const request = { ...one.request, body: Buffer.from(one.request.body) };
      waiting.push({ ...one, request });
      waiting.sort((a, b) => a.dueMs - b.dueMs);
    },
    due() {
      const [next] = waiting;
      if (next === undefined) return undefined;
      const leftMs = next.dueMs - nowMs();
      return leftMs <= 0 || !isAskedWithin(leftMs) ? waiting.shift() : undefined;
    },
    drop: () => waiting.splice(0),
  };
}

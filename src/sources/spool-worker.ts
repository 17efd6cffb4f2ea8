/**
 * The thread that reads a descriptor into segment files, as fast as the system gives it. Bytes in, bytes out:
 * it looks at them only to find the last line feed. It stops reading while the current segment is full.
 */

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { failpoint } from "../base/failpoint.ts";
import { type SpoolControl, segmentPath, spoolControl } from "./spool-control.ts";

export interface SpoolOrder {
  readonly memory: SharedArrayBuffer;
  readonly descriptor: number;
  readonly folder: string;
  readonly maxSegmentBytes: number;
}

export interface SpoolMessage {
  /** Set when the descriptor can't be read any more for another reason than its end. */
  readonly failure?: string;
}

declare const self: { onmessage: ((event: { data: SpoolOrder }) => void) | null };
declare function postMessage(message: SpoolMessage): void;

const READ_BYTES = 262_144;
const LINE_FEED = 10;

self.onmessage = (event) => {
  const control = spoolControl(event.data.memory);
  try {
    spool(event.data, control);
  } catch (error) {
    postMessage({ failure: String(error) });
  }
};

function spool(order: SpoolOrder, control: SpoolControl): void {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let file = openSegment(order, control.segmentNumber());
  for (;;) {
    const count = readSome(order.descriptor, buffer);
    // Before a byte is written, there must be room: at most one read more than a full segment.
    for (;;) {
      const current = control.segmentNumber();
      if (control.size() < order.maxSegmentBytes) break;
      postMessage({});
      control.waitForNextSegment(current);
    }
    control.lock();
    try {
      if (control.segmentNumber() !== file.segmentNumber) {
        closeSync(file.descriptor);
        file = openSegment(order, control.segmentNumber());
      }
      if (count === 0) finish(file.descriptor, control);
      else append(file.descriptor, control, buffer.subarray(0, count));
    } finally {
      control.unlock();
    }
    if (count === 0 || control.announce()) postMessage({});
    if (count === 0) return;
  }
}

function openSegment(
  order: SpoolOrder,
  segmentNumber: number,
): { segmentNumber: number; descriptor: number } {
  return { segmentNumber, descriptor: openSync(segmentPath(order.folder, segmentNumber), "a") };
}

function append(descriptor: number, control: SpoolControl, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
  failpoint("spool-appended");
  const lastLineFeed = bytes.lastIndexOf(LINE_FEED);
  const wholeBytes = lastLineFeed < 0 ? control.wholeBytes() : control.size() + lastLineFeed + 1;
  control.append(control.size() + bytes.length, wholeBytes);
}

/** A last line without a line feed is a line all the same. */
function finish(descriptor: number, control: SpoolControl): void {
  if (control.size() > control.wholeBytes()) append(descriptor, control, Buffer.of(LINE_FEED));
  closeSync(descriptor);
  failpoint("spool-ended");
  control.end();
}

const PAUSE_MS = 2;
const pauseCell = new Int32Array(new SharedArrayBuffer(4));

/** 0 at the end. A descriptor that somebody set to non-blocking is asked again after a pause. */
function readSome(descriptor: number, buffer: Buffer): number {
  for (;;) {
    try {
      return readSync(descriptor, buffer, 0, buffer.length, null);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(pauseCell, 0, 0, PAUSE_MS);
    }
  }
}

/**
 * The thread that reads a descriptor into segment files, as fast as the system gives it. Bytes in, bytes out:
 * it looks at them only to find the last line feed, and unpacks what is compressed. It stops reading while
 * the current segment is full.
 */

import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { failpoint } from "../base/failpoint.ts";
import { isJsonDocument, mayBecomeJsonDocument } from "../content/json-values.ts";
import { openLayers } from "../content/layers.ts";
import { mayBecomeMore, SIGNATURE_BYTES, type Signature, signatureOf } from "../content/signatures.ts";
import { type SpoolControl, segmentPath, spoolControl } from "./spool-control.ts";

export interface SpoolOrder {
  readonly memory: SharedArrayBuffer;
  readonly descriptor: number;
  readonly folder: string;
  readonly maxSegmentBytes: number;
  /** Whether values of JSON are read. */
  readonly isJson: boolean;
}

export interface SpoolMessage {
  /** Why the descriptor can't be read any more, where that is not its end: a sentence without its subject. */
  readonly failure?: string;
  /** NULs that were passed over at the start. */
  readonly passedBytes?: number;
}

declare const self: { onmessage: ((event: { data: SpoolOrder }) => void) | null };
declare function postMessage(message: SpoolMessage): void;

const CAN_NOT = "can't be read to its end";
const READ_BYTES = 262_144;
const LINE_FEED = 10;

self.onmessage = (event) => {
  const control = spoolControl(event.data.memory);
  spool(event.data, control).catch((error: unknown) =>
    postMessage({ failure: `${CAN_NOT}: ${String(error)}` }),
  );
};

async function spool(order: SpoolOrder, control: SpoolControl): Promise<void> {
  const segments = openSegments(order, control);
  const input = chunksOf(order.descriptor);
  const first = firstBytes(input, order.isJson);
  const signature = signatureOf(first);
  const isDocument = order.isJson && isJsonDocument(first.toString("utf8"));
  if (signature.is === "text" && !isDocument) {
    let start = passNuls(first);
    if (start.length > 0) segments.append(start);
    for (const bytes of input) {
      start = segments.isEmpty() ? passNuls(bytes) : bytes;
      if (start.length > 0) segments.append(start);
    }
    return segments.finish();
  }
  const failure =
    strangenessOf(signature) ?? (await spoolLayers(joined(first, input), segments, order.isJson));
  if (failure === undefined) return segments.finish();
  segments.dropHalfLine();
  postMessage({ failure });
}

/** What is in packed or marked bytes. Returns what is wrong with them. */
async function spoolLayers(
  input: Iterable<Buffer>,
  segments: Segments,
  isJson: boolean,
): Promise<string | undefined> {
  const { inner, content } = await openLayers(input, { isJson });
  if (inner.is !== "text") return strangenessOf(inner);
  for (;;) {
    const next = await content.next();
    if (next.done === true)
      return next.value === undefined || next.value.is === "trailing"
        ? undefined
        : `${CAN_NOT}: ${next.value.reason}`;
    const bytes = segments.isEmpty() ? passNuls(next.value) : next.value;
    if (bytes.length > 0) segments.append(bytes);
  }
}

function strangenessOf(signature: Signature): string | undefined {
  if (signature.is === "foreign") return `is ${signature.what}, which is not read: ${signature.remedy}`;
  if (signature.is !== "parquet") return undefined;
  return "is a Parquet file, which can't be read from a pipe: name the file, with --in FILE";
}

/** NULs at the start are the hole that a truncation left in a file. */
function passNuls(bytes: Buffer): Buffer {
  if (bytes[0] !== 0) return bytes;
  const start = bytes.findIndex((byte) => byte !== 0);
  const passedBytes = start < 0 ? bytes.length : start;
  postMessage({ passedBytes });
  return bytes.subarray(passedBytes);
}

/** Enough to tell what it is, where it is nothing but text; a pipe may give a byte at a time. */
function firstBytes(input: Iterator<Buffer>, isJson: boolean): Buffer {
  let bytes: Buffer = Buffer.alloc(0);
  while (bytes.length < SIGNATURE_BYTES) {
    const next = input.next();
    if (next.done === true) break;
    bytes = Buffer.concat([bytes, next.value]);
    if (!mayBecomeMore(bytes) && !(isJson && mayBecomeJsonDocument(bytes.toString("utf8")))) break;
  }
  return bytes;
}

function* joined(first: Buffer, rest: Iterable<Buffer>): Generator<Buffer, void> {
  yield first;
  yield* rest;
}

/** Each is the caller's until it asks for the next one. */
function* chunksOf(descriptor: number): Generator<Buffer, void> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (;;) {
    const count = readSome(descriptor, buffer);
    if (count === 0) return;
    yield buffer.subarray(0, count);
  }
}

interface Segments {
  /** Blocks while the current segment is full. */
  append(bytes: Buffer): void;
  /** Whether nothing was appended yet. */
  isEmpty(): boolean;
  /** A last line without a line feed is a line all the same. */
  finish(): void;
  /** Where the end is missing, it is none. */
  dropHalfLine(): void;
}

function openSegments(order: SpoolOrder, control: SpoolControl): Segments {
  let file = openSegment(order, control.segmentNumber());
  let isEmpty = true;
  const withSegment = (action: (descriptor: number) => void): void => {
    control.lock();
    try {
      if (control.segmentNumber() !== file.segmentNumber) {
        closeSync(file.descriptor);
        file = openSegment(order, control.segmentNumber());
      }
      action(file.descriptor);
    } finally {
      control.unlock();
    }
  };
  return {
    append(bytes) {
      isEmpty = false;
      // Before a byte is written, there must be room: at most one read more than a full segment.
      for (;;) {
        const current = control.segmentNumber();
        if (control.size() < order.maxSegmentBytes) break;
        postMessage({});
        control.waitForNextSegment(current);
      }
      withSegment((descriptor) => append(descriptor, control, bytes));
      if (control.announce()) postMessage({});
    },
    isEmpty: () => isEmpty,
    finish() {
      withSegment((descriptor) => finish(descriptor, control));
      postMessage({});
    },
    dropHalfLine() {
      withSegment((descriptor) => {
        const whole = control.wholeBytes();
        if (control.size() > whole) ftruncateSync(descriptor, whole);
        control.append(whole, whole);
        closeSync(descriptor);
        control.end();
      });
    },
  };
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

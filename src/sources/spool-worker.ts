/**
 * The thread that reads a descriptor into segment files, as fast as the system gives it. Bytes in, bytes out:
 * it looks at them only to find the last line feed, and unpacks what is compressed.
 *
 * The pipe may outlive the process: what is taken out of it must not be lost. So it reads only while the
 * current segment has room, writes what it has read before it reads again, and is not killed in a read: asked
 * to stop, it says when it has.
 */

import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { failpoint } from "../base/failpoint.ts";
import { openHoles } from "../content/holes.ts";
import { isJsonDocument, mayBecomeJsonDocument } from "../content/json-values.ts";
import { openLayers } from "../content/layers.ts";
import { mayBecomeMore, SIGNATURE_BYTES, type Signature, signatureOf } from "../content/signatures.ts";
import { type Readable, readableOf } from "../runtime/readable.ts";
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
  /** NULs with which lines began, which were passed over. */
  readonly passedBytes?: number;
  /** Nothing is read or written any more. */
  readonly isDone?: true;
  /** It was stopped in the middle of bytes that are one whole, like packed ones. */
  readonly isCutOff?: true;
}

declare const self: { onmessage: ((event: { data: SpoolOrder }) => void) | null };
declare function postMessage(message: SpoolMessage): void;

const CAN_NOT = "can't be read to its end";
const READ_BYTES = 262_144;
const LINE_FEED = 10;

/** So long it waits for input or for room before it looks whether it is to stop. */
const WAIT_MS = 50;

self.onmessage = (event) => {
  const control = spoolControl(event.data.memory);
  spool(event.data, control)
    .catch((error: unknown) => {
      if (!(error instanceof Stopped)) postMessage({ failure: `${CAN_NOT}: ${String(error)}` });
    })
    .finally(() => postMessage({ isDone: true }));
};

/** Thrown where the next byte would be read, or room be waited for. */
class Stopped extends Error {}

async function spool(order: SpoolOrder, control: SpoolControl): Promise<void> {
  const segments = openSegments(order, control);
  const input = chunksOf(await readableOf(order.descriptor), order, control);
  // What goes on in a segment is what it was before: lines.
  const first = control.size() > 0 ? Buffer.alloc(0) : firstBytes(input, segments, order.isJson);
  const signature = signatureOf(first);
  const isDocument = order.isJson && isJsonDocument(first.toString("utf8"));
  if (signature.is === "text" && !isDocument) {
    const textsOf = holesTold(control.size() === control.wholeBytes());
    for (const bytes of joined(first, input)) for (const text of textsOf(bytes)) segments.append(text);
    return segments.finish();
  }
  const failure =
    strangenessOf(signature) ??
    (await spoolLayers(joined(first, input), segments, order.isJson).catch((error: unknown) => {
      if (error instanceof Stopped) postMessage({ isCutOff: true });
      throw error;
    }));
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
  const textsOf = holesTold(true);
  for (;;) {
    const next = await content.next();
    if (next.done === true)
      return next.value === undefined || next.value.is === "trailing"
        ? undefined
        : `${CAN_NOT}: ${next.value.reason}`;
    for (const text of textsOf(next.value)) segments.append(text);
  }
}

function strangenessOf(signature: Signature): string | undefined {
  if (signature.is === "foreign") return `is ${signature.what}, which is not read: ${signature.remedy}`;
  if (signature.is !== "parquet") return undefined;
  return "is a Parquet file, which can't be read from a pipe: name the file, with --in FILE";
}

/** The texts of a block without the holes, which are told. */
function holesTold(isAtLineStart: boolean): (bytes: Buffer) => readonly Buffer[] {
  const holes = openHoles(isAtLineStart);
  return (bytes) => {
    const { texts, passedBytes } = holes.without(bytes);
    if (passedBytes > 0) postMessage({ passedBytes });
    return texts;
  };
}

/**
 * Enough to tell what it is, where it is nothing but text; a pipe may give a byte at a time. Until that is
 * known, they stand in the segment as they are.
 */
function firstBytes(input: Iterator<Buffer>, segments: Segments, isJson: boolean): Buffer {
  let bytes: Buffer = Buffer.alloc(0);
  while (bytes.length < SIGNATURE_BYTES) {
    const next = input.next();
    if (next.done === true) break;
    segments.hold(next.value);
    bytes = Buffer.concat([bytes, next.value]);
    if (!mayBecomeMore(bytes) && !(isJson && mayBecomeJsonDocument(bytes.toString("utf8")))) break;
  }
  segments.dropHeld();
  return bytes;
}

function* joined(first: Buffer, rest: Iterable<Buffer>): Generator<Buffer, void> {
  yield first;
  yield* rest;
}

/** Each is the caller's until it asks for the next one. */
function* chunksOf(input: Readable, order: SpoolOrder, control: SpoolControl): Generator<Buffer, void> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (;;) {
    if (!waitForRoom(order, control) || control.isStopping()) throw new Stopped();
    const count = input.read(buffer, WAIT_MS);
    if (count === 0) return;
    if (count !== undefined) yield buffer.subarray(0, count);
  }
}

/** At most one read more than a full segment. False where it is to stop before there is room. */
function waitForRoom({ maxSegmentBytes }: SpoolOrder, control: SpoolControl): boolean {
  let isTold = false;
  for (;;) {
    const current = control.segmentNumber();
    if (control.size() < maxSegmentBytes) return true;
    if (control.isStopping()) return false;
    if (!isTold) postMessage({});
    isTold = true;
    control.waitForNextSegment(current, WAIT_MS);
  }
}

interface Segments {
  /** Blocks while the current segment is full, as it may be where few bytes unpack to many. */
  append(bytes: Buffer): void;
  /** Writes bytes of which it is not known yet whether they are lines, and takes them back. */
  hold(bytes: Buffer): void;
  dropHeld(): void;
  /** A last line without a line feed is a line all the same. */
  finish(): void;
  /** Where the end is missing, it is none. */
  dropHalfLine(): void;
}

function openSegments(order: SpoolOrder, control: SpoolControl): Segments {
  let file = openSegment(order, control.segmentNumber());
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
      if (!waitForRoom(order, control)) throw new Stopped();
      withSegment((descriptor) => append(descriptor, control, bytes));
      if (control.announce()) postMessage({});
    },
    hold: (bytes) => withSegment((descriptor) => writeFully(descriptor, bytes)),
    dropHeld: () => withSegment((descriptor) => ftruncateSync(descriptor, control.size())),
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

function writeFully(descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
}

function append(descriptor: number, control: SpoolControl, bytes: Uint8Array): void {
  writeFully(descriptor, bytes);
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

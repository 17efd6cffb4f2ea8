/**
 * The segment files of a spool: cut while they are being written, and found again after a crash. At every
 * moment of a cut each byte stands in exactly one segment, or it is known from a name which of two copies
 * counts.
 */

import { closeSync, openSync, readSync, renameSync, truncateSync, writeSync } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { failpoint } from "../base/failpoint.ts";
import { segmentPath } from "./spool-control.ts";

const LINE_FEED = 10;

/**
 * Moves what comes after the first `wholeBytes` of a segment to the next one. The tail is written, and then
 * waits under a name that says where it was cut off, until the segment is shortened.
 */
export function cutSegment(folder: string, segment: number, wholeBytes: number, sizeBytes: number): void {
  const path = segmentPath(folder, segment);
  const tail = Buffer.alloc(sizeBytes - wholeBytes);
  withFile(path, "r", (file) => readFully(file, tail, wholeBytes));
  const waiting = `${segmentPath(folder, segment + 1)}.after-${wholeBytes}`;
  const torn = `${waiting}.torn`;
  withFile(torn, "w", (file) => {
    const half = tail.length >> 1;
    writeFully(file, tail.subarray(0, half));
    failpoint("spool-tail-torn");
    writeFully(file, tail.subarray(half));
  });
  renameSync(torn, waiting);
  failpoint("spool-tail-written");
  finishCut(folder, segment, wholeBytes, waiting);
  failpoint("spool-cut");
}

/** A line longer than a segment has no end yet: it is given one, so that it is one broken line. */
export function endLine(folder: string, segment: number, sizeBytes: number): void {
  withFile(segmentPath(folder, segment), "r+", (file) => writeSync(file, "\n", sizeBytes));
}

/**
 * The numbers of the segments that a crash left: read, but not committed. Those before `firstSegment` were
 * committed and are removed. A last line without its end is a line all the same: its rest is lost with the
 * pipe.
 */
export async function leftoverSegments(folder: string, firstSegment: number): Promise<number[]> {
  const segments = await segmentsFrom(folder, firstSegment);
  for (const { number, sizeBytes } of segments) {
    const path = segmentPath(folder, number);
    if (sizeBytes === 0) await rm(path, { force: true });
    else closeLine(path, sizeBytes);
  }
  return segments.filter(({ sizeBytes }) => sizeBytes > 0).map(({ number }) => number);
}

/** A segment that is still written to. */
export interface OpenSegment {
  readonly number: number;
  readonly sizeBytes: number;
  /** Up to and with its last line feed. */
  readonly wholeBytes: number;
}

/**
 * The same where the stream goes on that was read before: the last segment is written on, and a line in it
 * that has no end yet gets its rest.
 */
export async function continuedSegments(
  folder: string,
  firstSegment: number,
): Promise<{ readonly sealed: number[]; readonly open: OpenSegment | undefined }> {
  const segments = await segmentsFrom(folder, firstSegment);
  const last = segments.pop();
  const sealed = segments.map(({ number }) => number);
  if (last === undefined) return { sealed, open: undefined };
  const bytes = await readFile(segmentPath(folder, last.number));
  return { sealed, open: { ...last, wholeBytes: bytes.lastIndexOf(LINE_FEED) + 1 } };
}

/**
 * The next segment is there before one is planned: so the last one is never planned, and a stream that goes
 * on may be written to it.
 */
export function makeSegment(folder: string, segment: number): void {
  withFile(segmentPath(folder, segment), "a", () => {});
}

/** Those that count, in order; what a crash left of a cut is finished, and what was committed removed. */
async function segmentsFrom(
  folder: string,
  firstSegment: number,
): Promise<{ readonly number: number; readonly sizeBytes: number }[]> {
  for (const name of (await readdir(folder)).toSorted()) {
    if (name.endsWith(".torn")) await rm(`${folder}/${name}`, { force: true });
    const match = /^(\d+)\.segment\.after-(\d+)$/.exec(name);
    if (match !== null) finishCut(folder, Number(match[1]) - 1, Number(match[2]), `${folder}/${name}`);
  }
  const segments = [];
  for (const name of (await readdir(folder)).toSorted()) {
    const number = Number(/^(\d+)\.segment$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(number)) continue;
    if (number < firstSegment) await rm(`${folder}/${name}`, { force: true });
    else segments.push({ number, sizeBytes: (await stat(`${folder}/${name}`)).size });
  }
  return segments;
}

/** May be repeated: a segment that is short already stays as it is. */
function finishCut(folder: string, segment: number, wholeBytes: number, waiting: string): void {
  truncateSync(segmentPath(folder, segment), wholeBytes);
  failpoint("spool-shortened");
  renameSync(waiting, segmentPath(folder, segment + 1));
}

function closeLine(path: string, sizeBytes: number): void {
  withFile(path, "r+", (file) => {
    const last = Buffer.alloc(1);
    readFully(file, last, sizeBytes - 1);
    if (last[0] !== LINE_FEED) writeSync(file, "\n", sizeBytes);
  });
}

function withFile(path: string, flags: string, action: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags);
  try {
    action(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readFully(descriptor: number, buffer: Buffer, position: number): void {
  for (let done = 0; done < buffer.length; ) {
    const count = readSync(descriptor, buffer, done, buffer.length - done, position + done);
    if (count === 0) throw new RangeError("A segment is shorter than was written to it");
    done += count;
  }
}

function writeFully(descriptor: number, buffer: Buffer): void {
  for (let done = 0; done < buffer.length; ) done += writeSync(descriptor, buffer, done);
}

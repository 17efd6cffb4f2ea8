/**
 * The segment files of a channel: found again at a start, with the torn end of the last one cut off. Only the
 * last can be torn: a segment is synced before the next begins.
 */

import { join } from "node:path";
import { StreamkitError } from "../../base/error.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { decodeBlock, headerReader } from "./record.ts";

export interface SegmentInfo {
  readonly number: number;
  /** Bytes of whole records. */
  sizeBytes: number;
  /** Nothing will be appended any more. */
  isSealed: boolean;
}

export function segmentFile(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(12, "0")}.blocks`);
}

export interface Found {
  readonly segments: SegmentInfo[];
  /** Bytes of a torn record that were cut off. Nobody was told that they are safe. */
  readonly cutBytes: number;
}

/** Segments before `first` were delivered; they are removed. */
export async function findSegments(folder: string, disk: Disk, first: number): Promise<Found> {
  const segments: SegmentInfo[] = [];
  for (const name of (await disk.names(folder)).toSorted()) {
    const number = Number(/^(\d{12})\.blocks$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(number)) continue;
    const path = segmentFile(folder, number);
    const sizeBytes = number < first ? 0 : await withFile(disk, path, (file) => file.sizeBytes());
    if (sizeBytes === 0) await disk.remove(path);
    else segments.push({ number, sizeBytes, isSealed: true });
  }
  const last = segments.at(-1);
  if (last === undefined) return { segments, cutBytes: 0 };
  const path = segmentFile(folder, last.number);
  const wholeBytes = await withFile(disk, path, async (file) => {
    const whole = await wholeRecords(file, last.sizeBytes);
    if (whole < last.sizeBytes) await file.truncate(whole);
    // What was read may not have been synced by the process before us.
    await file.sync();
    return whole;
  });
  const cutBytes = last.sizeBytes - wholeBytes;
  last.sizeBytes = wholeBytes;
  return { segments, cutBytes };
}

async function withFile<T>(disk: Disk, path: string, action: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path, "there");
  try {
    return await action(file);
  } finally {
    await file.close();
  }
}

/** The offset behind the last whole record. */
async function wholeRecords(file: DiskFile, sizeBytes: number): Promise<number> {
  const window = recordWindow(file);
  for (let offset = 0; ; ) {
    const { sizeBytes: size, tail } = await window(offset, sizeBytes, READ_BYTES);
    offset += size;
    if (tail !== "more") return offset;
  }
}

const READ_BYTES = 4 * 1024 * 1024;

export interface Window {
  readonly blocks: Extract<ReturnType<typeof decodeBlock>, { kind: "block" }>["block"][];
  /** Bytes of the records. */
  readonly sizeBytes: number;
  /** What follows: more records, nothing, or bytes that are no whole record. */
  readonly tail: "more" | "end" | "torn";
}

/** Reads the records of a file from an offset on. Their bytes stand in one buffer, which is used again. */
export function recordWindow(
  file: DiskFile,
): (offset: number, end: number, maxBytes: number) => Promise<Window> {
  let buffer = Buffer.alloc(0);
  const headersOf = headerReader();
  return async (offset, end, maxBytes) => {
    let wantedBytes = Math.min(maxBytes, end - offset);
    for (;;) {
      if (buffer.length < wantedBytes) buffer = Buffer.allocUnsafe(wantedBytes);
      const bytes = buffer.subarray(0, await file.read(buffer.subarray(0, wantedBytes), offset));
      const blocks: Window["blocks"] = [];
      let at = 0;
      while (at < bytes.length) {
        const record = decodeBlock(bytes.subarray(at), headersOf);
        if (record.kind === "torn") return { blocks, sizeBytes: at, tail: "torn" };
        if (record.kind === "block") {
          blocks.push(record.block);
          at += record.sizeBytes;
          continue;
        }
        const isBeyond = offset + at + record.sizeBytes > end || bytes.length < wantedBytes;
        if (isBeyond) return { blocks, sizeBytes: at, tail: "torn" };
        if (blocks.length > 0) return { blocks, sizeBytes: at, tail: "more" };
        wantedBytes = Math.max(record.sizeBytes, wantedBytes);
        break;
      }
      if (at >= bytes.length) return { blocks, sizeBytes: at, tail: offset + at < end ? "more" : "end" };
    }
  };
}

/** A sealed segment was whole when it was written. */
export function damaged(path: string, offset: number): StreamkitError {
  return new StreamkitError(
    "io",
    `"${path}" is damaged from byte ${offset} on, though it was written whole: the disk or somebody else ` +
      "changed it. Move the file away to go on with what comes after it",
    { component: "channel" },
  );
}

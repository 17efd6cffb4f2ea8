/**
 * The segment files of a channel: found again at a start, with the unfinished end of the last one cut off.
 * Only the last can have one: a segment is synced before the next begins. Other bytes that are no record were
 * changed after they were written: `damage.ts` sets them aside.
 */

import { join } from "node:path";
import { type DamagedPart, nextRecord, setAside } from "./damage.ts";
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
  /** Bytes of an unfinished record that were cut off. Nobody was told that they are safe. */
  readonly cutBytes: number;
  /** The last segment's end, where it was written whole and is none any more. */
  readonly damagedEnd: DamagedPart | undefined;
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
  if (last === undefined) return { segments, cutBytes: 0, damagedEnd: undefined };
  const path = segmentFile(folder, last.number);
  const { sizeBytes } = last;
  const { wholeBytes, isUnfinished } = await withFile(disk, path, async (file) => {
    const end = await endOfRecords(file, sizeBytes);
    if (!end.isUnfinished) await setAside(disk, { path, from: end.wholeBytes, to: sizeBytes });
    if (end.wholeBytes < sizeBytes) await file.truncate(end.wholeBytes);
    // What was read may not have been synced by the process before us.
    await file.sync();
    return end;
  });
  last.sizeBytes = wholeBytes;
  if (isUnfinished) return { segments, cutBytes: sizeBytes - wholeBytes, damagedEnd: undefined };
  return { segments, cutBytes: 0, damagedEnd: { path, from: wholeBytes, to: sizeBytes } };
}

async function withFile<T>(disk: Disk, path: string, action: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path, "there");
  try {
    return await action(file);
  } finally {
    await file.close();
  }
}

/**
 * The offset behind the last whole record; damaged ones before it count as what they were. Behind it stands
 * nothing, an unfinished record, or one that has all its bytes and the wrong checksum.
 */
async function endOfRecords(
  file: DiskFile,
  sizeBytes: number,
): Promise<{ wholeBytes: number; isUnfinished: boolean }> {
  const window = recordWindow(file);
  for (let offset = 0; ; ) {
    const { sizeBytes: size, tail } = await window(offset, sizeBytes, READ_BYTES);
    offset += size;
    if (tail === "more") continue;
    if (tail === "end") return { wholeBytes: offset, isUnfinished: true };
    // A damaged length may look like a record that the file ends in.
    const next = await nextRecord(file, offset, sizeBytes);
    if (next === undefined) return { wholeBytes: offset, isUnfinished: tail === "unfinished" };
    offset = next;
  }
}

const READ_BYTES = 4 * 1024 * 1024;

export interface Window {
  readonly blocks: Extract<ReturnType<typeof decodeBlock>, { kind: "block" }>["block"][];
  /** Bytes of the records. */
  readonly sizeBytes: number;
  /** What follows: more records, nothing, a record that the file ends in, or bytes that are no record. */
  readonly tail: "more" | "end" | "unfinished" | "damaged";
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
        if (record.kind === "damaged") return { blocks, sizeBytes: at, tail: "damaged" };
        if (record.kind === "block") {
          blocks.push(record.block);
          at += record.sizeBytes;
          continue;
        }
        const isBeyond = offset + at + record.sizeBytes > end || bytes.length < wantedBytes;
        if (isBeyond) return { blocks, sizeBytes: at, tail: "unfinished" };
        if (blocks.length > 0) return { blocks, sizeBytes: at, tail: "more" };
        wantedBytes = Math.max(record.sizeBytes, wantedBytes);
        break;
      }
      if (at >= bytes.length) return { blocks, sizeBytes: at, tail: offset + at < end ? "more" : "end" };
    }
  };
}

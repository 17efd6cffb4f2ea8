/** A file that is followed: where it is, how far it was read, and whether its content is still the same. */

import { closeSync, existsSync, fstatSync, openSync } from "node:fs";
import {
  beginsWith,
  bytesAt,
  EMPTY_FINGERPRINT,
  type Fingerprint,
  fingerprintOf,
  MAX_HEAD_BYTES,
} from "./fingerprint.ts";
import { type Listed, listedOf } from "./listing.ts";
import type { FilePosition } from "./position.ts";

export interface Tracked {
  path: string;
  /** Device and inode, as one. */
  readonly key: string;
  readonly device: string;
  readonly inode: string;
  born: string | undefined;
  head: Fingerprint;
  offset: number;
  tail: Fingerprint;
  /** What `tail` is of, once it was seen in this life. */
  tailBytes: Uint8Array | undefined;
  gzip: FilePosition["gzip"];
  isInLongLine: boolean;
  memo: string | undefined;
  isRotated: boolean;
  goneAtMs: number | undefined;
  wasReplaced: boolean;
  sizeBytes: number;
  modifiedAtMs: number;
  /** By the monotonic clock, when it was seen to have changed. */
  changedAtMs: number;
  /** Bytes after the offset that were seen and wait: for a line feed, or for the event's end. */
  heldBytes: number;
  /** Of those, so many wait for a line feed, however long the file rests. */
  restedBytes: number;
  descriptor: number | undefined;
  /** It is not said yet what must have been read before. */
  isHeld: boolean;
  /** What must have been read before. */
  waitsFor: readonly Wait[];
  /** False until its bytes were compared with what is known of them. */
  isVerified: boolean;
  /** It is there, but could not be opened: it is tried again with each look. */
  isUnreadable: boolean;
}

export interface Wait {
  readonly file: Tracked;
  readonly untilBytes: number;
}

export function trackedOf(listed: Listed, atMs: number): Tracked {
  const { path, key, device, inode, born, sizeBytes, modifiedAtMs } = listed;
  return {
    path,
    key,
    device,
    inode,
    born,
    head: EMPTY_FINGERPRINT,
    offset: 0,
    tail: EMPTY_FINGERPRINT,
    tailBytes: new Uint8Array(),
    gzip: undefined,
    isInLongLine: false,
    memo: undefined,
    isRotated: false,
    goneAtMs: undefined,
    wasReplaced: false,
    sizeBytes,
    modifiedAtMs,
    changedAtMs: atMs,
    heldBytes: 0,
    restedBytes: 0,
    descriptor: undefined,
    isHeld: false,
    waitsFor: [],
    isVerified: true,
    isUnreadable: false,
  };
}

/** As it was when its position was kept; nothing is known of what became of it since. */
export function restored(position: FilePosition, atMs: number): Tracked {
  const { path, device, inode, born, goneAtMs, ...rest } = position;
  const key = `${device}:${inode}`;
  const times = { modifiedAtMs: 0, changedAtMs: 0 };
  const listed = { path, key, device, inode, born, sizeBytes: position.offset, ...times };
  return {
    ...trackedOf(listed, atMs),
    ...continued(position),
    gzip: rest.gzip,
    isRotated: rest.isRotated === true,
    goneAtMs,
    wasReplaced: rest.wasReplaced === true,
    isVerified: false,
  };
}

export function positionOf(file: Tracked): FilePosition {
  const { path, device, inode, born, head, offset, tail, gzip, goneAtMs } = file;
  return {
    path,
    device,
    inode,
    ...(born === undefined ? {} : { born }),
    head,
    offset,
    tail,
    ...(gzip === undefined ? {} : { gzip }),
    ...(file.memo === undefined ? {} : { memo: file.memo }),
    ...(file.isInLongLine ? { isInLongLine: true } : {}),
    ...(file.isRotated ? { isRotated: true } : {}),
    ...(goneAtMs === undefined ? {} : { goneAtMs }),
    ...(file.wasReplaced ? { wasReplaced: true } : {}),
  };
}

type Content = Pick<Tracked, "head" | "offset" | "tail" | "tailBytes" | "isInLongLine" | "memo">;

/** What a file with the same content goes on with. */
export function continued(from: Pick<FilePosition, keyof Content & keyof FilePosition>): Content {
  const { head, offset, tail, isInLongLine, memo } = from;
  return { head, offset, tail, tailBytes: undefined, isInLongLine: isInLongLine === true, memo };
}

/** An open descriptor of the file itself; undefined where its path leads to another one by now. */
export function descriptorOf(file: Tracked, path = file.path): number | undefined {
  if (file.descriptor !== undefined) return file.descriptor;
  const descriptor = openReading(path);
  file.isUnreadable = descriptor === undefined && existsSync(path);
  if (descriptor === undefined) return undefined;
  const found = listedOf(path, fstatSync(descriptor, { bigint: true }));
  if (found.key !== file.key || isAnotherBirth(file.born, found.born)) {
    closeSync(descriptor);
    return undefined;
  }
  file.descriptor = descriptor;
  return descriptor;
}

/** What the system says of a file that is open, wherever it is. */
export function refresh(file: Tracked): void {
  if (file.descriptor === undefined) return;
  const { sizeBytes, modifiedAtMs } = listedOf(file.path, fstatSync(file.descriptor, { bigint: true }));
  file.sizeBytes = sizeBytes;
  file.modifiedAtMs = modifiedAtMs;
}

export function openReading(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch {
    return undefined;
  }
}

export function release(file: Tracked): void {
  if (file.descriptor !== undefined) closeSync(file.descriptor);
  file.descriptor = undefined;
}

export function isAnotherBirth(was: string | undefined, is: string | undefined): boolean {
  return was !== undefined && is !== undefined && was !== is;
}

/**
 * Whether the open file still has the content that was read. Looks at its first bytes, of which more become
 * known as the file grows, and at those before the offset.
 */
export function hasSameContent(file: Tracked, descriptor: number): boolean {
  const first = bytesAt(descriptor, 0, MAX_HEAD_BYTES);
  if (file.gzip !== undefined) return beginsWith(first, file.gzip.head);
  if (!beginsWith(first, file.head)) return false;
  const tail = bytesAt(descriptor, file.offset - file.tail.lengthBytes, file.tail.lengthBytes);
  if (fingerprintOf(tail).hash !== file.tail.hash) return false;
  if (first.length > file.head.lengthBytes) file.head = fingerprintOf(first);
  file.tailBytes = tail;
  file.isVerified = true;
  return true;
}

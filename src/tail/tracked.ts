/** A file that is followed: where it is, how far it was read, and whether its content is still the same. */

import { closeSync, fstatSync, openSync } from "node:fs";
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
  /** Counts the contents that the file has had. */
  generation: number;
}

export interface Wait {
  readonly file: Tracked;
  readonly generation: number;
  readonly untilBytes: number;
}

export function keyOf({ device, inode }: Pick<Listed, "device" | "inode">): string {
  return `${device}:${inode}`;
}

export function trackedOf(listed: Listed, atMs: number): Tracked {
  const { path, device, inode, born, sizeBytes, modifiedAtMs } = listed;
  return {
    path,
    device,
    inode,
    born,
    head: EMPTY_FINGERPRINT,
    offset: 0,
    tail: EMPTY_FINGERPRINT,
    tailBytes: new Uint8Array(),
    gzip: undefined,
    isInLongLine: false,
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
    generation: 0,
  };
}

/** As it was when its position was kept; nothing is known of what became of it since. */
export function restored(position: FilePosition, atMs: number): Tracked {
  const { path, device, inode, born, goneAtMs, ...rest } = position;
  const listed = { path, device, inode, born, sizeBytes: position.offset, modifiedAtMs: 0, changedAtMs: 0 };
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
    ...(file.isInLongLine ? { isInLongLine: true } : {}),
    ...(file.isRotated ? { isRotated: true } : {}),
    ...(goneAtMs === undefined ? {} : { goneAtMs }),
    ...(file.wasReplaced ? { wasReplaced: true } : {}),
  };
}

type Content = Pick<Tracked, "head" | "offset" | "tail" | "tailBytes" | "isInLongLine">;

/** What a file with the same content goes on with. */
export function continued(from: Pick<FilePosition, "head" | "offset" | "tail" | "isInLongLine">): Content {
  const { head, offset, tail, isInLongLine } = from;
  return { head, offset, tail, tailBytes: undefined, isInLongLine: isInLongLine === true };
}

/** Makes it a file of which nothing was read. Returns what it was, as a file that is gone. */
export function replace(file: Tracked, born: string | undefined, atMs: number, nowMs: number): Tracked {
  const was: Tracked = { ...file, descriptor: undefined, goneAtMs: nowMs, wasReplaced: true, heldBytes: 0 };
  file.generation += 1;
  Object.assign(file, {
    head: EMPTY_FINGERPRINT,
    offset: 0,
    tail: EMPTY_FINGERPRINT,
    tailBytes: new Uint8Array(),
    gzip: undefined,
    isInLongLine: false,
    isRotated: false,
    heldBytes: 0,
    born,
    changedAtMs: atMs,
    waitsFor: [],
    isVerified: true,
  });
  return was;
}

/** An open descriptor of the file itself; undefined where its path leads to another one by now. */
export function descriptorOf(file: Tracked): number | undefined {
  if (file.descriptor !== undefined) return file.descriptor;
  const descriptor = openReading(file.path);
  if (descriptor === undefined) return undefined;
  const found = listedOf(file.path, fstatSync(descriptor, { bigint: true }));
  if (keyOf(found) !== keyOf(file) || isAnotherBirth(file.born, found.born)) {
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

/**
 * Content whose file is gone or was truncated: how far it was read is kept for a while, as a copy of it or a
 * compressed one may turn up.
 */

import { beginsWith, bytesAt, type Fingerprint, fingerprintOf, MAX_HEAD_BYTES } from "./fingerprint.ts";
import type { Listed } from "./listing.ts";
import { isRotatedName } from "./names.ts";
import { descriptorOf, hasSameContent, isAnotherBirth, release, type Tracked } from "./tracked.ts";

/** Logrotate compresses a day later with `delaycompress`. */
const KEPT_MS = 48 * 3_600_000;
const MAX_KEPT = 10_000;

export interface RemovedFiles {
  add(file: Tracked): void;
  remove(file: Tracked): void;
  /** In the order in which they went. */
  readonly all: readonly Tracked[];
  /** Forgets what went too long ago. */
  expire(nowMs: number): void;
  /**
   * The file itself, where it is back: renamed while we looked, it was under neither name. Its content is
   * compared; it is not gone any more.
   */
  returned(listed: Listed): Tracked | undefined;
  /** Whose copy the open file is, as far as it was read; the one with the nearest name, then the longest. */
  copiedTo(listed: Listed, descriptor: number): Tracked | undefined;
}

export function openRemovedFiles(): RemovedFiles {
  let all: Tracked[] = [];
  return {
    get all() {
      return all;
    },
    add(file) {
      if (file.descriptor === undefined && !isWorthKeeping(file)) return;
      all.push(file);
      if (all.length > MAX_KEPT)
        all.splice(
          all.findIndex(({ descriptor }) => descriptor === undefined),
          1,
        );
    },
    remove(file) {
      all = all.filter((other) => other !== file);
    },
    expire(nowMs) {
      const isKept = (file: Tracked): boolean =>
        file.descriptor !== undefined || (isWorthKeeping(file) && nowMs - (file.goneAtMs ?? nowMs) < KEPT_MS);
      if (!all.every(isKept)) all = all.filter(isKept);
    },
    returned(listed) {
      const file = all.find(
        ({ key, wasReplaced, born }) =>
          key === listed.key && !wasReplaced && !isAnotherBirth(born, listed.born),
      );
      if (file === undefined) return undefined;
      const wasOpen = file.descriptor !== undefined;
      const descriptor = descriptorOf(file, listed.path);
      const isSame = descriptor !== undefined && hasSameContent(file, descriptor);
      if (!wasOpen) release(file);
      if (!isSame) return undefined;
      all = all.filter((other) => other !== file);
      const { path, sizeBytes, modifiedAtMs } = listed;
      return Object.assign(file, { goneAtMs: undefined, path, sizeBytes, modifiedAtMs });
    },
    copiedTo(listed, descriptor) {
      const candidates = all.filter((file) => file.gzip === undefined && mayBeCopyOf(listed, file));
      if (candidates.length === 0) return undefined;
      const first = bytesAt(descriptor, 0, MAX_HEAD_BYTES);
      const hashes = new Map<number, string>();
      const hasHead = ({ lengthBytes, hash }: Fingerprint): boolean => {
        if (lengthBytes > first.length) return false;
        const known = hashes.get(lengthBytes) ?? fingerprintOf(first.subarray(0, lengthBytes)).hash;
        hashes.set(lengthBytes, known);
        return known === hash;
      };
      const copied = candidates.filter(
        ({ head, offset, tail }) =>
          listed.sizeBytes >= offset &&
          hasHead(head) &&
          beginsWith(bytesAt(descriptor, offset - tail.lengthBytes, tail.lengthBytes), tail),
      );
      return nearest(listed.path, copied);
    },
  };
}

/** Of what nothing was read, a copy is as good as a new file. */
function isWorthKeeping({ offset, gzip }: Tracked): boolean {
  return offset > 0 || gzip !== undefined;
}

/**
 * Whether a new file may go on with what was read of another one, if it has the same bytes. Where that was,
 * it is the same log put back: from a backup, by an editor, on another device.
 */
export function mayBeCopyOf(listed: Pick<Listed, "path">, file: Tracked): boolean {
  if (listed.path === file.path) return true;
  return file.wasReplaced || isRotatedName(listed.path, file.path);
}

export function nearest(path: string, files: readonly Tracked[]): Tracked | undefined {
  const rank = (file: Tracked): number => (isRotatedName(path, file.path) ? 1 : 0);
  return files.toSorted((a, b) => rank(b) - rank(a) || b.offset - a.offset)[0];
}

/** A file's bytes as programs see them and as they are on the plates, which a power cut tells apart. */

import type { Random } from "../../crash/episode.ts";

const PAGE_BYTES = 4096;

export interface VolatileFile {
  sizeBytes(): number;
  read(offset: number, size: number): Buffer;
  write(offset: number, bytes: Buffer): void;
  truncate(sizeBytes: number): void;
  sync(): void;
  /** What a power cut leaves: each page that was not synced is the old or the new one, or empty. */
  afterCut(random: Random): Buffer;
}

export function volatileFile(initial: Buffer = Buffer.alloc(0)): VolatileFile {
  let current = Buffer.from(initial);
  let sizeBytes = initial.length;
  let synced = Buffer.from(initial);
  const dirty = new Set<number>();

  const grow = (size: number): void => {
    if (size > current.length) {
      const grown = Buffer.alloc(Math.max(size, 2 * current.length));
      current.copy(grown);
      current = grown;
    }
    sizeBytes = Math.max(sizeBytes, size);
  };
  const touch = (from: number, to: number): void => {
    for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < to; page += 1) dirty.add(page);
  };
  return {
    sizeBytes: () => sizeBytes,
    read: (offset, size) => current.subarray(offset, Math.min(offset + size, sizeBytes)),
    write(offset, bytes) {
      grow(offset + bytes.length);
      bytes.copy(current, offset);
      touch(offset, offset + bytes.length);
    },
    truncate(size) {
      if (size < sizeBytes) {
        current.fill(0, size, sizeBytes);
        touch(size, sizeBytes);
        sizeBytes = size;
      } else grow(size);
    },
    sync() {
      const next = Buffer.alloc(sizeBytes);
      synced.copy(next);
      for (const page of dirty)
        current.copy(next, page * PAGE_BYTES, page * PAGE_BYTES, pageEnd(page, sizeBytes));
      synced = next;
      dirty.clear();
    },
    afterCut(random) {
      const size = random(2) === 0 ? synced.length : sizeBytes;
      const bytes = Buffer.alloc(size);
      synced.copy(bytes);
      for (const page of dirty)
        if (random(2) === 0 && page * PAGE_BYTES < size)
          current.copy(bytes, page * PAGE_BYTES, page * PAGE_BYTES, pageEnd(page, Math.min(size, sizeBytes)));
      return bytes;
    },
  };
}

function pageEnd(page: number, sizeBytes: number): number {
  return Math.max(page * PAGE_BYTES, Math.min((page + 1) * PAGE_BYTES, sizeBytes));
}

/** A file's bytes as programs see them and as they are on the plates, which a power cut tells apart. */

import type { Random } from "../../crash/episode.ts";

/** What a plate writes whole: a page of 4 KiB that the cut comes into is the old one in parts. */
const SECTOR_BYTES = 512;

export interface VolatileFile {
  sizeBytes(): number;
  read(offset: number, size: number): Buffer;
  write(offset: number, bytes: Buffer): void;
  truncate(sizeBytes: number): void;
  sync(): void;
  /** What a power cut leaves: each sector that was not synced is the old or the new one, or empty. */
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
    for (let sector = Math.floor(from / SECTOR_BYTES); sector * SECTOR_BYTES < to; sector += 1)
      dirty.add(sector);
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
      for (const sector of dirty)
        current.copy(next, sector * SECTOR_BYTES, sector * SECTOR_BYTES, sectorEnd(sector, sizeBytes));
      synced = next;
      dirty.clear();
    },
    afterCut(random) {
      const size = random(2) === 0 ? synced.length : sizeBytes;
      const bytes = Buffer.alloc(size);
      synced.copy(bytes);
      for (const sector of dirty)
        if (random(2) === 0 && sector * SECTOR_BYTES < size)
          current.copy(
            bytes,
            sector * SECTOR_BYTES,
            sector * SECTOR_BYTES,
            sectorEnd(sector, Math.min(size, sizeBytes)),
          );
      return bytes;
    },
  };
}

function sectorEnd(sector: number, sizeBytes: number): number {
  return Math.max(sector * SECTOR_BYTES, Math.min((sector + 1) * SECTOR_BYTES, sizeBytes));
}

/**
 * A disk in memory that forgets at a power cut what was not synced: bytes by pages, in any order, and names
 * of new files.
 */

import type { Disk, DiskFile } from "../../src/collect/channel/disk.ts";
import type { Random } from "../crash/episode.ts";

interface Stored {
  /** What the program sees. */
  current: Buffer;
  /** What is on the plates. */
  synced: Buffer;
  isNameSynced: boolean;
}

const PAGE_BYTES = 4096;

export interface VolatileDisk extends Disk {
  /** The disk after a power cut now. The old one may be written on: nobody sees it. */
  cutPower(random: Random): VolatileDisk;
}

/** `forgets` syncs: a canary's. */
export function volatileDisk(
  files = new Map<string, Stored>(),
  forgets: "nothing" | "file syncs" | "folder syncs" = "nothing",
): VolatileDisk {
  const handle = (stored: Stored): DiskFile => ({
    async write(bytes, offset) {
      const grown = Buffer.alloc(Math.max(stored.current.length, offset + bytes.length));
      stored.current.copy(grown);
      grown.set(bytes, offset);
      stored.current = grown;
    },
    async read(buffer, offset) {
      const there = stored.current.subarray(offset, offset + buffer.length);
      buffer.set(there);
      return there.length;
    },
    async truncate(sizeBytes) {
      stored.current = stored.current.subarray(0, sizeBytes);
    },
    sizeBytes: async () => stored.current.length,
    async sync() {
      if (forgets !== "file syncs") stored.synced = Buffer.from(stored.current);
    },
    close: async () => {},
  });
  return {
    makeFolder: async () => {},
    names: async () => [...files.keys()].map((path) => path.split("/").at(-1) ?? ""),
    async open(path, mode) {
      let stored = files.get(path);
      if (mode === "there" && stored === undefined) throw new Error(`no file ${path}`);
      if (mode === "new" && stored !== undefined) throw new Error(`there is ${path}`);
      stored ??= { current: Buffer.alloc(0), synced: Buffer.alloc(0), isNameSynced: false };
      files.set(path, stored);
      return handle(stored);
    },
    remove: async (path) => void files.delete(path),
    async syncFolder() {
      if (forgets !== "folder syncs") for (const stored of files.values()) stored.isNameSynced = true;
    },
    cutPower(random) {
      const left = new Map<string, Stored>();
      for (const [path, { current, synced, isNameSynced }] of files) {
        if (!isNameSynced && random(2) === 0) continue;
        const bytes = afterCut(current, synced, random);
        left.set(path, { current: bytes, synced: Buffer.from(bytes), isNameSynced: true });
      }
      return volatileDisk(left, forgets);
    },
  };
}

/** Each page is the synced or the newest one; what was appended may be short, or there and empty. */
function afterCut(current: Buffer, synced: Buffer, random: Random): Buffer {
  const isLong = random(2) === 0;
  const bytes = Buffer.alloc(isLong ? Math.max(current.length, synced.length) : synced.length);
  synced.copy(bytes);
  for (let at = 0; at < bytes.length; at += PAGE_BYTES)
    if (random(2) === 0) current.subarray(at, at + PAGE_BYTES).copy(bytes, at);
  return bytes;
}

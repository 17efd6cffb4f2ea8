/** What a channel asks of the file system. Passed in, so that tests can make it fail. */

import { mkdir, open, readdir, rm } from "node:fs/promises";
import { sync } from "../../base/durable.ts";

export interface DiskFile {
  /** Writes all of it at the offset. When it rejects, a part may have been written. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** How many bytes were there, up to the buffer's length. */
  read(buffer: Uint8Array, offset: number): Promise<number>;
  truncate(sizeBytes: number): Promise<void>;
  sizeBytes(): Promise<number>;
  /** Resolves when what was written survives a power cut. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  makeFolder(path: string): Promise<void>;
  names(folder: string): Promise<readonly string[]>;
  /** `new` fails where there is one; `any` makes one where there is none. */
  open(path: string, mode: "new" | "any" | "there"): Promise<DiskFile>;
  remove(path: string): Promise<void>;
  /** The names in a folder survive a power cut. */
  syncFolder(path: string): Promise<void>;
}

const FLAGS = { new: "wx+", any: "a+", there: "r+" } as const;

export const realDisk: Disk = {
  makeFolder: async (path) => void (await mkdir(path, { recursive: true })),
  names: (folder) => readdir(folder),
  async open(path, mode) {
    // A file opened for appending takes no offset: it is only made so.
    if (mode === "any") await (await open(path, FLAGS.any)).close();
    const file = await open(path, mode === "new" ? FLAGS.new : FLAGS.there);
    return {
      async write(bytes, offset) {
        for (let done = 0; done < bytes.length; )
          done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
      },
      async read(buffer, offset) {
        let done = 0;
        for (;;) {
          const { bytesRead } = await file.read(buffer, done, buffer.length - done, offset + done);
          done += bytesRead;
          if (bytesRead === 0 || done === buffer.length) return done;
        }
      },
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      sizeBytes: async () => (await file.stat()).size,
      sync: () => file.datasync(),
      close: () => file.close(),
    };
  },
  remove: (path) => rm(path, { force: true }),
  syncFolder: sync,
};

/** True where there will be room again: nothing is lost, it only has to wait. */
export function isFull(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "ENOSPC" || code === "EDQUOT";
}

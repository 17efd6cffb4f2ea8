/** How many bytes a job over files has before it: for a person who waits, not for what is read. */

import { open, stat } from "node:fs/promises";
import path from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";

/** Of more files nobody is told: to look at them would take longer than to begin. */
const MAX_FILES = 2000;
const MAGIC_BYTES = 4;
/** gzip, zstd, bzip2, Parquet: their bytes are not those of their lines. */
const PACKED = [
  [0x1f, 0x8b],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0x42, 0x5a, 0x68],
  [0x50, 0x41, 0x52, 0x31],
];

/** Undefined where that says nothing of how much there is to read, or can't be told. */
export async function bytesOfFiles(pattern: string, baseFolder: string): Promise<number | undefined> {
  try {
    const target = path.resolve(baseFolder, pattern);
    const isPattern = isDynamicPattern(pattern);
    const isFolder = !isPattern && (await stat(target)).isDirectory();
    const files =
      isPattern || isFolder
        ? await glob(isFolder ? "*" : pattern, { cwd: isFolder ? target : baseFolder, absolute: true })
        : [target];
    if (files.length > MAX_FILES) return undefined;
    let sum = 0;
    for (const file of files) {
      if (await isPacked(file)) return undefined;
      sum += (await stat(file)).size;
    }
    return sum;
  } catch {
    // Whoever reads them says what is wrong with them.
    return undefined;
  }
}

async function isPacked(file: string): Promise<boolean> {
  const handle = await open(file, "r");
  try {
    const { buffer } = await handle.read(Buffer.alloc(MAGIC_BYTES), 0, MAGIC_BYTES, 0);
    return PACKED.some((magic) => magic.every((byte, index) => buffer[index] === byte));
  } finally {
    await handle.close();
  }
}

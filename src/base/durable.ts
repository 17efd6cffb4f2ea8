/**
 * What must be there after a power cut too: a file's bytes are synced, and so is the folder that holds its
 * name. A killed process needs none of this: what it wrote is the system's.
 */

import { open, rename, writeFile } from "node:fs/promises";
import path from "node:path";

/** Syncs a file, or a folder: the names in it. */
export async function sync(target: string): Promise<void> {
  const file = await open(target, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** All of the text or what was there before, whatever happens on the way. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const staged = `${file}.new`;
  await writeFile(staged, text);
  await sync(staged);
  await rename(staged, file);
  await sync(path.dirname(file));
}

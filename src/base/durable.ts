/**
 * What must be there after a power cut too: a file's bytes are synced, and so is the folder that holds its
 * name. A killed process needs none of this: what it wrote is the system's.
 */

import { open } from "node:fs/promises";

/** Syncs a file, or a folder: the names in it. */
export async function sync(target: string): Promise<void> {
  const file = await open(target, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

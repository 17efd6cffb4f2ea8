/**
 * What must be there after a power cut too: a file's bytes are synced, and so is the folder that holds its
 * name. A killed process needs none of this: what it wrote is the system's.
 */

import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { failpoint } from "./failpoint.ts";

/** Syncs a file, or a folder: the names in it. */
export async function sync(target: string): Promise<void> {
  const file = await open(target, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Written beside, synced, renamed: a reader sees the old text or the new one, after whatever crash. */
export function replaceText(file: string, text: string): void {
  const temporary = `${file}.new`;
  writeFileSync(temporary, text);
  syncNow(temporary);
  failpoint("plan-staged");
  renameSync(temporary, file);
  syncNow(path.dirname(file));
}

function syncNow(target: string): void {
  const descriptor = openSync(target, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

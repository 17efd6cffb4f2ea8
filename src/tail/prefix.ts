/** Copies in the making: a new file that so far has the same bytes as one that is there. */

import { closeSync } from "node:fs";
import path from "node:path";
import { bytesAt, MAX_HEAD_BYTES, MAX_TAIL_BYTES } from "./fingerprint.ts";
import type { Listed } from "./listing.ts";
import { stemOf } from "./names.ts";
import { openReading, type Tracked } from "./tracked.ts";

/** Files that are there, by the beginning of the names that copies of them get. */
export type ByStem = ReadonlyMap<string, readonly Tracked[]>;

export function byStem(files: Iterable<Tracked>): ByStem {
  const found = new Map<string, Tracked[]>();
  for (const file of files) {
    const stem = stemOf(file.path);
    const others = found.get(stem);
    if (others === undefined) found.set(stem, [file]);
    else others.push(file);
  }
  return found;
}

/** Files whose rotation may have given this name. */
export function relatives(listed: Pick<Listed, "path">, files: ByStem): readonly Tracked[] {
  const name = path.basename(listed.path);
  const found: Tracked[] = [];
  for (let length = 1; length <= name.length; length += 1)
    for (const file of files.get(name.slice(0, length)) ?? [])
      if (file.path !== listed.path) found.push(file);
  return found;
}

/** Whether all that is in the open file is the beginning of what is in the other. */
export function isPrefixOf(listed: Listed, descriptor: number, file: Tracked): boolean {
  const { sizeBytes } = listed;
  if (sizeBytes > file.sizeBytes) return false;
  const other = openReading(file.path);
  if (other === undefined) return false;
  try {
    const isEqual = (start: number, length: number): boolean =>
      bytesAt(descriptor, start, length).equals(bytesAt(other, start, length));
    const tail = Math.min(sizeBytes, MAX_TAIL_BYTES);
    return isEqual(0, Math.min(sizeBytes, MAX_HEAD_BYTES)) && isEqual(sizeBytes - tail, tail);
  } finally {
    closeSync(other);
  }
}

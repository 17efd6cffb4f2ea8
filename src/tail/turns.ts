/** Whose turn it is: what rotation put aside is read before what came after it. */

import { byRotation, familyOf } from "./names.ts";
import type { Tracked, Wait } from "./tracked.ts";

/**
 * Makes new files wait for the older ones of their log. Files whose names only have numbers in common, like
 * the shards of a busy service, are no rotation of one another: the log itself is among them where they are.
 */
export function chain(added: readonly Tracked[], all: readonly Tracked[]): void {
  const families = new Map(added.map((file) => [familyOf(file.path), [] as Tracked[]]));
  for (const file of all) families.get(familyOf(file.path))?.push(file);
  for (const [family, members] of families) {
    if (members.length < 2 || !members.some(({ path }) => path === family)) continue;
    const inOrder = members.toSorted(byAge(family));
    inOrder.forEach((file, index) => {
      if (!added.includes(file)) return;
      file.waitsFor = inOrder.slice(0, index).filter(hasUnread).map(waitOf);
    });
  }
}

/**
 * The log itself comes last, also where something is still written to what was put aside. What is gone had
 * another name at last than the one that is known.
 */
function byAge(family: string): (a: Tracked, b: Tracked) => number {
  const isHere = (file: Tracked): number => Number(file.goneAtMs === undefined);
  const isLive = (file: Tracked): number => Number(file.path === family && file.goneAtMs === undefined);
  return (a, b) =>
    isLive(a) - isLive(b) ||
    a.modifiedAtMs - b.modifiedAtMs ||
    isHere(a) - isHere(b) ||
    byRotation(a.path, b.path);
}

function waitOf(file: Tracked): Wait {
  return { file, untilBytes: file.sizeBytes };
}

function hasUnread(file: Tracked): boolean {
  if (file.goneAtMs !== undefined && file.descriptor === undefined) return false;
  return file.gzip === undefined ? file.sizeBytes > file.offset : !file.gzip.isWhole;
}

/**
 * Whether what it waited for has been given, or can't be given any more. `willRest`: what is held at a file's
 * end will be given when it rests.
 */
export function isItsTurn(file: Tracked, willRest: (file: Tracked) => boolean): boolean {
  if (file.isHeld) return false;
  if (file.waitsFor.length === 0) return true;
  file.waitsFor = file.waitsFor.filter(({ file: other, untilBytes }) => {
    if (!hasUnread(other)) return false;
    return other.gzip !== undefined || other.offset + (willRest(other) ? 0 : other.heldBytes) < untilBytes;
  });
  return file.waitsFor.length === 0;
}

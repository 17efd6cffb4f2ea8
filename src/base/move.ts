/**
 * Moves a finished file to its place without ever replacing another one. A hard link fails where the name is
 * taken, which `rename` does not.
 */

import { copyFile, link, lstat, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { crc32 } from "node:zlib";
import { sync } from "./durable.ts";

/**
 * `moved before`: the file is gone, or the target is the same file or holds the same bytes: a crash came
 * between the two steps of a move. `taken`: something else has the name.
 */
type Outcome = "moved" | "moved before" | "taken";

const NO_LINKS = new Set(["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"]);

/** Whole or not at all, also from one disk to another, and for good when it resolves. */
export async function moveWithoutReplacing(from: string, to: string): Promise<Outcome> {
  // Asked first: of a file that is gone, a link to another disk fails for the disk's sake.
  if (!(await isThere(from))) return "moved before";
  if (await isThere(to)) return (await isSame(from, to)) ? "moved before" : "taken";
  try {
    await link(from, to);
    await sync(path.dirname(to));
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") return (await isSame(from, to)) ? "moved before" : "taken";
    if (code === "EXDEV") return moveToOtherDisk(from, to);
    if (code === undefined || !NO_LINKS.has(code)) throw error;
    await rename(from, to);
    await sync(path.dirname(to));
    return "moved";
  }
  await rm(from, { force: true });
  return "moved";
}

/** Beside its name first, so that nobody sees a part of it. */
async function moveToOtherDisk(from: string, to: string): Promise<Outcome> {
  // A name of fixed length always fits; after a crash the same file has the same one.
  const beside = path.join(path.dirname(to), `.${crc32(path.basename(to)).toString(16)}.tmp`);
  await copyFile(from, beside);
  await sync(beside);
  const outcome = await moveWithoutReplacing(beside, to);
  if (outcome === "taken") await rm(beside, { force: true });
  else await rm(from, { force: true });
  return outcome;
}

async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

const COMPARED_BYTES = 1_048_576;

async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([lstat(one), lstat(other)]);
  if (a.ino === b.ino && a.dev === b.dev) return true;
  if (!a.isFile() || !b.isFile() || a.size !== b.size) return false;
  await using first = await open(one, "r");
  await using second = await open(other, "r");
  for (let offset = 0; offset < a.size; offset += COMPARED_BYTES) {
    const [left, right] = await Promise.all([first, second].map((file) => bytesAt(file, offset)));
    if (left === undefined || right === undefined || !left.equals(right)) return false;
  }
  return true;
}

async function bytesAt(file: Awaited<ReturnType<typeof open>>, offset: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(COMPARED_BYTES);
  const { bytesRead } = await file.read(buffer, 0, COMPARED_BYTES, offset);
  return buffer.subarray(0, bytesRead);
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

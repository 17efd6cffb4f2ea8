/**
 * Whether a file is still the one that was read: a number of bytes alone would go on in the middle of another
 * file under the same name. Its first bytes and, where the number counts bytes, those before it are compared
 * with what they were.
 */

import { open, stat } from "node:fs/promises";
import { StreamkitError } from "../../base/error.ts";
import { counted } from "../../base/units.ts";
import { fingerprintOf, MAX_HEAD_BYTES, MAX_TAIL_BYTES } from "../../tail/fingerprint.ts";
import type { Progress } from "./position.ts";

/** What stands for the bytes that were read: how many of the first it is of, and a hash. */
export async function printOf(file: string, { offset, note }: Progress): Promise<string> {
  return (await hashed(file, note === undefined ? offset : undefined)) ?? "";
}

/** Throws code `input` where the file is another one than that of which `print` was taken at `progress`. */
export async function refuseReplaced(
  { file, name }: { readonly file: string; readonly name: string },
  { offset, note }: Progress,
  print: string | undefined,
): Promise<void> {
  if (print === undefined || print === "") return;
  const headBytes = Number(print.split("-")[0]);
  if ((await hashed(file, note === undefined ? offset : undefined, headBytes)) === print) return;
  const read = note === undefined ? counted(offset, "byte") : "something";
  throw new StreamkitError(
    "input",
    `"${name}" is another file than the one of which ${read} ${offset === 1 ? "was" : "were"} read before, ` +
      "or was changed in front of that: files at rest only grow. Give new input a new name, follow a log " +
      "with tail:, or read everything anew with --reset-checkpoint",
  );
}

/** Undefined where the file is shorter than what is asked for, or gone. `end`: of what was read, in bytes. */
async function hashed(
  file: string,
  end: number | undefined,
  headBytes?: number,
): Promise<string | undefined> {
  const size = (await stat(file).catch(() => undefined))?.size;
  if (size === undefined || (end ?? headBytes ?? 0) > size) return undefined;
  const head = headBytes ?? Math.min(MAX_HEAD_BYTES, end ?? size);
  const tail = Math.min(MAX_TAIL_BYTES, end ?? 0);
  const input = await open(file, "r");
  try {
    const bytes = Buffer.alloc(head + tail);
    await input.read(bytes, 0, head, 0);
    if (tail > 0) await input.read(bytes, head, tail, (end ?? 0) - tail);
    return `${head}-${fingerprintOf(bytes).hash}`;
  } finally {
    await input.close();
  }
}

/** The owner of a file: the mark `.NAME.streamkit` beside it, and the lock of whoever writes it. */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, realpath } from "node:fs/promises";
import path from "node:path";
import { StreamkitError } from "./error.ts";
import { readMark } from "./owner.ts";

/** With room for what stands before and behind it. */
const MAX_NAME_BYTES = 150;

/** The same ones by whatever name the file is called. */
export async function placesBeside(
  target: string,
): Promise<{ readonly mark: string; readonly lock: string }> {
  await mkdir(path.dirname(target), { recursive: true });
  const real = existsSync(target)
    ? await realpath(target)
    : path.join(await realpath(path.dirname(target)), path.basename(target));
  const base = path.basename(real);
  const name =
    Buffer.byteLength(base) <= MAX_NAME_BYTES
      ? base
      : createHash("sha256").update(base).digest("hex").slice(0, 32);
  const mark = path.join(path.dirname(real), `.${name}.streamkit`);
  return { mark, lock: `${mark}-lock` };
}

/**
 * For those who append without a mark of their own: a job cuts its file back to what its checkpoint knows.
 * Throws code `job`.
 */
export async function refuseOwned(target: string): Promise<void> {
  if (!existsSync(target)) return;
  const { mark } = await placesBeside(target);
  const owner = readMark(await readFile(mark, "utf8").catch(() => undefined));
  if (owner === undefined) return;
  throw new StreamkitError(
    "job",
    `"${target}" is written by the job "${owner.job}" (checkpoint ${owner.folder} on ${owner.host}), which ` +
      "would cut off what else is in it. Nothing was touched: give the output a file of its own",
  );
}

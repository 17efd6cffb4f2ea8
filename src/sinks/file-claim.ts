/**
 * Whose a file is: the mark `.NAME.streamkit` beside it names the checkpoint that has written it, and the
 * lock `.NAME.streamkit-lock` the process that writes it now. Both begin with a dot, for whoever reads the
 * folder.
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { sync } from "../base/durable.ts";
import { StreamkitError } from "../base/error.ts";
import { lockFile } from "../base/lock-file.ts";
import { isSamePlace, markText, mayTake, readMark, refusalOf } from "../base/owner.ts";
import type { Claim, SinkContext } from "./sink.ts";

/** With room for what stands before and behind it. */
const MAX_NAME_BYTES = 150;

const NOTHING: Claim = { take: async () => {}, release: () => {} };

/** Throws code `job` where another job has it, and `io` where another process writes it. */
export async function claimFile(target: string, { claimant, isDurable }: SinkContext): Promise<Claim> {
  // Nobody owns a device or a pipe.
  if (existsSync(target) && !(await stat(target)).isFile()) return NOTHING;
  const { mark, lock } = await placesBeside(target);
  const found = readMark(await readFile(mark, "utf8").catch(() => undefined));
  const isBegunAnew = found !== undefined && isSamePlace(found, claimant.owner) && !existsSync(target);
  if (found !== undefined && !isBegunAnew && !mayTake(found, claimant))
    throw refusalOf(`"${target}"`, found, claimant, { wouldDo: "remove the rows that are in it" });
  const { unlock } = lockFile(
    lock,
    (pid) =>
      new StreamkitError(
        "io",
        `"${target}" is being written by another process, ${pid}: stop that one first`,
        {
          component: "file",
          retryable: true,
        },
      ),
  );
  return {
    async take(moment) {
      if (moment !== "opened") return;
      if (!isDurable) return rm(mark, { force: true });
      const text = markText(claimant.owner);
      if (found !== undefined && markText(found) === text) return;
      await writeFile(`${mark}.new`, text);
      await sync(`${mark}.new`);
      await rename(`${mark}.new`, mark);
      await sync(path.dirname(mark));
    },
    release: unlock,
  };
}

/** The same ones by whatever name the file is called. */
async function placesBeside(target: string): Promise<{ readonly mark: string; readonly lock: string }> {
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

/**
 * Whose a file is: the mark `.NAME.streamkit` beside it names the checkpoint that has written it, and the
 * lock `.NAME.streamkit-lock` the process that writes it now. Both begin with a dot, for whoever reads the
 * folder.
 */

import { existsSync } from "node:fs";
import { readFile, rm, stat } from "node:fs/promises";
import { replaceFile } from "../base/durable.ts";
import { StreamkitError } from "../base/error.ts";
import { placesBeside } from "../base/file-mark.ts";
import { lockFile } from "../base/lock-file.ts";
import { markText, mayTake, type Owner, readMark, refusalOf } from "../base/owner.ts";
import type { Claim, SinkContext } from "./sink.ts";

/** The file is another one since a batch, or shorter: what is in it then is not what the checkpoint knows. */
export interface Restart {
  /** The first batch that is written into it. */
  readonly batch: number;
  /** Where that begins. */
  readonly sizeBytes: number;
}

interface Mark extends Owner {
  readonly restart?: Restart;
}

const NOTHING: Claim = { take: async () => {}, release: () => {} };

/** Throws code `job` where another job has it, and `io` where another process writes it. */
export async function claimFile(target: string, { claimant, isDurable }: SinkContext): Promise<Claim> {
  // Nobody owns a device or a pipe.
  if (existsSync(target) && !(await stat(target)).isFile()) return NOTHING;
  const { mark, lock } = await placesBeside(target);
  const found = await readMarkAt(mark);
  // Where the file is gone there is nothing to lose: whoever removed it has given it up.
  if (found !== undefined && existsSync(target) && !mayTake(found, claimant))
    throw refusalOf(`"${target}"`, found, claimant, { wouldDo: "remove the rows that are in it" });
  if (found === undefined && !claimant.adopts) await refuseHardLink(target);
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
      const { restart, ...owner } = found ?? {};
      if (markText(owner as Owner) === markText(claimant.owner)) return;
      // A checkpoint that was moved knows of the restart all the same.
      const isSame = found?.checkpoint === claimant.owner.checkpoint && restart !== undefined;
      await writeMark(mark, { ...claimant.owner, ...(isSame ? { restart } : {}) });
    },
    release: unlock,
  };
}

/** Its owner's mark may stand beside another name of it. */
async function refuseHardLink(target: string): Promise<void> {
  const names = existsSync(target) ? (await stat(target)).nlink : 1;
  if (names <= 1) return;
  throw new StreamkitError(
    "job",
    `"${target}" is one of ${names} names of a file (hard links), and whose that is can't be told by this ` +
      "name: rows of another job would be removed. Nothing was touched. Write to a file of its own, or let " +
      "the sink take this one over with adopt: true",
    { component: "sink" },
  );
}

/** Before a batch is written into a file that was removed or cut: a crash may come before its commit. */
export async function noteRestart(target: string, owner: Owner, restart: Restart): Promise<void> {
  await writeMark((await placesBeside(target)).mark, { ...owner, restart });
}

/** What was noted of a batch that the checkpoint does not know of. */
export async function restartOf(target: string, committedBatch: number): Promise<Restart | undefined> {
  const restart = (await readMarkAt((await placesBeside(target)).mark))?.restart;
  return restart !== undefined && restart.batch > committedBatch ? restart : undefined;
}

async function readMarkAt(mark: string): Promise<Mark | undefined> {
  return readMark(await readFile(mark, "utf8").catch(() => undefined));
}

async function writeMark(mark: string, content: Mark): Promise<void> {
  await replaceFile(mark, markText(content));
}

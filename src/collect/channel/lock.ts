/** One process at a time in a channel's folder: a file with the name of the one that has it. */

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StreamkitError } from "../../base/error.ts";
import { processIdentity } from "../../base/process-identity.ts";

/** Throws code `io` where a living process has the folder. */
export async function lockFolder(folder: string): Promise<{ unlock(): Promise<void> }> {
  const path = join(folder, "lock");
  const own = processIdentity(process.pid);
  for (const isLastTry of [false, true]) {
    try {
      await writeFile(path, own, { flag: "wx" });
      return { unlock: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = await readFile(path, "utf8").catch(() => "");
    const pid = Number(holder.split(" ")[0]);
    if (isLastTry || (holder !== "" && processIdentity(pid) === holder))
      throw new StreamkitError(
        "io",
        `The channel "${folder}" is in use by process ${pid}: give this one a folder of its own`,
      );
    // Whoever wrote it is gone, and with it the lock.
    await rm(path, { force: true });
  }
  throw new StreamkitError("bug", "A lock was neither taken nor refused");
}

/** One process at a time in a channel's folder: a file with the name of the one that has it. */

import { readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StreamkitError } from "../../base/error.ts";

/** Throws code `io` where a living process has the folder. */
export async function lockFolder(folder: string): Promise<{ unlock(): Promise<void> }> {
  const path = join(folder, "lock");
  const own = identity(process.pid);
  for (const isLastTry of [false, true]) {
    try {
      await writeFile(path, own, { flag: "wx" });
      return { unlock: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = await readFile(path, "utf8").catch(() => "");
    const pid = Number(holder.split(" ")[0]);
    if (isLastTry || (holder !== "" && identity(pid) === holder))
      throw new StreamkitError(
        "io",
        `The channel "${folder}" is in use by process ${pid}: give this one a folder of its own`,
      );
    // Whoever wrote it is gone, and with it the lock.
    await rm(path, { force: true });
  }
  throw new StreamkitError("bug", "A lock was neither taken nor refused");
}

/** A number of a process alone may come again: on Linux its start time goes with it. */
function identity(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ");
    return `${pid} ${fields?.[19] ?? ""}`;
  } catch {
    return isAlive(pid) ? `${pid} ` : `${pid} gone`;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

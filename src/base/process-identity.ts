/** Which process it was: a file may name one that has ended, whose number another one has now. */

import { readFileSync } from "node:fs";

/** The number of a process of this machine and, on Linux, when it started; `… gone` where there is none. */
export function processIdentity(pid: number): string {
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

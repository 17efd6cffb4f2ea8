/** One process at a time at what stands beside it: a file with the name of the process that has it. */

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { StreamkitError } from "./error.ts";
import { processIdentity } from "./process-identity.ts";

export interface Lock {
  unlock(): void;
}

/** Of several that begin at once and find a dead one's lock, each may lose it to another one. */
const TRIES = 5;

/** Throws what `inUse` makes of the number of the living process that has it, which may be our own. */
export function lockFile(path: string, inUse: (pid: number) => StreamkitError): Lock {
  const own = processIdentity(process.pid);
  const aside = `${path}.${process.pid}-${crypto.randomUUID()}`;
  let pid = process.pid;
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (take(path, aside, own)) return { unlock: () => rmSync(path, { force: true }) };
    const holder = read(path);
    pid = Number(holder.split(" ")[0]);
    if (holder !== "" && processIdentity(pid) === holder) throw inUse(pid);
    putAside(path, aside, holder);
  }
  throw inUse(pid);
}

/** False where there is one. It is there with its text or not at all: nobody takes it for a dead one's. */
function take(path: string, aside: string, own: string): boolean {
  writeFileSync(aside, own);
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
  } finally {
    rmSync(aside, { force: true });
  }
  // A file system without hard links.
  try {
    writeFileSync(path, own, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Whoever wrote it is gone, and with it the lock: unless another one has taken it since. */
function putAside(path: string, aside: string, holder: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  if (read(aside) !== holder) take(path, `${aside}-back`, read(aside));
  rmSync(aside, { force: true });
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "";
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

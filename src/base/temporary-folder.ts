/**
 * Folders for files on their way, which bear the name of their process: what a killed run has left is removed
 * by the next start, and nothing that is not known to be dead.
 */

import { createHash } from "node:crypto";
import { readlinkSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { processIdentity } from "./process-identity.ts";

const PREFIX = "streamkit";
const NAME = /^streamkit-[a-z]+-([\da-f]{8})-(\d+)-(\d+)-\w{6}$/;

/** Once a process. */
let swept: Promise<void> | undefined;

/** An empty folder of this process, below the system's. `kind` is a word that says what for. */
export async function temporaryFolder(kind: string): Promise<string> {
  swept ??= sweep(tmpdir());
  await swept;
  const place = placeOfProcesses();
  const [pid, startedAt = ""] = processIdentity(process.pid).split(" ");
  const own = place === undefined || startedAt === "" ? "" : `${place}-${pid}-${startedAt}-`;
  return mkdtemp(path.join(tmpdir(), `${PREFIX}-${kind}-${own}`));
}

/** Removes folders of processes that have ended. */
export async function sweep(folder: string): Promise<void> {
  const place = placeOfProcesses();
  if (place === undefined) return;
  for (const name of await readdir(folder).catch(() => [])) {
    const [, madeAt, pid, startedAt] = NAME.exec(name) ?? [];
    if (madeAt !== place || processIdentity(Number(pid)) === `${pid} ${startedAt}`) continue;
    // Somebody else's can't be removed, and is theirs to remove.
    await rm(path.join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/**
 * Where the number of a process means the same one: a host, and a container in it. Undefined where that can't
 * be told, and nobody can be known to be dead.
 */
function placeOfProcesses(): string | undefined {
  try {
    const place = `${hostname()} ${readlinkSync("/proc/self/ns/pid")}`;
    return createHash("sha256").update(place).digest("hex").slice(0, 8);
  } catch {
    return undefined;
  }
}

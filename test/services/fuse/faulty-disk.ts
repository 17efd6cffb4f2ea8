/** A disk that fails as a test tells it to: see server.ts. Needs root and /dev/fuse. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Fault {
  /**
   * `power cut`: the program is killed, and what it did not sync may be gone. `slow`: syncs take long, and
   * the power is cut in the last one. `torn`: the program is killed, and of what it was writing there are
   * the first sectors. The others refuse a change that can be refused so: `full` and `half` what takes room,
   * `elsewhere` what moves a name, `broken` anything.
   */
  readonly kind: "power cut" | "slow" | "torn" | "full" | "half" | "elsewhere" | "broken";
  /** So many changes of files and names go well before. */
  readonly after: number;
  /** So many changes in a row fail; so many syncs are slow. */
  readonly lasts: number;
  /** Of what a power cut leaves, of how much of a write is there, of how slow a sync is. */
  readonly seed: number;
}

export interface DiskOrder {
  /** From now on a sync keeps nothing: a canary's. */
  readonly forgetsSyncs?: boolean;
  /** Keep all that is there now. */
  readonly syncs?: boolean;
  /** Undefined = everything goes well from now on. */
  readonly fault?: Fault | undefined;
}

export interface DiskState {
  /** Since it was mounted. */
  readonly changes: number;
  /** After a power cut, until the next order. */
  readonly isOff: boolean;
  /** The faults since the last order, in words. */
  readonly told: readonly string[];
}

export interface FaultyDisk extends AsyncDisposable {
  readonly path: string;
  order(order: DiskOrder): void;
  /** Keeps all that is there now. */
  sync(): void;
  /** From now on a sync of the program's keeps nothing: a canary's. */
  forgetSyncs(): void;
  state(): DiskState;
}

/** What keeps this machine from having one; undefined where nothing does. */
export function whyNoFaultyDisk(): string | undefined {
  if (!readFileSync("/proc/filesystems", "utf8").includes("\tfuse\n")) return "its kernel has no FUSE";
  if (!existsSync("/dev/fuse")) return "it has no /dev/fuse";
  return process.getuid?.() === 0 ? undefined : "mounting needs root";
}

/** At the folder, for as long as the block lasts. */
export async function faultyDisk(path: string): Promise<FaultyDisk> {
  mkdirSync(path, { recursive: true });
  const server = Bun.spawn([process.execPath, join(import.meta.dir, "server.ts"), path], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const first = await server.stdout.getReader().read();
  if (first.done) throw new Error(`No disk at ${path}: its server ended with ${await server.exited}`);
  const control = join(path, ".control");
  return {
    path,
    order: (order) => writeFileSync(control, JSON.stringify(order), { flag: "r+" }),
    forgetSyncs: () => writeFileSync(control, JSON.stringify({ forgetsSyncs: true }), { flag: "r+" }),
    sync: () => writeFileSync(control, JSON.stringify({ syncs: true }), { flag: "r+" }),
    state: () => JSON.parse(readFileSync(control, "utf8")) as DiskState,
    async [Symbol.asyncDispose]() {
      await Bun.spawn(["umount", "--lazy", path], { stdout: "ignore", stderr: "inherit" }).exited;
      server.kill("SIGKILL");
      await server.exited;
    },
  };
}

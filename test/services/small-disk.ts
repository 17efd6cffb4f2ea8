/** A file system of so many bytes, to see what happens when it runs full. Needs root, as the tests do. */

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

export interface SmallDisk extends Disposable {
  grow(megabytes: number): void;
}

/** At the folder, for as long as the block lasts. */
export function smallDisk(path: string, megabytes: number): SmallDisk {
  const options = (size: number): string => `size=${size}m`;
  mkdirSync(path, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", options(megabytes), "tmpfs", path]);
  return {
    grow: (size) => execFileSync("mount", ["-o", `remount,${options(size)}`, path]),
    [Symbol.dispose]: () => execFileSync("umount", ["--lazy", path]),
  };
}

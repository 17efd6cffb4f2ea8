/** What the tests' servers are installed into: folders that all checkouts on this machine share. */

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { run } from "../support/binary.ts";

/** The machine-wide folder of things that are made once. */
export const CACHE = process.env["STREAMKIT_BUILD_CACHE"] ?? join(homedir(), ".cache/streamkit-build");

/** A short name for what all these texts say. */
export function hashOf(...texts: readonly string[]): string {
  return new Bun.CryptoHasher("sha256").update(texts.join("\0")).digest("hex").slice(0, 16);
}

/**
 * The folder of this kind and name, filled by `make` where it isn't there. It appears whole or not at all; of
 * two processes that make it at once, the later one throws its own away.
 */
export async function cachedFolder(
  kind: string,
  name: string,
  make: (empty: string) => Promise<void>,
): Promise<string> {
  const folder = join(CACHE, kind, name);
  if (existsSync(folder)) return folder;
  mkdirSync(join(CACHE, kind), { recursive: true });
  const making = mkdtempSync(`${folder}.making-`);
  try {
    await make(making);
    renameSync(making, folder);
  } catch (cause) {
    // A full folder can't be renamed over: someone else was first.
    if (!existsSync(folder)) throw cause;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
}

/** Runs a program of the system's: its stdout, or an error with all that it said. */
export async function command(
  program: string,
  args: readonly string[],
  { debianPackage, cwd }: { readonly debianPackage: string; readonly cwd?: string },
): Promise<string> {
  if (Bun.which(program) === null)
    throw new Error(`${program} is missing: install it with apt-get install ${debianPackage}`);
  const { code, stdout, stderr } = await run(program, args, cwd === undefined ? {} : { cwd });
  if (code !== 0)
    throw new Error(
      `${program} ${args.join(" ")}: exit code ${code}\n${`${stdout}\n${stderr}`.slice(-4000)}`,
    );
  return stdout;
}

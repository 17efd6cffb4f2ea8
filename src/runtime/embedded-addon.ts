/**
 * Native libraries inside the compiled binary: DuckDB's and Kafka's. `dlopen` needs them as files beside each
 * other: the first use writes them to a cache folder named by their content; later ones only look at their
 * sizes. Not used when run from source: `src/build/embed.ts` puts it in the place of the packages' own
 * loaders.
 */

import { randomUUID } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, StreamkitError } from "../base/error.ts";

export interface EmbeddedLibrary {
  /** Its file name on disk: the addon finds its library by this name. */
  readonly name: string;
  /** Where the runtime shows it, inside the binary. */
  readonly embeddedPath: string;
  readonly sizeBytes: number;
}

export interface EmbeddedAddon {
  /** Whose it is, for people. */
  readonly title: string;
  /** Of all the libraries' bytes: another version is another folder. */
  readonly contentHash: string;
  /** The addon itself comes last, what it links to before it. */
  readonly libraries: readonly EmbeddedLibrary[];
}

/**
 * Loads the addon from the first cache folder that can be written and allows execution; returns its exports.
 * Throws code `io` with what each folder said.
 */
export function loadEmbeddedAddon(addon: EmbeddedAddon): unknown {
  const complaints: string[] = [];
  for (const folder of cacheFolders()) {
    try {
      const loaded = { exports: {} };
      process.dlopen(loaded, extract(addon, folder));
      return loaded.exports;
    } catch (error) {
      complaints.push(`${folder}: ${messageOf(error)}`);
    }
  }
  const wayOut = "set XDG_CACHE_HOME to a folder that you can write to and that may hold programs";
  throw new StreamkitError(
    "io",
    `Cannot load the embedded ${addon.title}; ${wayOut}. ${complaints.join("; ")}`,
  );
}

/** The shared temporary folder comes last, under a name of this user's own. */
function cacheFolders(): string[] {
  const configured = process.env["XDG_CACHE_HOME"];
  const configuredFolders = configured?.startsWith("/") === true ? [join(configured, "streamkit")] : [];
  const ownName = `streamkit-${process.getuid?.() ?? "user"}`;
  return [...configuredFolders, join(homedir(), ".cache/streamkit"), join(tmpdir(), ownName)];
}

/** Returns the path of the addon, the last library. */
function extract(addon: EmbeddedAddon, cacheFolder: string): string {
  const folder = join(cacheFolder, addon.contentHash);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  requireOwnFolder(cacheFolder);
  requireOwnFolder(folder);
  let path = "";
  for (const library of addon.libraries) {
    path = join(folder, library.name);
    if (sizeOf(path) !== library.sizeBytes) replaceFile(path, library);
  }
  return path;
}

/** We run what lies there: nobody else may have put it there. */
function requireOwnFolder(folder: string): void {
  const found = lstatSync(folder);
  if (process.getuid === undefined) return;
  const isOurs = found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0;
  if (!isOurs) throw new StreamkitError("io", "not a folder that only we can write to");
}

/** -1 where there is no such file. */
function sizeOf(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true ? found.size : -1;
}

/** Never writes over the old file: another process may have it mapped. */
function replaceFile(path: string, library: EmbeddedLibrary): void {
  const temporaryPath = `${path}.${randomUUID()}`;
  try {
    writeFileSync(temporaryPath, readFileSync(library.embeddedPath), { flag: "wx", mode: 0o700 });
    renameSync(temporaryPath, path);
  } finally {
    rmSync(temporaryPath, { force: true });
  }
}

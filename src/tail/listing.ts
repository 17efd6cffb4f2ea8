/** What is there: the files that globs match, and what the system says of each. */

import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";

export interface Listed {
  readonly path: string;
  /** Device and inode: the same for all names of a file. */
  readonly key: string;
  readonly device: string;
  readonly inode: string;
  /** Undefined where the file system does not tell, or can't tell it from the last change yet. */
  readonly born: string | undefined;
  readonly sizeBytes: number;
  /** Milliseconds since 1970; `changedAtMs` also of its name, and nobody can set it back. */
  readonly modifiedAtMs: number;
  readonly changedAtMs: number;
}

type Stats = NonNullable<ReturnType<typeof statsOf>>;

function statsOf(file: string) {
  return statSync(file, { bigint: true, throwIfNoEntry: false });
}

export function keyOf({ dev, ino }: Pick<Stats, "dev" | "ino">): string {
  return `${dev}:${ino}`;
}

export function listedOf(file: string, stats: Omit<Stats, "isFile">): Listed {
  return {
    path: file,
    key: keyOf(stats),
    device: String(stats.dev),
    inode: String(stats.ino),
    born: stats.birthtimeNs > 0n && tellsBirths(stats.dev, file) ? String(stats.birthtimeNs) : undefined,
    sizeBytes: Number(stats.size),
    modifiedAtMs: Number(stats.mtimeNs) / NS_PER_MS,
    changedAtMs: Number(stats.ctimeNs) / NS_PER_MS,
  };
}

const NS_PER_MS = 1e6;

const devicesWithBirths = new Set<bigint>();

/**
 * Where there is no time of birth, some systems give the last change in its place: the folders above the file
 * were born before they changed last.
 */
function tellsBirths(device: bigint, file: string): boolean {
  if (devicesWithBirths.has(device)) return true;
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const stats = statsOf(folder);
    if (stats?.dev !== device) return false;
    if (stats.birthtimeNs > 0n && stats.birthtimeNs < stats.ctimeNs) {
      devicesWithBirths.add(device);
      return true;
    }
    if (folder === path.dirname(folder)) return false;
  }
}

/**
 * Looks at files again and again: a regular file, undefined where there is none, or none that we may look at.
 * Of one that has not changed, the same is said.
 */
export function openLooks(): (file: string) => Listed | undefined {
  const known = new Map<string, { readonly stats: Stats; readonly listed: Listed }>();
  return (file) => {
    try {
      const stats = statsOf(file);
      if (stats?.isFile() !== true) return undefined;
      const before = known.get(file);
      if (before !== undefined && isUnchanged(before.stats, stats)) return before.listed;
      if (known.size >= MAX_KNOWN) known.clear();
      const listed = listedOf(file, stats);
      known.set(file, { stats, listed });
      return listed;
    } catch {
      return undefined;
    }
  };
}

const MAX_KNOWN = 100_000;

function isUnchanged(a: Stats, b: Stats): boolean {
  return (
    a.ino === b.ino &&
    a.ctimeNs === b.ctimeNs &&
    a.birthtimeNs === b.birthtimeNs &&
    a.size === b.size &&
    a.dev === b.dev
  );
}

export interface Globs {
  /** Paths that match, from the root; each once. */
  list(): Promise<readonly string[]>;
  /** Folders in which files may appear, without looking below them. */
  readonly folders: readonly string[];
}

/** A folder's time of change has steps of some milliseconds: only after a while it is sure to be the last. */
const SURE_AFTER_MS = 1000;

/** `nowMs`: of the clock that the file system goes by. */
export function openGlobs(patterns: readonly string[], baseFolder: string, nowMs: () => number): Globs {
  const listers = patterns.map((pattern) => openGlob(path.resolve(baseFolder, pattern), nowMs));
  return {
    list: async () => {
      const found = await Promise.all(listers.map(({ list }) => list()));
      return found.length === 1 ? (found[0] ?? []) : [...new Set(found.flat())];
    },
    folders: [...new Set(listers.map(({ folder }) => folder))],
  };
}

interface Lister {
  readonly folder: string;
  list(): Promise<readonly string[]>;
}

function openGlob(target: string, nowMs: () => number): Lister {
  const folder = staticFolderOf(target);
  if (!isDynamicPattern(target))
    return { folder: path.dirname(target), list: async () => (existsSync(target) ? [target] : []) };
  const search = async (): Promise<readonly string[]> =>
    (await glob(path.relative(folder, target), { cwd: folder, absolute: true, dot: true })).toSorted();
  if (path.dirname(target) !== folder) return { folder, list: search };
  // All names are in one folder, which has not changed as long as its time has not.
  let changedAtMs = Number.NaN;
  let known: readonly string[] = [];
  return {
    folder,
    async list() {
      const atMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN;
      if (atMs === changedAtMs) return known;
      const isSure = nowMs() - atMs > SURE_AFTER_MS;
      known = await search();
      changedAtMs = isSure ? atMs : Number.NaN;
      return known;
    },
  };
}

function staticFolderOf(target: string): string {
  let folder = path.dirname(target);
  while (isDynamicPattern(folder)) folder = path.dirname(folder);
  return folder;
}

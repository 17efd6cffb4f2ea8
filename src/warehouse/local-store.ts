/** A folder of this machine as a store. */

import { existsSync } from "node:fs";
import {
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  unlink,
  writeFile,
} from "node:fs/promises";
import nodePath from "node:path";
import { sync } from "../base/durable.ts";
import { failpoint } from "../base/failpoint.ts";
import { hiddenName, type Publication, type PutOptions, type Store, type StoredFile } from "./store.ts";

const MAX_TRIES = 10;

export function openLocalStore(root: string): Store {
  const at = (path: string): string => nodePath.join(root, path);
  return {
    url: root,
    hasRename: true,
    localFolder: root,
    list: (folder) => listBelow(root, folder),
    async folders(folder) {
      const entries = await entriesOf(at(folder));
      return entries
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .toSorted();
    },
    async exists(path) {
      const found = await stat(at(path)).catch(absent);
      if (found?.isDirectory() !== true) return found !== undefined;
      return (await listBelow(root, path)).length > 0;
    },
    read: (path) => readFile(at(path)).catch(absent),
    async readPart(path, offset, length) {
      const file = await open(at(path), "r").catch(absent);
      if (file === undefined) return undefined;
      try {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    },
    download: (path, localFile) => copyFile(at(path), localFile),
    put: (files, options) => putAll(root, files, options),
    async write(path, text) {
      // There is no half of an empty file.
      if (text === "") {
        const folder = nodePath.dirname(at(path));
        await mkdir(folder, { recursive: true });
        await writeFile(at(path), text);
        return sync(folder);
      }
      await place(at(path), text, (staged) => rename(staged, at(path)));
    },
    async create(path, text) {
      return place(at(path), text, async (staged) => {
        try {
          // A rename would replace; a link is refused where the name is taken.
          await link(staged, at(path));
          return true;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
          throw error;
        } finally {
          await unlink(staged);
        }
      });
    },
    async rename(from, to) {
      await mkdir(nodePath.dirname(at(to)), { recursive: true });
      await rename(at(from), at(to));
      for (const folder of new Set([nodePath.dirname(at(from)), nodePath.dirname(at(to))]))
        await sync(folder);
    },
    remove: (path) => rm(at(path), { recursive: true, force: true }),
  };
}

async function putAll(root: string, files: readonly Publication[], { isDurable }: PutOptions): Promise<void> {
  const changed = new Set<string>();
  for (const { from, to } of files) {
    const target = nodePath.join(root, to);
    const folder = nodePath.dirname(target);
    // A partition's folder may be new, and so may those above it.
    if (!changed.has(folder)) {
      await mkdir(folder, { recursive: true });
      for (let above = folder; above.startsWith(root); above = nodePath.dirname(above)) changed.add(above);
    }
    if (isDurable) await sync(from);
    await moveInto(folder, from, target);
    failpoint("parquet-renamed");
  }
  if (!isDurable || files.length === 0) return;
  for (const folder of [...changed, nodePath.dirname(root)]) {
    // What is removed since needs no sync.
    await sync(folder).catch(absent);
  }
}

/** A partition's folder may be removed in between, by who finds it too old: then it is made again. */
async function moveInto(folder: string, from: string, target: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await move(from, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || tries === MAX_TRIES || !existsSync(from))
        throw error;
      await mkdir(folder, { recursive: true });
    }
  }
}

/** Across disks a rename is refused: then the file is copied beside its name first. */
async function move(from: string, target: string): Promise<void> {
  try {
    await rename(from, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    const staged = stagedName(target);
    await copyFile(from, staged);
    await sync(staged);
    await rename(staged, target);
    await rm(from);
  }
}

/** Writes a text beside its name, durably, and then gives it the name. */
async function place<T>(target: string, text: string, name: (staged: string) => Promise<T>): Promise<T> {
  const folder = nodePath.dirname(target);
  await mkdir(folder, { recursive: true });
  const staged = stagedName(target);
  await writeFile(staged, text);
  await sync(staged);
  const done = await name(staged);
  await sync(folder);
  return done;
}

/** Passed over by readers, and of nobody else. */
function stagedName(target: string): string {
  return nodePath.join(nodePath.dirname(target), hiddenName());
}

async function listBelow(root: string, folder: string): Promise<StoredFile[]> {
  const top = nodePath.join(root, folder);
  if (!existsSync(top)) return [];
  const entries = await readdir(top, { recursive: true, withFileTypes: true });
  const files: StoredFile[] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = nodePath.join(entry.parentPath, entry.name);
    // It may have gone meanwhile: another writer's staged file, say.
    const found = await stat(file).catch(absent);
    if (found === undefined) continue;
    files.push({
      path: nodePath.relative(root, file),
      sizeBytes: found.size,
      modifiedAtMs: Math.floor(found.mtimeMs),
    });
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function entriesOf(folder: string) {
  return (await readdir(folder, { withFileTypes: true }).catch(absent)) ?? [];
}

function absent(error: unknown): undefined {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw error;
}

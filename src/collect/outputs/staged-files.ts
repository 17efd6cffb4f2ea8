/**
 * Files that grow in a folder of this machine until they are finished: one for each path at a time. Which
 * there are, and how long, is what a commit saves; after a crash the rest is cut off.
 */

import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../../base/clock.ts";

/** As it is saved. */
export interface StagedFile {
  /** In the stage; also what the finished file is called by. */
  readonly name: string;
  /** What its name begins with when it is finished, folders and all. */
  readonly stem: string;
  readonly sizeBytes: number;
  readonly events: number;
  readonly openedAtMs: number;
}

export interface Growing {
  readonly name: string;
  readonly stem: string;
  readonly openedAtMs: number;
  sizeBytes: number;
  events: number;
  touchedAtMs: number;
  isDirty: boolean;
  readonly file: FileHandle;
}

export interface Stage {
  /** That no other stage has. */
  readonly id: string;
  create(stem: string): Promise<Growing>;
  /** Opens a file of before and cuts it to what was saved; undefined where it is gone. */
  resume(saved: StagedFile): Promise<Growing | undefined>;
  append(growing: Growing, bytes: Uint8Array, events: number): Promise<void>;
  pathOf(name: string): string;
  /** Of all files that are there. */
  names(): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
}

/** Others may write to the same folders: no name of ours is theirs. */
async function ownId(folder: string): Promise<string> {
  const file = path.join(folder, "id");
  const found = await readFile(file, "utf8").catch(() => "");
  if (found !== "") return found;
  const id = crypto.randomUUID().slice(0, 8);
  await replaceFile(file, id);
  return id;
}

async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { flush: true });
  await rename(`${file}.new`, file);
}

/**
 * Numbers for names: about the time in milliseconds, so that names sort by it, but none twice, whatever the
 * clock says. The last one given stands in the folder before a file has it.
 */
async function openNumbers(folder: string, clock: Clock): Promise<() => Promise<number>> {
  const file = path.join(folder, "last-number");
  let last = Number.parseInt(await readFile(file, "utf8").catch(() => "0"), 10) || 0;
  for (const name of await stagedNames(folder)) last = Math.max(last, Number.parseInt(name, 10));
  return async () => {
    last = Math.max(last + 1, Math.floor(clock.nowMs()));
    await replaceFile(file, String(last));
    return last;
  };
}

async function stagedNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /^\d+-[0-9a-f]+$/.test(name)).toSorted();
}

export async function openStage(folder: string, clock: Clock): Promise<Stage> {
  await mkdir(folder, { recursive: true });
  const id = await ownId(folder);
  const nextNumber = await openNumbers(folder, clock);
  const pathOf = (name: string): string => path.join(folder, name);
  return {
    id,
    pathOf,
    async create(stem) {
      const nowMs = Math.floor(clock.nowMs());
      const name = `${await nextNumber()}-${id}`;
      const file = await open(pathOf(name), "wx");
      const start = { sizeBytes: 0, events: 0, isDirty: true };
      return { name, stem, openedAtMs: nowMs, touchedAtMs: nowMs, file, ...start };
    },
    async resume({ name, stem, sizeBytes, events, openedAtMs }) {
      try {
        const file = await open(pathOf(name), "r+");
        await file.truncate(sizeBytes);
        const touchedAtMs = Math.floor(clock.nowMs());
        return { name, stem, openedAtMs, touchedAtMs, sizeBytes, events, isDirty: true, file };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    async append(growing, bytes, events) {
      try {
        for (let done = 0; done < bytes.length; )
          done += (await growing.file.write(bytes, done, bytes.length - done, growing.sizeBytes + done))
            .bytesWritten;
      } catch (error) {
        await growing.file.truncate(growing.sizeBytes).catch(() => {});
        throw error;
      }
      growing.sizeBytes += bytes.length;
      growing.events += events;
      growing.touchedAtMs = Math.floor(clock.nowMs());
      growing.isDirty = true;
    },
    names: () => stagedNames(folder),
    remove: (name) => rm(pathOf(name), { force: true }),
  };
}

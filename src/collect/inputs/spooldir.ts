/**
 * Files that others put into a folder when they are finished. Each is read once, the oldest first, and then
 * renamed or removed, when all of it is safe. After a crash in the middle, that file is read again.
 */

import { open, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { logger } from "../../base/log.ts";
import type { EventWriter } from "../event-writer.ts";
import { patternField, patternOf } from "../interceptors/pattern.ts";
import { type Events, lineFraming } from "./frames.ts";
import type { Input, InputContext, InputKind } from "./input.ts";

const options = z.strictObject({
  folder: z.string().min(1).describe("where finished files appear"),
  include: patternField.default("^.*$").describe("of the names of files that are read"),
  ignore: patternField.default("^$").describe("of those that are not; hidden ones never are"),
  completed: z.string().min(1).default(".COMPLETED").describe("what the name of a file gets that was read"),
  remove: z.boolean().default(false).describe("remove such files in place of renaming them"),
  file_header: z.string().optional().describe("a header with the file's path"),
  name_header: z.string().optional().describe("a header with the file's name alone"),
  max_line: z.int().min(1).default(1_048_576).describe("a longer line is cut there, in bytes"),
});
type Options = z.infer<typeof options>;

export const spooldirInput: InputKind<Options> = {
  name: "spooldir",
  summary: "files that appear finished in a folder, each read once and then renamed or removed",
  options,
  fromUrl: () => undefined,
  open: async (given, intake, context) => watchFolder(given, intake, context),
};

const LOOK_MS = 500;
const READ_BYTES = 1024 * 1024;

function watchFolder(given: Options, intake: EventWriter, context: InputContext): Input {
  const { clock, baseFolder, isBounded, name } = context;
  const folder = path.resolve(baseFolder, given.folder);
  const closed = new AbortController();
  const [include, ignore] = [patternOf(given.include), patternOf(given.ignore)];

  async function waiting(): Promise<string[]> {
    const files: { readonly file: string; readonly mtimeMs: number }[] = [];
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const isOurs = include.test(entry.name) && !ignore.test(entry.name) && !entry.name.startsWith(".");
      if (!entry.isFile() || !isOurs || entry.name.endsWith(given.completed)) continue;
      const file = path.join(folder, entry.name);
      const stats = await stat(file).catch(ifThere);
      if (stats !== undefined) files.push({ file, mtimeMs: stats.mtimeMs });
    }
    return files
      .toSorted((a, b) => a.mtimeMs - b.mtimeMs || (a.file < b.file ? -1 : 1))
      .map(({ file }) => file);
  }

  async function take(file: string): Promise<void> {
    const headers = {
      ...(given.file_header !== undefined && { [given.file_header]: file }),
      ...(given.name_header !== undefined && { [given.name_header]: path.basename(file) }),
    };
    const framing = lineFraming(given.max_line);
    const put = async (events: Events | undefined): Promise<void> => {
      if (events !== undefined) await intake.put({ ...events, headers });
    };
    const input = await open(file, "r").catch(ifThere);
    if (input === undefined) return;
    try {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      for (;;) {
        if (closed.signal.aborted) return;
        const { bytesRead } = await input.read(buffer, 0, READ_BYTES, null);
        if (bytesRead === 0) break;
        await put(framing.push(buffer.subarray(0, bytesRead)));
      }
      await put(framing.end());
    } finally {
      await input.close();
    }
    await intake.flush();
    await (given.remove ? rm(file) : rename(file, await freeName(file, given.completed)));
    logger("collect").debug(`${name}: ${file} was read`);
  }

  async function watch(): Promise<void> {
    while (!closed.signal.aborted) {
      const files = await waiting();
      for (const file of files) if (!closed.signal.aborted) await take(file);
      if (files.length === 0 && isBounded) return;
      if (files.length === 0) await clock.sleep(LOOK_MS, closed.signal);
    }
  }

  const done = watch();
  done.catch(() => {});
  return {
    done,
    async close() {
      closed.abort();
      await done.catch(() => {});
    },
  };
}

/** Somebody may take a file away that was seen. */
function ifThere(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

/** A file of the same name may have been read before. */
async function freeName(file: string, suffix: string): Promise<string> {
  for (let number = 0; ; number += 1) {
    const name = number === 0 ? `${file}${suffix}` : `${file}.${number}${suffix}`;
    const isTaken = await stat(name).then(
      () => true,
      () => false,
    );
    if (!isTaken) return name;
  }
}

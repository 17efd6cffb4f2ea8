/**
 * One growing file. Its length goes with every commit, and on start it is cut back to it: behind a channel on
 * disk everything stands there once.
 */

import { mkdir, open } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { sync } from "../../base/durable.ts";
import { refuseOwned } from "../../base/file-mark.ts";
import { settleLastLine } from "../../base/last-line.ts";
import { logger } from "../../base/log.ts";
import { bytesOf, type Output, type OutputContext, type OutputKind } from "./output.ts";

const options = z.strictObject({ path: z.string().min(1).describe("the file; what it holds already stays") });

export const fileOutput: OutputKind<z.infer<typeof options>> = {
  name: "file",
  summary: "one growing file, which is appended to; URL `file:PATH`",
  options,
  fromUrl: (url) =>
    url.startsWith("file:") && url.length > "file:".length ? { path: url.slice("file:".length) } : undefined,
  place: ({ path: name }) => name,
  open: ({ path: name }, context) => openFile(name, context),
};

interface FileState {
  readonly sizeBytes: number;
  /** Another file of the same name is not cut. */
  readonly inode: number;
}

async function openFile(name: string, { baseFolder, committed }: OutputContext): Promise<Output> {
  const target = path.resolve(baseFolder, name);
  await refuseOwned(target);
  await mkdir(path.dirname(target), { recursive: true });
  await (await open(target, "a")).close();
  const file = await open(target, "r+");
  const { size, ino: inode } = await file.stat();
  const state = committed as FileState | undefined;
  let sizeBytes: number;
  // Without a channel on disk, nobody knows whose a half line is.
  if (state?.inode !== inode) sizeBytes = settleLastLine(file.fd, "end");
  else {
    if (state.sizeBytes > size)
      logger("collect").warn(
        `"${name}" has ${size} bytes, but ${state.sizeBytes} were delivered: somebody cut it; appending`,
      );
    sizeBytes = Math.min(size, state.sizeBytes);
    await file.truncate(sizeBytes);
  }
  await sync(path.dirname(target));
  return {
    name: `file:${name}`,
    async deliver(blocks) {
      const bytes = bytesOf(blocks);
      try {
        for (let done = 0; done < bytes.length; )
          done += (await file.write(bytes, done, bytes.length - done, sizeBytes + done)).bytesWritten;
      } catch (error) {
        // What is there of it would stand before the same again.
        await file.truncate(sizeBytes).catch(() => {});
        throw error;
      }
      sizeBytes += bytes.length;
    },
    async sync(): Promise<Record<string, unknown>> {
      await file.datasync();
      return { sizeBytes, inode } satisfies FileState;
    },
    close: () => file.close(),
  };
}

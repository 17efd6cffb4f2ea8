/**
 * One growing NDJSON file. Its length is in the commit: on start it is cut back to it, so what a crashed
 * batch wrote is written again and stands there once.
 */

import { type FileHandle, mkdir, open, rm, stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { sync } from "../base/durable.ts";
import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { settleLastLine } from "../base/last-line.ts";
import { logger } from "../base/log.ts";
import { claimFile, noteRestart, restartOf } from "./file-claim.ts";
import { jsonLineBytes } from "./json-lines.ts";
import type { Sink, SinkContext, SinkKind } from "./sink.ts";

const options = z.strictObject({ path: z.string().describe("the file, relative to the job file") });

export const fileSink: SinkKind<z.infer<typeof options>> = {
  name: "file",
  summary: "one growing NDJSON file; URL `file:PATH`",
  options,
  modes: ["append", "update", "complete"],
  fromUrl: (url) => (url.startsWith("file:") ? { path: url.slice("file:".length) } : undefined),
  target: ({ path: name }) => path.normalize(name),
  plainTargets: (target, baseFolder) => [path.resolve(baseFolder, target)],
  claim: ({ path: name }, context) => claimFile(placeOf(name, context), context),
  open: ({ path: name }, context) => openFile(placeOf(name, context), context),
};

function placeOf(name: string, context: SinkContext): string {
  return path.resolve(context.baseFolder, shardPath(name, context));
}

interface FilePosition {
  readonly sizeBytes: number;
}

/** `out/ohlc.ndjson` of partition 3 is `out/ohlc.3.ndjson`. */
function shardPath(name: string, { shard }: SinkContext): string {
  if (shard === undefined) return name;
  const { dir, name: base, ext } = path.parse(name);
  return path.join(dir, `${base}.${shard}${ext}`);
}

async function openFile(target: string, context: SinkContext): Promise<Sink> {
  await mkdir(path.dirname(target), { recursive: true });
  let sizeBytes = await startOf(target, context);
  let file = await opened(target);
  await file.truncate(sizeBytes);
  // Where a crash came after somebody had cut it, its last line may be a half one.
  sizeBytes = settleLastLine(file.fd, "end");
  const staged = `${target}.staged`;
  await rm(staged, { force: true });
  if (context.isDurable) await sync(path.dirname(target));

  /** Somebody else may have removed the file, put another one in its place, or cut it. */
  const seeTo = async (batch: number): Promise<void> => {
    const own = await file.stat();
    const named = await stat(target).catch(() => undefined);
    const isNamed = named !== undefined && named.ino === own.ino && named.dev === own.dev;
    if (!own.isFile() || (isNamed && own.size >= sizeBytes)) return;
    if (named?.isDirectory() === true) throw isFolder(target);
    const what = isNamed ? "was cut" : named === undefined ? "was removed" : "was replaced by another file";
    logger("file").warn(`"${target}" ${what}: ${GOES_ON}`);
    const restart = { batch, sizeBytes: named?.size ?? 0 };
    if (context.isDurable) await noteRestart(target, context.claimant.owner, restart);
    if (!isNamed) {
      await file.close();
      await mkdir(path.dirname(target), { recursive: true });
      file = await opened(target);
      if (context.isDurable) await sync(path.dirname(target));
    }
    sizeBytes = settleLastLine(file.fd, "end");
  };
  return {
    async write(database, batch) {
      if (batch.rows === 0) return;
      await seeTo(batch.id);
      for await (const bytes of jsonLineBytes(database, context.input, batch, "changes", staged)) {
        for (let written = 0; written < bytes.length; )
          written += (await file.write(bytes, written, bytes.length - written, sizeBytes + written))
            .bytesWritten;
        sizeBytes += bytes.length;
        failpoint("file-written");
      }
      if (context.isDurable) await file.datasync();
    },
    position: (): FilePosition => ({ sizeBytes }),
    close: () => file.close(),
  };
}

const GOES_ON = "the rows that it had are gone, it goes on with those that come now";

function isFolder(target: string): StreamkitError {
  return new StreamkitError("io", `"${target}" is a folder: a file is written there. Remove or rename it`);
}

async function opened(target: string): Promise<FileHandle> {
  const found = await stat(target).catch(() => undefined);
  if (found?.isDirectory() === true) throw isFolder(target);
  return open(target, found !== undefined ? "r+" : "w+");
}

/**
 * How much of the file the checkpoint knows; what a crashed batch has left behind that is cut off. Without a
 * commit nobody knows what is in it: like the shell's `>`, a run begins anew.
 */
async function startOf(
  target: string,
  { isDurable, committedBatch, ...context }: SinkContext,
): Promise<number> {
  const committed = (context.committed as FilePosition | undefined)?.sizeBytes ?? 0;
  const found = await stat(target).catch(() => undefined);
  if (found === undefined) {
    if (committed === 0) return 0;
    logger("file").warn(`"${target}" was removed: ${GOES_ON}`);
    if (isDurable)
      await noteRestart(target, context.claimant.owner, { batch: committedBatch + 1, sizeBytes: 0 });
    return 0;
  }
  const wanted = (isDurable ? await restartOf(target, committedBatch) : undefined)?.sizeBytes ?? committed;
  if (found.size >= wanted) return wanted;
  throw new StreamkitError(
    "io",
    `"${target}" has ${found.size} bytes, but the checkpoint says that ${wanted} were written: ` +
      "put it back, or remove it to go on in a new file",
  );
}

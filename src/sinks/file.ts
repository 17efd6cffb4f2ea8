/**
 * One growing NDJSON file. Its length is in the commit: on start it is cut back to it, so what a crashed
 * batch wrote is written again and stands there once.
 */

import { existsSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { sync } from "../base/durable.ts";
import { StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { claimFile } from "./file-claim.ts";
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
  const committed = context.committed as FilePosition | undefined;
  // Without a commit nobody knows what is in the file: like the shell's `>`, a run begins anew.
  const file = await open(target, existsSync(target) ? "r+" : "w+");
  let sizeBytes = committed?.sizeBytes ?? 0;
  const found = (await file.stat()).size;
  if (found < sizeBytes) {
    await file.close();
    throw new StreamkitError(
      "io",
      `"${target}" has ${found} bytes, but the checkpoint says that ${sizeBytes} were written: ` +
        "put it back, or start with a new checkpoint",
    );
  }
  await file.truncate(sizeBytes);
  const staged = `${target}.staged`;
  await rm(staged, { force: true });
  if (context.isDurable) await sync(path.dirname(target));
  return {
    async write(database, batch) {
      if (batch.rows === 0) return;
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

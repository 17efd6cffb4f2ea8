/** `streamkit write --compact TABLE`: a table's small files become few. */

import { rm } from "node:fs/promises";
import path from "node:path";
import { StreamkitError } from "../base/error.ts";
import { thisProcess } from "../base/process-mark.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { counted, durationFlagMs, sizeFlagBytes } from "../base/units.ts";
import { openDatabase } from "../duckdb/database.ts";
import { type CompactReport, compactTable } from "../warehouse/compaction/compact.ts";
import { metastoreReaders } from "../warehouse/compaction/readers.ts";
import { tableFolder } from "../warehouse/hive-layout.ts";
import { openMetastore } from "../warehouse/metastore/hive-metastore.ts";
import { locationOf, metastoreName } from "../warehouse/metastore-observer.ts";
import type { Store } from "../warehouse/store.ts";
import { openStore } from "../warehouse/stores.ts";
import type { Context } from "./context.ts";
import { openWorkLine } from "./work-line.ts";

export interface CompactFlags {
  readonly compact: string;
  readonly warehouse: string;
  readonly metastore?: string;
  readonly location?: string;
  readonly targetBytes: string;
  readonly idle: string;
  readonly delay: string;
  readonly wait: boolean;
  readonly quiet?: boolean;
}

export async function runCompact(flags: CompactFlags, context: Context): Promise<void> {
  const { clock, env, stop } = context;
  const store = openStore(flags.warehouse, { baseFolder: process.cwd(), clock, env });
  const folder = tableFolder(flags.compact);
  const numbers = {
    targetBytes: sizeFlagBytes("--target-bytes", flags.targetBytes),
    idleMs: durationFlagMs("--idle", flags.idle),
    delayMs: durationFlagMs("--delay", flags.delay),
  };
  const user = env["HADOOP_USER_NAME"] ?? env["USER"] ?? env["LOGNAME"] ?? "streamkit";
  const metastore =
    flags.metastore === undefined ? undefined : openMetastore(flags.metastore, { clock, user, stop });
  if (!(await store.exists(folder)))
    throw new StreamkitError("usage", `There is no table ${flags.compact} in ${store.url}`);
  const database = await openDatabase();
  const workingFolder = await workingFolderOf(store, folder);
  const line = openWorkLine(context, flags.quiet === true);
  try {
    const place = { ...metastoreName(flags.compact), location: locationOf(store, folder, flags.location) };
    const report = await compactTable({
      store,
      folder,
      database,
      workingFolder,
      clock,
      owner: thisProcess(),
      readers: metastore === undefined ? undefined : metastoreReaders(metastore, place),
      ...numbers,
      waits: flags.wait,
      tell: line.tell,
      stop,
    });
    line.end();
    if (flags.quiet !== true) for (const line of linesOf(report, flags)) context.say(line);
  } finally {
    line.end();
    metastore?.close();
    database.close();
    if (store.localFolder === undefined) await rm(workingFolder, { recursive: true, force: true });
  }
}

/** On the table's own disk where that is one of this machine: files are moved then, not copied. */
async function workingFolderOf({ localFolder }: Store, folder: string): Promise<string> {
  if (localFolder === undefined) return temporaryFolder("compact");
  return path.join(localFolder, folder, "_streamkit", "compacting");
}

function linesOf(report: CompactReport, { compact, delay }: CompactFlags): string[] {
  const { partitions, filesBefore, filesAfter, rows, unfinished, skipped } = report;
  return [
    partitions === 0
      ? `streamkit: nothing of ${compact} was to be compacted`
      : `streamkit: ${counted(filesBefore, "file")} of ${compact} became ${filesAfter}, in ` +
        `${counted(partitions, "partition")} with ${counted(rows, "row")}`,
    ...skipped.map(({ partition, reason }) => `streamkit: ${partition} was left: ${reason}`),
    ...(unfinished === 0
      ? []
      : [
          `streamkit: ${counted(unfinished, "compaction")} of ${compact} wait for readers: the next ` +
            `write --compact goes on with them after ${delay}`,
        ]),
  ];
}

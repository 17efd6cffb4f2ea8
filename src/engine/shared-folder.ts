/**
 * The checkpoint of a job whose input several processes share: a folder with one for each partition. Beside
 * them it says how many there are, and of each how far it was finished when all of its input was taken.
 */

import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { messageOf, StreamkitError } from "../base/error.ts";
import { logger } from "../base/log.ts";
import type { PartitionEnds } from "../sources/source.ts";

/** With `once` windows were closed too. */
type Until = "once" | "available";

export interface SharedFolder {
  /** The checkpoint of one partition. */
  shard(number: number): string;
  /** Notes at the first time how many there are. Throws code `input` where there are others now. */
  keepCount(count: number): Promise<void>;
  /** Whoever it was: whether it has been taken up to there. */
  isFinished(number: number, until: Until, ends: PartitionEnds): boolean;
  finish(number: number, until: Until, ends: PartitionEnds): Promise<void>;
}

/** Throws code `io` where it can't be made. */
export async function openSharedFolder(folder: string): Promise<SharedFolder> {
  await writing(folder, () => mkdir(folder, { recursive: true }));
  const shard = (number: number): string => path.join(folder, `shard-${String(number).padStart(4, "0")}`);
  return {
    shard,
    async keepCount(count) {
      const file = path.join(folder, "shards.json");
      if (existsSync(file)) {
        const { partitions } = JSON.parse(await readFile(file, "utf8")) as { readonly partitions: number };
        if (partitions === count) return;
        throw new StreamkitError(
          "input",
          `The shared checkpoint "${folder}" is of ${partitions} partitions, and there are ${count} now: ` +
            "keys have moved to others, and their state can't. Write the records to a new topic and take a " +
            "new checkpoint, or take share out of the source: one process then reads all of it",
        );
      }
      await writing(folder, () => replace(file, { partitions: count }));
      logger("engine").info(`The checkpoint is shared by ${count} partitions, each in a folder of its own`);
    },
    isFinished(number, until, ends) {
      const file = finishedFile(shard(number));
      if (!existsSync(file)) return false;
      const found = JSON.parse(readFileSync(file, "utf8")) as Finished;
      if (until === "once" && found.until !== "once") return false;
      return Object.entries(ends).every(([name, end]) => (found.ends[name] ?? -1) >= end);
    },
    finish: (number, until, ends) =>
      writing(folder, () => replace(finishedFile(shard(number)), { until, ends })),
  };
}

interface Finished {
  readonly until: Until;
  readonly ends: PartitionEnds;
}

function finishedFile(shard: string): string {
  return path.join(shard, "finished.json");
}

/** Others see all of it or nothing. */
async function replace(file: string, value: unknown): Promise<void> {
  const staged = `${file}.${process.pid}`;
  await writeFile(staged, `${JSON.stringify(value)}\n`);
  await rename(staged, file);
}

async function writing(folder: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    throw new StreamkitError(
      "io",
      `The shared checkpoint "${folder}" can't be written: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Reads a journal from its oldest line on and then as it grows, through rotation, from another process. */

import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { BatchProgress } from "../engine/batch-progress.ts";
import { JOURNAL_FILE, parseEnd, parseOutcome, ROTATED_FILE } from "./journal.ts";
import { type LineSplitter, lineSplitter } from "./line-splitter.ts";

const POLL_MS = 100;
const CHUNK_BYTES = 256 * 1024;
const MAX_LINE_CHARS = 64 * 2 ** 20;

export interface FollowOptions {
  /** The checkpoint's folder; it may appear later. */
  readonly folder: string;
  readonly clock: Clock;
  /** Ends the following. */
  readonly stop: AbortSignal;
  readonly take: (outcome: BatchProgress) => void;
  /** Called when a run says that it ends, and why; another may go on. */
  readonly ended: (reason: string) => void;
  /** Called with the sum whenever lines were found broken. */
  readonly brokenLines: (count: number) => void;
}

/** One file being read: the handle keeps it alive, and its inode number its own, after it was renamed. */
interface OpenFile {
  readonly handle: FileHandle;
  readonly inode: number;
  readonly splitter: LineSplitter;
  positionBytes: number;
}

/**
 * Returns when `stop` aborts. A batch that comes twice in a row, after a crash of its writer, is taken once.
 */
export async function followJournal(options: FollowOptions): Promise<void> {
  const { folder, clock, stop } = options;
  let current: OpenFile | undefined;
  let brokenLines = 0;
  let lastBatch: number | undefined;

  function take(line: string): void {
    const reason = parseEnd(line);
    if (reason !== undefined) return options.ended(reason);
    const outcome = parseOutcome(line);
    if (outcome === undefined) {
      brokenLines += 1;
      options.brokenLines(brokenLines);
    } else if (outcome.report.batch !== lastBatch) {
      lastBatch = outcome.report.batch;
      options.take(outcome);
    }
  }

  /** Reads to the present end; a last line without an end waits for it. */
  async function readOn(file: OpenFile): Promise<void> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    while (!stop.aborted) {
      const { bytesRead } = await file.handle.read(chunk, 0, chunk.length, file.positionBytes);
      if (bytesRead === 0) return;
      file.positionBytes += bytesRead;
      for (const line of file.splitter.push(chunk.subarray(0, bytesRead))) if (line !== "") take(line);
    }
  }

  /** Reads what is left of a file that has been put aside. */
  async function finish(file: OpenFile): Promise<void> {
    await readOn(file);
    const torn = file.splitter.end();
    if (torn !== undefined) take(torn);
    await file.handle.close();
  }

  async function poll(): Promise<void> {
    // Missing: not written yet, or in the moment between a rename and the next file.
    const newestInode = await inodeOf(join(folder, JOURNAL_FILE));
    if (newestInode === undefined) return;
    if (current?.inode !== newestInode) await moveOn();
    if (current !== undefined) await readOn(current);
  }

  /** To the newest file. It is opened first: from then on no rotation can take it away. */
  async function moveOn(): Promise<void> {
    const newest = await openFile(join(folder, JOURNAL_FILE));
    if (newest === undefined) return;
    const before = current;
    current = newest;
    if (before !== undefined) await finish(before);
    const rotated = await openFile(join(folder, ROTATED_FILE));
    if (rotated === undefined) return;
    const isKnown = rotated.inode === before?.inode || rotated.inode === newest.inode;
    if (isKnown) await rotated.handle.close();
    else await finish(rotated);
  }

  while (!stop.aborted) {
    await poll();
    await clock.sleep(POLL_MS, stop);
  }
  await current?.handle.close();
}

async function openFile(path: string): Promise<OpenFile | undefined> {
  try {
    const handle = await open(path, "r");
    const { ino } = await handle.stat();
    return { handle, inode: ino, splitter: lineSplitter(MAX_LINE_CHARS), positionBytes: 0 };
  } catch (error) {
    return ifMissing(error);
  }
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    return ifMissing(error);
  }
}

function ifMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}

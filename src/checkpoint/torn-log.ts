/**
 * The checkpoint's write-ahead log after a power cut: what was appended last may be there in part, with empty
 * pages in it. DuckDB takes a log that ends early, and refuses such a one. What a commit has synced is whole,
 * so the rest is cut off; where a commit goes with it, the plan of a later batch tells.
 */

import { copyFile, open, stat } from "node:fs/promises";
import { sync } from "../base/durable.ts";
import { messageOf } from "../base/error.ts";
import { logger } from "../base/log.ts";
import { counted } from "../base/units.ts";

/** DuckDB names the byte behind an entry's head, which holds its size and its checksum. */
const TORN = /Corrupt WAL file: entry at byte position (\d+)/;
const HEAD_BYTES = 16;

/** Whether the error was about that, and the log can be read now. What it was is kept beside it. */
export async function cutTornLog(log: string, error: unknown): Promise<boolean> {
  const position = Number(TORN.exec(messageOf(error))?.[1] ?? Number.NaN);
  if (Number.isNaN(position)) return false;
  const { size } = await stat(log);
  const wholeBytes = position - HEAD_BYTES;
  if (wholeBytes < 0 || wholeBytes >= size) return false;
  const kept = `${log}.damaged`;
  await copyFile(log, kept);
  await sync(kept);
  const file = await open(log, "r+");
  try {
    await file.truncate(wholeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
  logger("checkpoint").warn(
    `The checkpoint's log ends with ${counted(size - wholeBytes, "byte")} that were not written whole, as ` +
      `a power cut leaves them: going on with what was committed before; the log as it was is "${kept}"`,
  );
  return true;
}

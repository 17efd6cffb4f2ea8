/**
 * Whether a start goes on with the stream that the one before was reading: the pipe is the same one. Then
 * half a line at the end of what was read gets its rest; in front of another stream it is a line of its own.
 */

import { fstatSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";

const FILE = "stream";

/** True where `noteStream` was given the same stream, on this machine as it was started last. */
export async function goesOn(folder: string, descriptor: number): Promise<boolean> {
  const former = await readFile(`${folder}/${FILE}`, "utf8").catch(() => "");
  return former !== "" && former === (await streamOf(descriptor)) && (await isBegun(descriptor));
}

export async function noteStream(folder: string, descriptor: number): Promise<void> {
  await writeFile(`${folder}/${FILE}`, (await streamOf(descriptor)) ?? "");
}

/** It has ended: nothing goes on with it. */
export async function forgetStream(folder: string): Promise<void> {
  await rm(`${folder}/${FILE}`, { force: true });
}

/** Undefined where that can't be told: a terminal has whole lines. */
async function streamOf(descriptor: number): Promise<string | undefined> {
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => undefined);
  if (boot === undefined) return undefined;
  try {
    const stats = fstatSync(descriptor, { bigint: true });
    if (!stats.isFIFO() && !stats.isSocket() && !stats.isFile()) return undefined;
    return [boot.trim(), stats.dev, stats.ino, stats.birthtimeNs].join(" ");
  } catch {
    // Closed by whoever started us.
    return undefined;
  }
}

/** False of a file that is read from its start. */
async function isBegun(descriptor: number): Promise<boolean> {
  if (!fstatSync(descriptor).isFile()) return true;
  const text = await readFile(`/proc/self/fdinfo/${descriptor}`, "utf8").catch(() => "");
  const position = /^pos:\s*(\d+)/m.exec(text)?.[1];
  return position !== undefined && position !== "0";
}

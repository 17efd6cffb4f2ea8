/**
 * The position file: one line of JSON a file that is followed, below a line that says what it is. It is
 * replaced as a whole, and is there after a power cut too.
 */

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import path from "node:path";
import { sync } from "../base/durable.ts";
import { messageOf, StreamkitError } from "../base/error.ts";
import { failpoint } from "../base/failpoint.ts";
import { type Lock, lockFile } from "../base/lock-file.ts";
import { type FilePosition, positionsSchema } from "./position.ts";

const KIND = "streamkit tail positions";
const VERSION = 1;

/**
 * To be held from before it is read until nothing is written to it any more: two that go by one position file
 * would give each line twice, and then lose some. Throws code `io` where a living process has it.
 */
export function lockPositionFile(file: string): Lock {
  try {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    return lockFile(
      `${file}.lock`,
      (pid) =>
        new StreamkitError(
          "io",
          `The position file "${file}" is in use by process ${pid}: give this one a file of its own`,
        ),
    );
  } catch (error) {
    throw error instanceof StreamkitError ? error : unwritable(file, error);
  }
}

/** Undefined where there is no such file yet. Throws code `input` where it is not one of ours. */
export function readPositionFile(file: string): readonly FilePosition[] | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const [first, ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
    const { kind, version } = JSON.parse(first ?? "") as { kind?: unknown; version?: unknown };
    if (kind !== KIND) throw new TypeError(`its first line does not say "${KIND}"`);
    if (version !== VERSION) throw new TypeError(`it has version ${String(version)}, this is for ${VERSION}`);
    const files = lines.map((line) => JSON.parse(line) as unknown);
    return positionsSchema.parse({ version: VERSION, files }).files;
  } catch (error) {
    throw new StreamkitError("input", `"${file}" is no position file: ${messageOf(error)}`, { cause: error });
  }
}

/** Resolves when the positions are on the disk. Throws code `io`; the old ones are then still there. */
export async function writePositionFile(file: string, positions: readonly FilePosition[]): Promise<void> {
  const temporary = `${file}.new`;
  const lines = [{ kind: KIND, version: VERSION }, ...positions].map((line) => JSON.stringify(line));
  try {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    const handle = await open(temporary, "w");
    try {
      await handle.writeFile(`${lines.join("\n")}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    failpoint("tail-position-written");
    await rename(temporary, file);
    await sync(path.dirname(path.resolve(file)));
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(file: string, cause: unknown): StreamkitError {
  const reason = messageOf(cause);
  return new StreamkitError("io", `The position file "${file}" can't be written: ${reason}`, { cause });
}

/** Whether it is the position file, or what stands beside it while it is written and held. */
export function isOfPositionFile(other: string, file: string): boolean {
  const kept = path.resolve(file);
  return other === kept || other === `${kept}.new` || other.startsWith(`${kept}.lock`);
}

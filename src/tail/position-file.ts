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
import { type FilePosition, positionsSchema } from "./position.ts";

const KIND = "streamkit tail positions";
const VERSION = 1;

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
    throw new StreamkitError("io", `The position file "${file}" can't be written: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

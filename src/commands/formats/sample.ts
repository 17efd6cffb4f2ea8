/** The first lines of a file, to guess its format by: as a job would read them, unpacked and decoded. */

import { createReadStream, type ReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { messageOf, StreamkitError } from "../../base/error.ts";
import { openHoles } from "../../content/holes.ts";
import { type Layers, openLayers } from "../../content/layers.ts";

const MAX_BYTES = 512 * 1024;
const MAX_LINES = 1000;
const LINE_FEED = 10;
const STDIN = 0;

export interface Sample {
  /** Whole lines, each with its line feed. */
  readonly bytes: Buffer;
  readonly lines: number;
  /** Whether there are more lines behind them. */
  readonly isPart: boolean;
}

/** `-` is the standard input. Throws code `input` where there are no lines to look at. */
export async function readSample(file: string): Promise<Sample> {
  const name = file === "-" ? "The standard input" : `"${file}"`;
  const layers = await opened(file);
  try {
    refuseForeign(layers, file, name);
    const { bytes: first, isPart } = await firstBytes(layers);
    const bytes = Buffer.concat(openHoles(true).without(first).texts);
    if (bytes.subarray(0, 4096).includes(0))
      throw new StreamkitError("input", `${name} is no text: there are bytes 0 in it`);
    return wholeLines(bytes, isPart, name);
  } finally {
    await layers.close();
  }
}

async function opened(file: string): Promise<Layers> {
  try {
    if (file !== "-" && (await stat(file)).isDirectory())
      throw new StreamkitError("input", `"${file}" is a folder: name one of its files`);
    const stream: ReadStream =
      file === "-" ? createReadStream("", { fd: STDIN, autoClose: false }) : createReadStream(file);
    return await openLayers(stream);
  } catch (error) {
    if (error instanceof StreamkitError) throw error;
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const message = isMissing
      ? `There is no file "${file}" (looked in ${process.cwd()})`
      : `"${file}" can't be read: ${messageOf(error)}`;
    throw new StreamkitError("input", message, { cause: error });
  }
}

function refuseForeign({ inner }: Layers, file: string, name: string): void {
  if (inner.is === "parquet")
    throw new StreamkitError(
      "input",
      `${name} is a Parquet file, which has no lines: --format parquet reads it, ` +
        `and so does \`streamkit query "FROM '${file}'"\``,
    );
  if (inner.is === "foreign") throw new StreamkitError("input", `${name} is ${inner.what}: ${inner.remedy}`);
}

async function firstBytes({ content }: Layers) {
  const blocks: Buffer[] = [];
  let size = 0;
  for await (const block of content) {
    // It is the giver's again when the next one is asked for.
    blocks.push(Buffer.from(block));
    size += block.length;
    if (size >= MAX_BYTES) break;
  }
  return { bytes: Buffer.concat(blocks), isPart: size >= MAX_BYTES };
}

function wholeLines(bytes: Buffer, isPart: boolean, name: string): Sample {
  let end = 0;
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0 && lines < MAX_LINES; at = bytes.indexOf(LINE_FEED, end)) {
    end = at + 1;
    lines += 1;
  }
  const hasRest = end < bytes.length;
  if (hasRest && !isPart && lines < MAX_LINES)
    return { bytes: Buffer.concat([bytes, Buffer.of(LINE_FEED)]), lines: lines + 1, isPart: false };
  if (lines === 0)
    throw new StreamkitError(
      "input",
      hasRest ? `${name} has no line feed in ${MAX_BYTES} bytes` : `${name} is empty`,
    );
  return { bytes: bytes.subarray(0, end), lines, isPart: isPart || hasRest };
}

/** The first lines of a file, to guess its format by. */

import { open, stat } from "node:fs/promises";
import { constants, gunzipSync } from "node:zlib";
import { messageOf, StreamkitError } from "../../base/error.ts";

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
  readonly isCompressed: boolean;
}

/** What files of other kinds begin with. */
const OTHERS: readonly (readonly [start: string, what: string])[] = [
  ["PAR1", "a Parquet file, which has no lines: `streamkit query \"FROM 'FILE'\"` reads it"],
  ["PK\x03\x04", "a zip archive: unpack it first"],
  ["(\xb5/\xfd", "compressed with zstd: `zstd -dc FILE | streamkit formats -` looks at what is in it"],
  ["BZh", "compressed with bzip2: `bzip2 -dc FILE | streamkit formats -` looks at what is in it"],
  ["\xfd7zXZ", "compressed with xz: `xz -dc FILE | streamkit formats -` looks at what is in it"],
  ["%PDF", "a PDF document"],
  ["\xff\xfe", "text in UTF-16: `iconv -f UTF-16 -t UTF-8 FILE` makes it readable"],
  ["\xfe\xff", "text in UTF-16: `iconv -f UTF-16 -t UTF-8 FILE` makes it readable"],
  ["Obj\x01", "an Avro file"],
  ["ORC", "an ORC file"],
  ["SQLite format 3", "an SQLite database"],
];

/** `-` is the standard input. Throws code `input` where there are no lines to look at. */
export async function readSample(file: string): Promise<Sample> {
  const name = file === "-" ? "The standard input" : `"${file}"`;
  const { bytes: raw, isPart } = await firstBytes(file);
  const isCompressed = raw[0] === 0x1f && raw[1] === 0x8b;
  const bytes = isCompressed ? unpacked(raw) : raw;
  const start = bytes.toString("latin1", 0, 16);
  const other = OTHERS.find(([mark]) => start.startsWith(mark));
  if (other !== undefined)
    throw new StreamkitError("input", `${name} is ${other[1].replaceAll("FILE", file)}`);
  if (bytes.subarray(0, 4096).includes(0))
    throw new StreamkitError("input", `${name} is no text: there are bytes 0 in it`);
  return wholeLines(bytes, isPart, isCompressed, name);
}

async function firstBytes(file: string): Promise<{ readonly bytes: Buffer; readonly isPart: boolean }> {
  try {
    if (file !== "-" && (await stat(file)).isDirectory())
      throw new StreamkitError("input", `"${file}" is a folder: name one of its files`);
    return file === "-" ? await readInput() : await readStart(file);
  } catch (error) {
    if (error instanceof StreamkitError) throw error;
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const message = isMissing
      ? `There is no file "${file}" (looked in ${process.cwd()})`
      : `"${file}" can't be read: ${messageOf(error)}`;
    throw new StreamkitError("input", message, { cause: error });
  }
}

async function readStart(file: string) {
  const handle = await open(file, "r");
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
    return { bytes: buffer.subarray(0, bytesRead), isPart: (await handle.stat()).size > bytesRead };
  } finally {
    await handle.close();
  }
}

/** What a pipe gives until it ends, or until it is enough. */
async function readInput() {
  const { createReadStream } = await import("node:fs");
  const blocks: Buffer[] = [];
  let size = 0;
  const input = createReadStream("", { fd: STDIN, autoClose: false });
  for await (const block of input as AsyncIterable<Buffer>) {
    blocks.push(block);
    size += block.length;
    if (size >= MAX_BYTES) break;
  }
  return { bytes: Buffer.concat(blocks), isPart: size >= MAX_BYTES };
}

/** As much as can be unpacked of the first part of a file. */
function unpacked(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, MAX_BYTES);
  } catch (error) {
    throw new StreamkitError("input", `It can't be unpacked with gzip: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function wholeLines(bytes: Buffer, isPart: boolean, isCompressed: boolean, name: string): Sample {
  let end = 0;
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0 && lines < MAX_LINES; at = bytes.indexOf(LINE_FEED, end)) {
    end = at + 1;
    lines += 1;
  }
  const rest = bytes.subarray(end);
  const isCut = isPart || lines === MAX_LINES;
  if (rest.length > 0 && !isCut)
    return {
      bytes: Buffer.concat([bytes, Buffer.of(LINE_FEED)]),
      lines: lines + 1,
      isPart: false,
      isCompressed,
    };
  if (lines === 0)
    throw new StreamkitError(
      "input",
      rest.length === 0 ? `${name} is empty` : `${name} has no line feed in ${MAX_BYTES} bytes`,
    );
  return { bytes: bytes.subarray(0, end), lines, isPart: isCut && (isPart || rest.length > 0), isCompressed };
}

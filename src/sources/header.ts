/** The first line of a CSV file. */

import { existsSync } from "node:fs";
import { open, readFile, rename, writeFile } from "node:fs/promises";
import { StreamkitError } from "../base/error.ts";
import { recordEnd, votedDelimiter } from "./delimiter.ts";

export const MAX_HEADER_BYTES = 65_536;

export interface Header {
  readonly names: readonly string[];
  /** Bytes of the line with its end, and of the hole before it. */
  readonly sizeBytes: number;
  /** NULs that stand before it. */
  readonly holeBytes?: number;
  /** What separates the file's values. Left out by older versions: it was the job's then. */
  readonly delimiter?: string;
}

/** Throws code `input` where the file has no first line. `delimiter`: the job's, else the file tells it. */
async function readHeader(path: string, delimiter: string | undefined): Promise<Header> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_HEADER_BYTES), 0, MAX_HEADER_BYTES, 0);
    return headerOf(buffer.subarray(0, bytesRead), delimiter, path);
  } finally {
    await file.close();
  }
}

const BLOCK_BYTES = 1_048_576;
const NULS = Buffer.alloc(BLOCK_BYTES);

/**
 * The same where NULs may stand before the line: a hole that a truncation left, which counts as bytes of it.
 * Undefined where there is nothing else.
 */
export async function headerAt(path: string, delimiter: string | undefined): Promise<Header | undefined> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(BLOCK_BYTES);
    for (let start = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, BLOCK_BYTES, start);
      if (bytesRead === 0) return undefined;
      const bytes = buffer.subarray(0, bytesRead);
      const isHole = bytes.equals(NULS.subarray(0, bytesRead));
      const nuls = isHole ? bytesRead : bytes.findIndex((byte) => byte !== 0);
      start += nuls;
      if (isHole) continue;
      const first = await file.read(buffer, 0, MAX_HEADER_BYTES, start);
      const header = headerOf(buffer.subarray(0, first.bytesRead), delimiter, path);
      return { ...header, sizeBytes: start + header.sizeBytes, holeBytes: start };
    }
  } finally {
    await file.close();
  }
}

/** As Excel writes it before the header: `sep=;`. */
const SEPARATOR_LINE = /^"?sep=(.)"?\r*\n/i;

/** The first line of a file's first bytes. Throws code `input` where there is none, naming the file. */
export function headerOf(firstBytes: Uint8Array, delimiter: string | undefined, path: string): Header {
  const bytes = Buffer.from(firstBytes.subarray(0, MAX_HEADER_BYTES));
  // Characters are bytes here: where the line ends is counted in bytes.
  const text = bytes.toString("latin1");
  const separator = SEPARATOR_LINE.exec(text.replace(/^\u00EF\u00BB\u00BF/, ""));
  const markBytes = text.startsWith("\u00EF\u00BB\u00BF") ? 3 : 0;
  const blankBytes = /^[\r\n]*/.exec(text.slice(markBytes + (separator?.[0].length ?? 0)))?.[0].length ?? 0;
  const start = markBytes + (separator?.[0].length ?? 0) + blankBytes;
  const end = recordEnd(text, start);
  const line = bytes
    .toString("utf8", start, end)
    .replace(/^\uFEFF/, "")
    .replace(/\r+$/, "");
  refuseReturns(line, path);
  if (line === "" || (bytes.length === MAX_HEADER_BYTES && end === bytes.length))
    throw new StreamkitError("input", `"${path}" has no CSV header line`);
  const own = delimiter ?? separator?.[1] ?? votedDelimiter(bytes.toString("utf8", start));
  return { names: named(splitHeader(line, own)), sizeBytes: Math.min(end + 1, bytes.length), delimiter: own };
}

/** Carriage returns alone end lines on no system of this century: the whole file would be the header. */
function refuseReturns(line: string, path: string): void {
  if (!line.replaceAll(/"[^"]*"/g, "").includes("\r")) return;
  throw new StreamkitError(
    "input",
    `"${path}" ends its lines with a carriage return and no line feed, as old Macs did: ` +
      `convert it first, with tr '\\r' '\\n'`,
  );
}

/**
 * Takes the header line off a spooled segment, once, whatever crashes: `keptPath` holds it from then on, and
 * a shortened copy of the segment waits beside it until it has taken the segment's place.
 */
export async function takeHeader(
  segmentPath: string,
  keptPath: string,
  delimiter: string | undefined,
): Promise<Header> {
  const shortened = `${segmentPath}.headless`;
  if (!existsSync(keptPath)) {
    const header = await readHeader(segmentPath, delimiter);
    await writeFile(shortened, (await readFile(segmentPath)).subarray(header.sizeBytes));
    await writeFile(`${keptPath}.new`, JSON.stringify(header));
    await rename(`${keptPath}.new`, keptPath);
  }
  if (existsSync(shortened)) await rename(shortened, segmentPath);
  return JSON.parse(await readFile(keptPath, "utf8")) as Header;
}

/** A column without a name, like that of pandas' row numbers, has the name that DuckDB gives it. */
function named(names: readonly string[]): string[] {
  const taken = new Set(names.map((name) => name.toLowerCase()));
  return names.map((name, index) => {
    if (name !== "") return name;
    let free = `column${index}`;
    while (taken.has(free)) free += "_";
    taken.add(free);
    return free;
  });
}

/** Names may be quoted, with doubled quotes inside. */
function splitHeader(line: string, delimiter: string): string[] {
  const names: string[] = [];
  let name = "";
  let isQuoted = false;
  for (let index = 0; index < line.length; index += 1) {
    const character = line[index];
    if (character === '"' && isQuoted && line[index + 1] === '"') {
      name += '"';
      index += 1;
    } else if (character === '"') isQuoted = !isQuoted;
    else if (character === delimiter && !isQuoted) {
      names.push(name.trim());
      name = "";
    } else name += character;
  }
  return [...names, name.trim()];
}

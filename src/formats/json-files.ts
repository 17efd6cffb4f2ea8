/** Files of JSON that DuckDB reads by itself, looked through before it does. */

import { createReadStream } from "node:fs";
import { holdsDeepLine, tooDeep } from "../base/depth.ts";
import { StreamkitError } from "../base/error.ts";
import { type ByteReader, byteReader } from "../content/byte-reader.ts";
import { valuesAsLines } from "../content/json-values.ts";
import { openLayers } from "../content/layers.ts";

const LINE_FEED = 10;
const FIRST_BYTES = 1_048_576;

/** Throws code `input` where lists and objects in a file are nested too deep. It may be packed. */
export async function refuseDeepFile(file: string): Promise<void> {
  const { content, close } = await openLayers(createReadStream(file));
  try {
    if (await isDeep(content)) throw new StreamkitError("input", `"${file}": ${tooDeep()}`);
  } finally {
    await close();
  }
}

async function isDeep(content: AsyncGenerator<Buffer, unknown>): Promise<boolean> {
  const reader = byteReader(content);
  const start = (await reader.peek(FIRST_BYTES)).toString("utf8");
  const holdsDeep = lineMeter();
  const lines = isFirstLineWhole(start) ? rest(reader) : valuesAsLines(rest(reader));
  for await (const chunk of lines) if (holdsDeep(chunk)) return true;
  return holdsDeep(Buffer.of(LINE_FEED));
}

/** Where the first line is no value, values go over lines however DuckDB likes. */
function isFirstLineWhole(start: string): boolean {
  const line = start.trimStart().split("\n")[0] ?? "";
  if (!start.includes("\n")) return true;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

async function* rest(reader: ByteReader): AsyncGenerator<Buffer, void> {
  while ((await reader.peek(1)).length > 0) yield await reader.takeSome(FIRST_BYTES);
}

/** A line that lies in several chunks is put together. */
function lineMeter(): (bytes: Buffer) => boolean {
  let parts: Buffer[] = [];
  return (bytes) => {
    const wholeBytes = bytes.lastIndexOf(LINE_FEED) + 1;
    const first = bytes.indexOf(LINE_FEED) + 1;
    if (wholeBytes === 0) {
      parts.push(Buffer.from(bytes));
      return false;
    }
    const line = Buffer.concat([...parts, bytes.subarray(0, first)]);
    parts = wholeBytes === bytes.length ? [] : [Buffer.from(bytes.subarray(wholeBytes))];
    return holdsDeepLine(line, "json") || holdsDeepLine(bytes.subarray(first, wholeBytes), "json");
  };
}

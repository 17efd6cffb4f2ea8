/** For formats with lines of fields: the line that holds where a range of a file begins. */

import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { openLayers } from "../../content/layers.ts";
import { lastFieldLine, NO_FIELDS, openFieldLines } from "../field-lines.ts";
import type { FileRange } from "./contents.ts";

export interface FieldLeads {
  before(file: string, range: FileRange): Promise<string | undefined>;
}

const LINE_FEED = 10;

export function openFieldLeads(encoding: string | undefined): FieldLeads {
  const plain = openFieldLines();
  /** Of packed files, what holds behind the last part that was looked at. */
  const known = new Map<string, { readonly offset: number; readonly line: string }>();
  return {
    async before(file, range) {
      if (range.is === "plain") return plain.before(file, range.start);
      if (range.is !== "coded") return undefined;
      const { part } = range;
      const earlier = known.get(file);
      const line =
        earlier?.offset === part.from ? earlier.line : await lastInContent(file, part.from, encoding);
      const own = lastFieldLine(await readFile(part.path));
      known.set(file, { offset: part.to, line: own ?? line });
      return line;
    },
  };
}

/** The last line of fields in the first `end` bytes of what is packed in a file; a line begins there. */
async function lastInContent(file: string, end: number, encoding: string | undefined): Promise<string> {
  if (end === 0) return NO_FIELDS;
  const { content, close } = await openLayers(createReadStream(file), { encoding });
  let found = NO_FIELDS;
  let offset = 0;
  let half: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of content) {
      const bytes = Buffer.concat([half, chunk.subarray(0, end - offset)]);
      offset += chunk.length;
      const whole = bytes.subarray(0, bytes.lastIndexOf(LINE_FEED) + 1);
      found = lastFieldLine(whole) ?? found;
      half = Buffer.from(bytes.subarray(whole.length));
      if (offset >= end) break;
    }
  } finally {
    await close();
  }
  return found;
}

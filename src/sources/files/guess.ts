/** The format of files for which a job names none: the first of them tells it, by its content and name. */

import { createReadStream } from "node:fs";
import { openLayers } from "../../content/layers.ts";

export interface Guess {
  readonly format: "json" | "csv" | "parquet" | "combined" | "common";
  readonly delimiter?: string;
  /** What tells it, as in "by its name". */
  readonly by: "its content" | "its name";
}

const FIRST_BYTES = 65_536;

/** Undefined where nothing tells. */
export async function guessFormat(file: string, encoding?: string): Promise<Guess | undefined> {
  const { how, inner, content, close } = await openLayers(createReadStream(file, { end: FIRST_BYTES }), {
    encoding,
    isJson: true,
  });
  try {
    if (inner.is === "parquet" && how === "") return { format: "parquet", by: "its content" };
    if (inner.is !== "text") return undefined;
    const line = await firstLine(content);
    return byContent(line) ?? byName(file, line);
  } finally {
    await close();
  }
}

async function firstLine(content: AsyncGenerator<Buffer, unknown>): Promise<string> {
  let text = "";
  for await (const chunk of content) {
    text = (text + chunk.toString("utf8")).replace(/^[\uFEFF\0\s]+/, "");
    if (text.includes("\n") || text.length > FIRST_BYTES) break;
  }
  return text.split("\n")[0]?.trimEnd() ?? "";
}

/** `combined` has a quoted referrer behind what `common` has. */
const LOG_LINE = /^\S+ \S+ .* \[\d\d\/[A-Z][a-z]{2}\/\d{4}(?::\d\d){3} [+-]\d{4}\] ".*" \d{3} (?:\d+|-)( ")?/;

function byContent(line: string): Guess | undefined {
  if (isObject(line)) return { format: "json", by: "its content" };
  const log = LOG_LINE.exec(line);
  return log === null
    ? undefined
    : { format: log[1] === undefined ? "common" : "combined", by: "its content" };
}

function isObject(line: string): boolean {
  if (!line.startsWith("{")) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** Rotation and compression add to a name. */
const ADDED = /(?:\.(?:gz|zst|zstd|\d+|tmp|part))+$/i;

function byName(file: string, line: string): Guess | undefined {
  const ending = /\.([A-Za-z]+)$/.exec(file.replace(ADDED, ""))?.[1]?.toLowerCase();
  switch (ending) {
    case "csv":
      return { format: "csv", by: "its name" };
    case "tsv":
      return { format: "csv", by: "its name", ...(line.includes("\t") ? { delimiter: "\t" } : {}) };
    case "json":
    case "ndjson":
    case "jsonl":
      return { format: "json", by: "its name" };
    default:
      return undefined;
  }
}

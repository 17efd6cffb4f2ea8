/** A job of one query, from `--sql`. */

import { stringify } from "yaml";

export interface InlineJob {
  readonly sql: string;
  readonly mode: string;
  readonly format: string;
  /** `ts TIMESTAMP, price DOUBLE`; found from the first lines if undefined. */
  readonly schema: string | undefined;
  readonly time: string | undefined;
  readonly watermark: string | undefined;
  readonly pattern: string | undefined;
  /** An endpoint URL. */
  readonly from: string;
}

/** The job's YAML: what a person would write. */
export function inlineJobText(inline: InlineJob): string {
  const source = {
    from: inline.from,
    format: inline.format,
    ...(inline.schema === undefined ? {} : { schema: parseColumns(inline.schema) }),
    ...(inline.time === undefined ? {} : { time: inline.time }),
    ...(inline.watermark === undefined ? {} : { watermark: inline.watermark }),
    ...(inline.pattern === undefined ? {} : { pattern: inline.pattern }),
  };
  return stringify({
    name: "sql",
    sources: { input: source },
    queries: { sql: { mode: inline.mode, sql: inline.sql } },
  });
}

/** The flag that a key of this job came from; `input` for what is about the stream as a whole. */
export function inlineFlagOf(keyPath: readonly PropertyKey[]): string {
  const [part, , key, column] = keyPath.map(String);
  if (part !== "sources") return key === "mode" ? "--mode" : "--sql";
  if (key === undefined) return "input";
  return `--${key === "from" ? "in" : key}${column === undefined ? "" : ` ${column}`}`;
}

/** `a INTEGER, b STRUCT(c VARCHAR, d DATE)` → names and types; commas in parentheses stay. */
function parseColumns(text: string): Record<string, string> {
  const columns: Record<string, string> = {};
  let depth = 0;
  let start = 0;
  const take = (end: number): void => {
    const match = /^\s*("?)([^"\s:]+)\1\s*:?\s+(.+?)\s*$/s.exec(text.slice(start, end));
    if (match?.[2] !== undefined && match[3] !== undefined) columns[match[2]] = match[3];
    else if (text.slice(start, end).trim() !== "") columns[text.slice(start, end).trim()] = "";
  };
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === "(" || text[index] === "[") depth += 1;
    else if (text[index] === ")" || text[index] === "]") depth -= 1;
    else if (text[index] === "," && depth === 0) {
      take(index);
      start = index + 1;
    }
  }
  take(text.length);
  return columns;
}

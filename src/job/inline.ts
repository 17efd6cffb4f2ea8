/** Jobs that stand in no file: of one query, from `--sql`, and of one table, from `write`. */

import { stringify } from "yaml";
import { StreamkitError } from "../base/error.ts";

/** What is read. */
interface InlineSource {
  readonly format: string;
  /** `ts TIMESTAMP, price DOUBLE`; found from the first lines if undefined. */
  readonly schema: string | undefined;
  readonly time: string | undefined;
  readonly watermark: string | undefined;
  readonly pattern: string | undefined;
  /** Of times without a UTC offset. */
  readonly timezone: string | undefined;
  readonly logFormat: string | undefined;
  readonly delimiter: string | undefined;
  readonly maxBad: string | undefined;
  /** An endpoint URL. */
  readonly from: string;
}

export interface InlineJob extends InlineSource {
  readonly sql: string;
  readonly mode: string;
}

export interface InlineTable extends InlineSource {
  /** Names the files. */
  readonly name: string;
  /** The options of the sink `parquet:`. */
  readonly parquet: Readonly<Record<string, unknown>>;
}

/** The job's YAML: what a person would write. */
export function inlineJobText(inline: InlineJob): string {
  return stringify({
    name: "sql",
    sources: { input: sourceOf(inline) },
    queries: { sql: { mode: inline.mode, sql: inline.sql } },
  });
}

/** The same of a job that writes what it reads into a table. */
export function writeJobText({ name, parquet, ...inline }: InlineTable): string {
  const sinks = [{ from: "input", parquet }];
  return stringify({ name, sources: { input: sourceOf(inline) }, sinks });
}

function sourceOf(inline: InlineSource): Readonly<Record<string, unknown>> {
  return {
    from: inline.from,
    format: inline.format,
    ...(inline.schema === undefined ? {} : { schema: parseColumns(inline.schema) }),
    ...(inline.time === undefined ? {} : { time: inline.time }),
    ...(inline.watermark === undefined ? {} : { watermark: inline.watermark }),
    ...(inline.pattern === undefined ? {} : { pattern: inline.pattern }),
    ...(inline.timezone === undefined ? {} : { timezone: inline.timezone }),
    ...(inline.logFormat === undefined ? {} : { log_format: inline.logFormat }),
    ...(inline.maxBad === undefined ? {} : { max_bad: inline.maxBad }),
    ...(inline.delimiter === undefined ? {} : { delimiter: inline.delimiter }),
  };
}

/** The flag that a key of this job came from; `input` for what is about the stream as a whole. */
export function inlineFlagOf(keyPath: readonly PropertyKey[]): string {
  const [part, , key, column, inner] = keyPath.map(String);
  if (part === "sinks") return tableFlagOf(column, inner);
  if (part !== "sources") return key === "mode" ? "--mode" : "--sql";
  if (key === undefined) return "input";
  return `--${key === "from" ? "in" : key.replaceAll("_", "-")}${column === undefined ? "" : ` ${column}`}`;
}

/** `roll: { rows }` is `--roll-rows`; what `write` has no flag for is given by `--set`. */
function tableFlagOf(option: string | undefined, inner: string | undefined): string {
  switch (option) {
    case undefined:
      return "--table";
    case "roll":
      return inner === undefined ? "--roll-rows" : `--roll-${inner}`;
    case "complete":
      return `--set sinks.0.parquet.complete.${inner ?? ""}`;
    default:
      return `--${option.replaceAll("_", "-")}`;
  }
}

/** `a INTEGER, b STRUCT(c VARCHAR, d DATE)` → names and types; commas in parentheses and quotes stay. */
function parseColumns(text: string): Record<string, string> {
  const columns: Record<string, string> = {};
  for (const definition of definitionsIn(text)) {
    const { name, type } = nameAndType(definition);
    if (Object.hasOwn(columns, name))
      throw new StreamkitError("usage", `--schema ${name}: two columns have this name: found "${text}"`);
    columns[name] = type;
  }
  return columns;
}

/** What is between the commas. */
function definitionsIn(text: string): string[] {
  const definitions: string[] = [];
  let depth = 0;
  let start = 0;
  let isQuoted = false;
  for (let index = 0; index <= text.length; index += 1) {
    const letter = text[index];
    if (letter === '"') isQuoted = !isQuoted;
    if (letter === undefined || (letter === "," && depth === 0 && !isQuoted)) {
      definitions.push(text.slice(start, index).trim());
      start = index + 1;
    } else if (isQuoted) continue;
    else if (letter === "(" || letter === "[") depth += 1;
    else if (letter === ")" || letter === "]") depth -= 1;
  }
  if (isQuoted) throw new StreamkitError("usage", `--schema: a quote is not closed: found "${text}"`);
  return definitions.filter((definition) => definition !== "");
}

/** `"odd name" INTEGER`, where `""` stands for a quote, or `name: INTEGER`. */
function nameAndType(definition: string): { readonly name: string; readonly type: string } {
  const match = /^(?:"((?:[^"]|"")+)"|([^"\s:]+))\s*(?::\s*|\s+)(\S.*)$/s.exec(definition);
  const name = match?.[1]?.replaceAll('""', '"') ?? match?.[2];
  if (name === undefined || match?.[3] === undefined)
    throw new StreamkitError(
      "usage",
      `--schema: a column is NAME TYPE, or "NAME" TYPE where the name is odd: found "${definition}"`,
    );
  return { name, type: match[3] };
}

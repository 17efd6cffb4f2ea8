/** The input of an example as the lines that its sources would read. */

import { formatOf } from "../ingest/source-reader.ts";
import type { LoadedJob } from "../job/load.ts";
import type { TestConfig } from "../job/schema.ts";

/** One record of a source with its line feed; before the first one of a CSV source also its header. */
export interface ExampleLine {
  readonly source: string;
  readonly text: string;
}

type Entry = string | Readonly<Record<string, unknown>>;

/**
 * The lines in the order in which they come: the first of each source, then the second of each, and so on.
 * Throws code `job` where rows are no rows of a source's format.
 */
export function exampleLines(job: LoadedJob, test: TestConfig, index: number): readonly ExampleLine[] {
  const bySource = Object.entries(test.input).map(([source, entries]) => {
    const config = job.config.sources[source];
    const format = config === undefined ? "json" : formatOf(config).name;
    const rows = typeof entries === "string" ? textLines(entries) : entries;
    const isText = (entry: Entry): entry is string => typeof entry === "string";
    const firstRow = rows.findIndex((entry) => !isText(entry));
    if (firstRow >= 0 && format !== "json" && format !== "csv")
      throw job.errorAt(
        ["tests", index, "input", source, firstRow],
        `a line of text is expected: rows as mappings are for the formats json and csv, not for ${format}`,
      );
    if (format === "csv") {
      const { delimiter = ",", schema = {} } = job.config.sources[source] ?? {};
      return csvLines(rows, delimiter, Object.keys(schema)).map((text) => ({ source, text }));
    }
    return rows.map((entry) => ({ source, text: `${isText(entry) ? entry : jsonText(entry)}\n` }));
  });
  const longest = Math.max(0, ...bySource.map((lines) => lines.length));
  return Array.from({ length: longest }, (_, at) => bySource.flatMap((lines) => lines[at] ?? [])).flat();
}

/** A block of text, as YAML gives it. */
function textLines(text: string): readonly string[] {
  return text.replace(/\n$/, "").split("\n");
}

/** Integers beyond 2^53 are bigints in a job that is written in TypeScript. */
function jsonText(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(row, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}

/** Where the first entry is text, it is the header; else the schema and the rows' own keys are. */
function csvLines(
  entries: readonly Entry[],
  delimiter: string,
  columns: readonly string[],
): readonly string[] {
  const [first] = entries;
  const hasHeader = typeof first === "string";
  const rows = hasHeader ? entries.slice(1) : entries;
  const keys = entries.flatMap((entry) => (typeof entry === "string" ? [] : Object.keys(entry)));
  const names = hasHeader ? first.split(delimiter) : [...new Set([...columns, ...keys])];
  const header = names.map((name) => (hasHeader ? name : csvValue(name, delimiter))).join(delimiter);
  const lines = rows.map((entry) =>
    typeof entry === "string"
      ? `${entry}\n`
      : `${names.map((name) => csvValue(entry[name], delimiter)).join(delimiter)}\n`,
  );
  return lines.map((line, at) => (at === 0 ? `${header}\n${line}` : line));
}

/** No value is an empty one, which CSV readers take for NULL. */
function csvValue(value: unknown, delimiter: string): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  const needsQuotes = text === "" || /["\r\n]/.test(text) || text.includes(delimiter);
  return needsQuotes ? `"${text.replaceAll('"', '""')}"` : text;
}

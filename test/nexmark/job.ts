/** The job of `fixtures/nexmark.yaml`, taken apart: its queries, and jobs of some of them. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";

const FIXTURES = path.join(import.meta.dir, "../../fixtures");
/** The table that q13 joins with. */
export const SIDE_INPUT = path.join(FIXTURES, "nexmark-side-input.csv");

interface QueryEntry {
  readonly sql: string;
  readonly mode?: "append" | "update";
  readonly key?: readonly string[];
  readonly state?: string;
}

interface Source {
  readonly from: string;
  readonly schema: Readonly<Record<string, string>>;
  readonly time: string;
  readonly watermark: string;
  readonly received: string;
}

interface Sink {
  readonly from: string;
}

interface Document {
  readonly name: string;
  readonly sources: { readonly events: Source };
  readonly tables: Readonly<Record<string, unknown>>;
  readonly queries: Readonly<Record<string, string | QueryEntry>>;
  readonly sinks: readonly Sink[];
}

const document = parse(readFileSync(path.join(FIXTURES, "nexmark.yaml"), "utf8")) as Document;

export const EVENT_SCHEMA = document.sources.events.schema;

/** All queries in the order of the file, in which each comes after what it reads. */
export const QUERIES: Readonly<Record<string, QueryEntry>> = Object.fromEntries(
  Object.entries(document.queries).map(([name, query]) => [
    name,
    typeof query === "string" ? { sql: query } : query,
  ]),
);

/** q0, q1, … q22: without the queries that only serve them. */
export const NEXMARK_QUERIES = Object.keys(QUERIES).filter((name) => /^q\d+$/.test(name));

/** The key of each query in update mode: what it says, or the keys of its GROUP BY. */
export const KEYS: Readonly<Record<string, readonly string[]>> = {
  q4: ["category"],
  q6: ["seller"],
  q15: ["day"],
  q16: ["channel", "day"],
  q17: ["auction", "day"],
  ...Object.fromEntries(Object.entries(QUERIES).flatMap(([name, { key }]) => (key ? [[name, key]] : []))),
};

/** The queries named and those that they read, in the order of the file. */
export function withWhatTheyRead(names: readonly string[]): Readonly<Record<string, QueryEntry>> {
  const needed = new Set<string>();
  const need = (name: string): void => {
    const query = QUERIES[name];
    if (query === undefined || needed.has(name)) return;
    needed.add(name);
    for (const [, read = ""] of query.sql.matchAll(/\b(?:FROM|JOIN)\s+(?:(?:tumble|hop|session)\()?(\w+)/g))
      need(read);
  };
  names.forEach(need);
  return Object.fromEntries(Object.entries(QUERIES).filter(([name]) => needed.has(name)));
}

export interface JobPlace {
  /** Where the events are, and the time that they may come late. */
  readonly events: string;
  readonly watermark: string;
  /** The folder of the queries' files: `OUT` of the job's text. */
  readonly out: string;
}

/** The text of a job of these queries, which may stand in any folder. */
export function jobTextOf(names: readonly string[], { events, watermark, out }: JobPlace): string {
  const queries = withWhatTheyRead(names);
  const { received, ...source } = document.sources.events;
  const isReceived = Object.values(queries).some(({ sql }) => sql.includes(received));
  return stringify({
    name: "nexmark",
    sources: {
      events: { ...source, ...(isReceived ? { received } : {}), from: `file:${events}`, watermark },
    },
    tables: names.includes("q13") ? { side_input: { from: `file:${SIDE_INPUT}` } } : {},
    queries,
    sinks: document.sinks.filter(({ from }) => names.includes(from)),
  }).replaceAll("${OUT:-./out}", out);
}

/** Files as a source reads them: in one batch, and cut into batches of a few bytes. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import type { Column } from "../../src/duckdb/database.ts";
import { openRun } from "../../src/verify/run.ts";
import { jobIn } from "../verify/job.ts";

interface Dead {
  readonly origin: string;
  readonly byte_offset: number;
  readonly line: string;
  readonly reason: string;
}

export interface Read {
  /** Rows as the JSON text of a file sink, in their order. */
  readonly rows: readonly string[];
  readonly columns: readonly Column[];
  readonly dead: readonly Dead[];
}

export interface Way {
  /** Keys of the source `input` as YAML flow: `format: csv, time: ts`. */
  readonly source: string;
  /** Bytes that a batch takes at most. */
  readonly batchBytes?: number;
  readonly sql?: string;
  readonly tables?: string;
}

/** `files` by name; the source reads `in/*`. */
export async function readFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
  way: Way,
): Promise<Read> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-world-"));
  const yaml = `
sources: { input: { from: "file:in/*", ${way.source} } }
${way.tables === undefined ? "" : `tables: ${way.tables}`}
queries: { rows: ${JSON.stringify(way.sql ?? "SELECT * FROM input")} }
sinks: [ { from: rows, to: "file:rows.ndjson" }, { from: dead_letters, to: "file:dead.ndjson" } ]`;
  try {
    const texts = Object.entries(files).filter(([, content]) => typeof content === "string");
    const job = jobIn(folder, yaml, Object.fromEntries(texts) as Record<string, string>);
    mkdirSync(join(folder, "in"), { recursive: true });
    for (const [name, content] of Object.entries(files))
      if (typeof content !== "string") writeFileSync(join(folder, name), content);
    const run = await openRun(job, { folder, clock: systemClock, isDurable: false });
    const { prepared } = run.open();
    const share = { input: way.batchBytes ?? 16 * 1024 * 1024 };
    while (prepared.readers.some(({ source }) => !source.isEnded())) await run.batch(share, false);
    await run.batch({}, true);
    await run.close();
    const lines = (name: string): string[] =>
      readFileSync(join(folder, name), "utf8")
        .split("\n")
        .filter((line) => line !== "");
    return {
      rows: lines("rows.ndjson"),
      columns: prepared.outputs.get("rows")?.columns ?? [],
      dead: lines("dead.ndjson").map((line) => JSON.parse(line) as Dead),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The types of the columns, by name. */
export function typesOf({ columns }: Pick<Read, "columns">): Record<string, string> {
  return Object.fromEntries(columns.map(({ name, type }) => [name, type]));
}

/** A job that writes to a table, its folder and its runs, for the tests of databases' sinks. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { emptyFolder, type RunResult } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";

export interface SinkJob extends Disposable {
  readonly folder: string;
  readonly file: string;
  /** The job's name too. */
  readonly table: string;
  readonly env: Readonly<Record<string, string>>;
  /** The job of this folder, over all files that were put into it, until all is written. */
  once(rows?: readonly unknown[], options?: RunWith): Promise<RunResult>;
  /** One more file for the source. */
  put(rows: readonly unknown[]): void;
}

interface RunWith {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface JobParts {
  readonly sql?: string;
  readonly mode?: string;
  readonly key?: readonly string[];
  /** The sink's entry, but for `from`, given the table's name. */
  readonly sink: (table: string) => Readonly<Record<string, unknown>>;
  /** Undefined = none. */
  readonly checkpoint?: string | undefined;
  readonly schema?: Readonly<Record<string, string>>;
  readonly sinks?: readonly Readonly<Record<string, unknown>>[];
  readonly env?: Readonly<Record<string, string>>;
}

let tables = 0;

/** A table's or job's name that nothing else has. */
export function freshTable(prefix = "out"): string {
  tables += 1;
  return `${prefix}_${process.pid}_${tables}`;
}

const SCHEMA = { k: "VARCHAR", v: "BIGINT" };

export function sinkJob(parts: JobParts, table = freshTable()): SinkJob {
  const temporary = emptyFolder();
  const folder = temporary.path;
  mkdirSync(join(folder, "in"));
  const file = join(folder, "job.yaml");
  const query = {
    ...(parts.mode === undefined ? {} : { mode: parts.mode }),
    ...(parts.key === undefined ? {} : { key: parts.key }),
  };
  writeFileSync(
    file,
    stringify({
      name: table,
      ...("checkpoint" in parts && parts.checkpoint === undefined
        ? {}
        : { checkpoint: parts.checkpoint ?? "state" }),
      batch: 0,
      sources: { rows: { from: "file:in/*.ndjson", schema: parts.schema ?? SCHEMA } },
      queries: { q: { sql: parts.sql ?? "SELECT * FROM rows", ...query } },
      sinks: [{ from: "q", ...parts.sink(table) }, ...(parts.sinks ?? [])],
    }),
  );
  let files = 0;
  const put = (rows: readonly unknown[]): void => {
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
    writeFileSync(join(folder, `in/${String(files).padStart(4, "0")}.ndjson`), text);
    files += 1;
  };
  const env = { ...process.env, ...parts.env } as Record<string, string>;
  return {
    folder,
    file,
    table,
    env,
    put,
    async once(rows, { flags = ["--available-now"], env: more = {} } = {}) {
      if (rows !== undefined) put(rows);
      return streamkit(["process", file, ...flags], { env: { ...env, ...more } });
    },
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  };
}

/** Jobs that write a table, run by the finished program in a folder of their own. */

import { existsSync, globSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { stringify } from "yaml";
import { emptyFolder, type RunResult } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";

export interface TableJob extends Disposable {
  readonly folder: string;
  /** Runs the job over these rows; `until` the end of the input unless told otherwise. */
  run(rows: readonly object[], how?: Run): Promise<RunResult>;
  /** The table's files, relative to it, without what begins with `_`; sorted. */
  files(): string[];
  /** The same with all that is there. */
  everything(): string[];
  readonly table: string;
}

/** What is another than in the other runs. */
interface Run {
  readonly flags?: readonly string[];
  readonly query?: string;
  readonly parquet?: object;
}

export interface TableJobOptions {
  /** Of the source `rows`; its time is `ts`, where it has that. */
  readonly schema: Readonly<Record<string, string>>;
  readonly query?: string;
  /** The sink's options beside the table's name. */
  readonly parquet: object;
  readonly watermark?: string;
  /** False for state in memory only. */
  readonly checkpoint?: boolean;
}

export function tableJob({
  schema,
  query,
  parquet,
  watermark = "0s",
  checkpoint = true,
}: TableJobOptions): TableJob {
  const folder = emptyFolder();
  const table = join(folder.path, "warehouse/t");
  const all = (): string[] =>
    existsSync(table)
      ? globSync(join(table, "**/*"), { withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => relative(table, join(entry.parentPath, entry.name)))
          .toSorted()
      : [];
  return {
    folder: folder.path,
    table,
    async run(rows, how = {}) {
      const job = {
        name: "job",
        ...(checkpoint ? { checkpoint: "state" } : {}),
        batch: 0,
        sources: { rows: { from: "-", schema, ...("ts" in schema ? { time: "ts", watermark } : {}) } },
        queries: { q: how.query ?? query ?? "SELECT * FROM rows" },
        sinks: [
          { from: "q", parquet: { table: "t", ...parquet, ...how.parquet } },
          { from: "dead_letters", to: "file:dead.ndjson" },
        ],
      };
      writeFileSync(join(folder.path, "job.yaml"), stringify(job));
      const input = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
      const flags = how.flags ?? ["--once"];
      return streamkit(["process", join(folder.path, "job.yaml"), ...flags], { input, cwd: folder.path });
    },
    files: () => all().filter((name) => !name.split("/").some((part) => part.startsWith("_"))),
    everything: all,
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** Jobs that write an Iceberg table, run in a folder of their own by the finished program. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { emptyFolder, type RunResult } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";

export interface IcebergJob extends Disposable {
  readonly folder: string;
  readonly warehouse: string;
  /** The table's folder. */
  readonly table: string;
  /** Runs the job over these rows, and nothing else of its input. */
  run(rows: readonly object[], how?: Run): Promise<RunResult>;
}

interface Run {
  readonly schema?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly iceberg?: object;
  readonly state?: string;
  readonly name?: string;
  readonly flags?: readonly string[];
  readonly command?: "process" | "check";
}

/** `iceberg` are the sink's options beside the table's name, `db.t`. */
export function icebergJob(schema: Readonly<Record<string, string>>, iceberg: object = {}): IcebergJob {
  const folder = emptyFolder();
  const warehouse = join(folder.path, "warehouse");
  let files = 0;
  return {
    folder: folder.path,
    warehouse,
    table: join(warehouse, "db/t"),
    async run(rows, how = {}) {
      files += 1;
      const input = `in-${how.name ?? "job"}-${how.state ?? "state"}`;
      writeFileSync(
        join(folder.path, "job.yaml"),
        stringify({
          name: how.name ?? "job",
          checkpoint: how.state ?? "state",
          sources: { rows: { from: `file:${input}/*.ndjson`, schema: how.schema ?? schema } },
          queries: { q: how.query ?? "SELECT * FROM rows" },
          sinks: [{ from: "q", iceberg: { table: "db.t", ...iceberg, ...how.iceberg } }],
        }),
      );
      const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
      await Bun.write(join(folder.path, input, `${String(files).padStart(5, "0")}.ndjson`), lines);
      const { command = "process", flags = command === "process" ? ["--available-now"] : [] } = how;
      return streamkit([command, "job.yaml", ...flags], { cwd: folder.path });
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/**
 * The job that is killed: a source that can be read again and one that can't, and a query of each execution.
 * What its sinks must hold in the end is what plain DuckDB says of the whole input.
 */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { openDatabase } from "../../src/duckdb/database.ts";
import { id, sql, stringStruct } from "../../src/duckdb/sql.ts";
import { WINDOW_MACROS } from "../../src/sql/window-macros.ts";
import { appliedRows, linesOf } from "../../src/verify/rows.ts";
import { isHiddenName } from "../../src/warehouse/store.ts";
import { answersOf, difference } from "../equation/answers.ts";
import type { QuerySpec } from "../equation/streaming.ts";
import { parquetRows } from "../support/warehouse.ts";

const SCHEMA = { id: "BIGINT", ts: "TIMESTAMP", k: "VARCHAR", v: "BIGINT" };

const QUERIES: Readonly<Record<string, QuerySpec>> = {
  piped_rows: { sql: "SELECT * FROM piped" },
  all_rows: { sql: "SELECT id, ts, k, v FROM piped_rows UNION ALL SELECT id, ts, k, v FROM filed" },
  sums: {
    sql: `SELECT k, window_start, count(*) AS n, sum(v)::BIGINT AS v, arg_max(v, ts) AS latest
      FROM tumble(piped_rows, ts, INTERVAL 10 SECOND) GROUP BY ALL`,
  },
  medians: {
    sql: `SELECT k, window_start, median(v) AS middle, count(DISTINCT v) AS different
      FROM tumble(filed, ts, INTERVAL 10 SECOND) GROUP BY ALL`,
  },
  live: { sql: "SELECT k, count(*) AS n, max(v) AS high FROM all_rows GROUP BY ALL", mode: "update" },
};

const STORED = ["piped_rows", "sums", "medians"];

/** `warehouse` is where the tables are, `wh` in the job's folder if left out. */
export function crashJob(warehouse = "wh"): string {
  return stringify(jobWith(warehouse));
}

/** With a rate, the pipe's segments are cut in the middle. */
const jobWith = (warehouse: string) => ({
  name: "crash",
  checkpoint: "state",
  batch: 0,
  sources: {
    piped: { from: "-", schema: SCHEMA, watermark: "2s", rate: 250 },
    filed: { from: "file:in/*.ndjson", schema: SCHEMA, watermark: "2s" },
  },
  queries: QUERIES,
  sinks: [
    ...Object.keys(QUERIES).map((name) => ({ from: name, to: `file:out/${name}.ndjson` })),
    ...STORED.map((name) => ({
      from: name,
      parquet: { warehouse, table: name, partition_by: ["part=k"] },
    })),
    // Rows that wait over batches and lives, until there are enough of them or their time has passed.
    {
      from: "all_rows",
      parquet: { warehouse, table: "all_rows", partition_by: ["part=k"], roll: { rows: 70 } },
    },
    {
      from: "sums",
      parquet: {
        warehouse,
        table: "rolled.sums",
        partition_by: ["part=time_bucket(INTERVAL 20 SECOND, window_start)"],
        roll: { rows: 1_000_000 },
      },
    },
  ],
});

const START_MS = Date.UTC(2026, 0, 5, 14, 30);

/** Lines whose ids count up; times go back by less than the watermark allows. */
export function linesFrom(firstId: number, count: number, random: (below: number) => number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const number = firstId + index;
    const ts = new Date(START_MS + number * 100 - random(1900)).toISOString();
    return JSON.stringify({ id: number, ts, k: "abcd"[random(4)], v: random(1000) });
  });
}

/**
 * The highest id that the job has taken from its pipe, 0 if there is none: in the sink, in the spool, or in
 * both. A line that was cut off when the process died was not taken.
 */
export function takenId(folder: string): number {
  const spool = join(folder, "state/segments/piped");
  const files = existsSync(spool) ? readdirSync(spool).map((name) => join(spool, name)) : [];
  const lines = [...files, join(folder, "out/piped_rows.ndjson")].flatMap((file) =>
    existsSync(file) ? linesOf(readFileSync(file, "utf8")) : [],
  );
  return lines.reduce((highest, line) => Math.max(highest, idOf(line)), 0);
}

function idOf(line: string): number {
  try {
    return (JSON.parse(line) as { id: number }).id;
  } catch {
    return 0;
  }
}

interface JobText {
  readonly queries: Readonly<Record<string, QuerySpec>>;
  readonly sources: Readonly<Record<string, { readonly schema: Readonly<Record<string, string>> }>>;
  readonly sinks: readonly { readonly from: string; readonly parquet?: unknown }[];
}

/**
 * What is wrong with the sinks of the job in a folder after the whole input: `piped` went through the pipe,
 * the rest lies in `in`. The job file says what is right, as it was when the folder was made.
 */
export async function wrongInSinks(folder: string, piped: readonly string[]): Promise<string[]> {
  const at = (name: string): string => join(folder, name);
  const { queries, sources, sinks } = parse(readFileSync(at("job.yaml"), "utf8")) as JobText;
  await Bun.write(at("piped.ndjson"), piped.map((line) => `${line}\n`).join(""));
  const database = await openDatabase({ threads: 1 });
  const wrong: string[] = [];
  try {
    await database.run(WINDOW_MACROS);
    for (const [name, files] of Object.entries({ piped: at("piped.ndjson"), filed: at("in/*.ndjson") })) {
      const columns = stringStruct(Object.entries(sources[name]?.schema ?? {}));
      await database.run(sql`CREATE TABLE ${id(name)} AS
        FROM read_json(${files}, format = 'newline_delimited', columns = ${columns})`);
    }
    for (const [name, answer] of await answersOf(database, queries)) {
      const written = linesOf(readFileSync(at(`out/${name}.ndjson`), "utf8"));
      const inFile = difference(
        queries[name]?.mode === "update" ? appliedRows(written, ["k"]) : written,
        answer,
      );
      if (inFile !== undefined) wrong.push(`file sink of ${name}: ${inFile}`);
      if (!sinks.some(({ from, parquet }) => from === name && parquet !== undefined)) continue;
      for (const table of [`wh/${name}`, `wh/rolled.db/${name}`].filter((one) => existsSync(at(one)))) {
        const rows = await parquetRows(at(table));
        const stored = rows.map(({ part: _part, ...row }) => JSON.stringify(row));
        const inParquet = difference(stored, answer);
        if (inParquet !== undefined) wrong.push(`Parquet sink of ${name}, ${table}: ${inParquet}`);
      }
    }
  } finally {
    database.close();
  }
  const working = [at("wh"), at("state/segments")].flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
      (name) => /stag|segment\b/.test(name) && statSync(join(root, name)).size > 0,
    ),
  );
  // A small file that waits for its name is in nobody's way: it is swept away when it is an hour old.
  const left = working.filter((name) => !isHiddenName(name));
  return left.length === 0 ? wrong : [...wrong, `left behind: ${left.join(", ")}`];
}

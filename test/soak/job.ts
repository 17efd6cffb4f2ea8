/** The job that is soaked: events by HTTP and from a log that rotates, windows, and keys that stay. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { openDatabase } from "../../src/duckdb/database.ts";
import { id, sql, stringStruct } from "../../src/duckdb/sql.ts";
import { WINDOW_MACROS } from "../../src/sql/window-macros.ts";
import { appliedRows, linesOf } from "../../src/verify/rows.ts";
import { answersOf, difference } from "../equation/answers.ts";
import type { QuerySpec } from "../equation/streaming.ts";
import { parquetRows } from "../support/warehouse.ts";

const SCHEMA = { id: "BIGINT", ts: "TIMESTAMP", k: "VARCHAR", v: "BIGINT" };
const KEYS = ["a", "b", "c", "d"];

const ANSWERS: Readonly<Record<string, QuerySpec>> = {
  sums: {
    sql: `SELECT k, window_start, count(*) AS n, sum(v)::BIGINT AS v
      FROM tumble(followed, ts, INTERVAL 10 SECOND) GROUP BY ALL`,
  },
  live: { sql: "SELECT k, count(*) AS n, max(v) AS high FROM all_rows GROUP BY ALL", mode: "update" },
};

export function soakJob(port: number, batch: string | number): string {
  const source = (from: unknown) => ({ from, schema: SCHEMA, watermark: "5s" });
  return stringify({
    name: "soak",
    checkpoint: "state",
    batch,
    sources: {
      posted: source({ http: { listen: `127.0.0.1:${port}` } }),
      followed: source({ tail: { path: "log/*.log" } }),
    },
    queries: {
      all_rows: {
        sql: `SELECT 'posted' AS source, id, ts, k, v FROM posted
          UNION ALL SELECT 'followed' AS source, id, ts, k, v FROM followed`,
      },
      ...ANSWERS,
    },
    sinks: [
      ...["all_rows", ...Object.keys(ANSWERS)].map((name) => ({ from: name, to: `file:out/${name}.ndjson` })),
      {
        from: "all_rows",
        parquet: { warehouse: "wh", table: "all_rows", partition_by: ["part=k"], roll: { rows: 5000 } },
      },
    ],
  });
}

export function lineOf(number: number, nowMs: number): string {
  const k = KEYS[number % KEYS.length] ?? "";
  return JSON.stringify({ id: number, ts: new Date(nowMs).toISOString(), k, v: (number * 7919) % 1000 });
}

/** By id, how often it may have come: 1, or more where a POST's fate was not known and it was sent again. */
export type Sent = ReadonlyMap<number, number>;

/** What is wrong with the sinks after the whole input. */
export async function wrongAfter(folder: string, sent: Sent): Promise<readonly string[]> {
  const wrong: string[] = [];
  const linesAt = (name: string): readonly string[] => {
    const file = join(folder, `out/${name}.ndjson`);
    return existsSync(file) ? linesOf(readFileSync(file, "utf8")) : [];
  };
  const rows = linesAt("all_rows");
  const came = new Map<number, number>();
  for (const line of rows) {
    const { id: number } = JSON.parse(line) as { id: number };
    came.set(number, (came.get(number) ?? 0) + 1);
  }
  for (const [number, times] of sent) {
    const here = came.get(number) ?? 0;
    if (here < 1 || here > times)
      wrong.push(`event ${number} was sent ${times} times and came ${here} times`);
  }
  if (came.size > sent.size) wrong.push(`${came.size - sent.size} events came that nobody sent`);
  const database = await openDatabase({ threads: 1 });
  try {
    await database.run(WINDOW_MACROS);
    const file = join(folder, "out/all_rows.ndjson");
    const columns = stringStruct(Object.entries({ source: "VARCHAR", ...SCHEMA }));
    await database.run(sql`CREATE TABLE ${id("all_rows")} AS
      FROM read_json(${file}, format = 'newline_delimited', columns = ${columns});
      CREATE VIEW followed AS FROM all_rows WHERE source = 'followed'`);
    for (const [name, answer] of await answersOf(database, ANSWERS)) {
      const written = ANSWERS[name]?.mode === "update" ? appliedRows(linesAt(name), ["k"]) : linesAt(name);
      const found = difference(written, answer);
      if (found !== undefined) wrong.push(`${name}: ${found}`);
    }
  } finally {
    database.close();
  }
  const stored = (await parquetRows(join(folder, "wh/all_rows"))).map(({ part: _part, ...row }) =>
    JSON.stringify(row),
  );
  if (JSON.stringify(stored.toSorted()) !== JSON.stringify(rows.toSorted()))
    wrong.push(`the table of all_rows has ${stored.length} rows, the file ${rows.length}, or others`);
  return wrong;
}

/** Rows go into databases, and are written once, in Bun and in Deno alike. */

import { Database } from "bun:sqlite";
import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { openDatabase } from "../../src/duckdb/database.ts";
import { raw } from "../../src/duckdb/sql.ts";
import { type JobParts, sinkJob } from "../databases/sink-job.ts";
import { PASSWORD, type PostgresService, sharedPostgres } from "../services/postgres.ts";
import { run } from "../support/binary.ts";
import { DENO } from "./deno.ts";

const TIMEOUT_MS = 240_000;
const root = join(import.meta.dir, "../..");
const main = join(root, "src/main.ts");
const RUNTIMES: Readonly<Record<string, readonly [program: string, ...args: string[]]>> = {
  bun: [join(root, "node_modules/.bin/bun"), main],
  deno: [DENO, "run", "-A", main],
};

let postgres: PostgresService;
beforeAll(async () => {
  postgres = await sharedPostgres();
}, TIMEOUT_MS);

const SINKS: Readonly<Record<string, JobParts["sink"]>> = {
  postgres: (table) => ({
    postgres: {
      url: postgres.url,
      password: "${DB_PASSWORD}",
      tls: { ca: postgres.caFile },
      table,
      create: true,
    },
  }),
  duckdb: (table) => ({ duckdb: { file: "market.db", table, create: true } }),
  sqlite: (table) => ({ sqlite: { file: "market.db", table, create: true } }),
};

for (const [runtime, [program, ...args]] of Object.entries(RUNTIMES))
  for (const [name, sink] of Object.entries(SINKS))
    test(
      `${name} in ${runtime}`,
      async () => {
        using job = sinkJob({
          sink,
          sql: `SELECT k, sum(v)::BIGINT AS v, CASE WHEN k = 'a' THEN 1.5::DECIMAL(5, 2) END AS d
            FROM rows GROUP BY k`,
          mode: "update",
          env: { DB_PASSWORD: PASSWORD },
        });
        const once = async (env: Readonly<Record<string, string>> = {}) =>
          run(program, [...args, "process", job.file, "--available-now"], { env: { ...job.env, ...env } });
        job.put([
          { k: "a", v: 1 },
          { k: null, v: 2 },
          { k: "b", v: 3 },
        ]);
        expect(await once()).toMatchObject({ code: 0 });
        job.put([
          { k: "a", v: 9_007_199_254_740_990 },
          { k: null, v: 5 },
        ]);
        expect((await once({ STREAMKIT_FAILPOINT: "database-committed" })).code).not.toBe(0);
        expect(await once()).toMatchObject({ code: 0 });
        expect(await tableOf(job.folder, job.table, name)).toEqual([
          { k: null, v: "7", d: null },
          { k: "a", v: "9007199254740991", d: "1.50" },
          { k: "b", v: "3", d: null },
        ]);
      },
      TIMEOUT_MS,
    );

/** Texts, in the order of the key, NULL first. */
async function tableOf(folder: string, table: string, name: string): Promise<unknown[]> {
  const file = join(folder, "market.db");
  const query = `SELECT k, CAST(v AS VARCHAR(30)) AS v, CAST(d AS VARCHAR(30)) AS d
    FROM ${table} ORDER BY k NULLS FIRST`;
  if (name === "postgres") return postgres.query(query);
  if (name === "sqlite") {
    using database = new Database(file);
    return database.prepare(query.replace("CAST(d AS VARCHAR(30))", "d || '0'")).all();
  }
  const database = await openDatabase({ threads: 1, readOnlyPath: file });
  try {
    return await database.rows(raw(query));
  } finally {
    database.close();
  }
}

/** The sink `duckdb:`: modes, refused rows, mismatches, and who else has the file open. */

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../src/duckdb/database.ts";
import { raw } from "../../src/duckdb/sql.ts";
import type { RunResult } from "../support/binary.ts";
import { rowsOf as linesOf, start } from "../support/running.ts";
import { until } from "../support/until.ts";
import { type JobParts, type SinkJob, sinkJob } from "./sink-job.ts";

const TIMEOUT_MS = 120_000;

type Parts = Partial<JobParts> & {
  readonly duckdb?: Readonly<Record<string, unknown>>;
  /** What is in the file before. */
  readonly before?: string;
};

async function job({ duckdb = {}, before, ...parts }: Parts = {}): Promise<SinkJob> {
  const one = sinkJob(
    { sink: (table) => ({ duckdb: { file: "out/market.db", table, create: true, ...duckdb } }), ...parts },
    "report",
  );
  if (before !== undefined) await within(one, before);
  return one;
}

/** Statements in the job's file; the rows of the last one. */
async function within(one: SinkJob, ...statements: readonly string[]) {
  const database = await openDatabase({ threads: 1 });
  try {
    await Bun.$`mkdir -p ${join(one.folder, "out")}`;
    await database.run(raw(`ATTACH '${join(one.folder, "out/market.db")}' AS m; USE m`));
    const last = statements.at(-1) ?? "";
    for (const statement of statements.slice(0, -1)) await database.run(raw(statement));
    return await database.rows(raw(last));
  } finally {
    database.close();
  }
}

const rowsIn = (one: SinkJob) => within(one, "FROM report ORDER BY ALL");
const LETTERS = { sinks: [{ from: "dead_letters", to: "file:letters.ndjson" }] };

function lettersOf(one: SinkJob): { readonly line: string; readonly reason: string }[] {
  return linesOf(readFileSync(join(one.folder, "letters.ndjson"), "utf8"));
}

function said({ code, stderr }: RunResult, expected: number, words: string): void {
  expect([code, stderr]).toEqual([expected, stderr]);
  expect(stderr).toContain(words);
}

describe("modes", () => {
  test(
    "append: rows of each run are added, of every type as they are",
    async () => {
      const sql = `SELECT k, v, 170141183460469231731687303715884105727 AS huge, {'a': [1, NULL]} AS nested,
        TIMESTAMP_NS '2026-01-05 14:30:00.123456789' AS ns, 'nan'::DOUBLE AS nan FROM rows`;
      using one = await job({ sql });
      await one.once([{ k: "a\u0000b", v: 1 }]);
      await one.once([{ k: null, v: 2 }]);
      const same = { huge: 170_141_183_460_469_231_731_687_303_715_884_105_727n, nan: Number.NaN };
      const rows = (await rowsIn(one)).map(({ nested, ns, ...row }) => [String(nested), String(ns), row]);
      const texts = ["{'a': [1, NULL]}", "2026-01-05 14:30:00.123456789"];
      expect(rows).toEqual([
        [...texts, { k: "a\u0000b", v: 1n, ...same }],
        [...texts, { k: null, v: 2n, ...same }],
      ]);
    },
    TIMEOUT_MS,
  );

  for (const mode of ["update", "complete"])
    test(
      `${mode}: the table is the answer, also where rows cease to exist and keys are NULL`,
      async () => {
        using one = await job({
          sql: "SELECT k, sum(v)::BIGINT AS v FROM rows GROUP BY k HAVING sum(v) > 0",
          mode,
        });
        await one.once([
          { k: "a", v: 1 },
          { k: null, v: 2 },
          { k: "b", v: 3 },
        ]);
        await one.once([
          { k: "a", v: -1 },
          { k: null, v: 5 },
          { k: "b", v: 1 },
        ]);
        expect(await rowsIn(one)).toEqual([
          { k: "b", v: 4n },
          { k: null, v: 7n },
        ]);
      },
      TIMEOUT_MS,
    );

  test(
    "an answer of one row has no key",
    async () => {
      using one = await job({ sql: "SELECT count(*) AS n FROM rows", mode: "update" });
      await one.once([{ k: "a", v: 1 }]);
      await one.once([{ k: "a", v: 2 }]);
      expect(await rowsIn(one)).toEqual([{ n: 2n }]);
    },
    TIMEOUT_MS,
  );
});

describe("rows that the table refuses", () => {
  const before = "CREATE TABLE report (k VARCHAR PRIMARY KEY CHECK (k <> 'checked'), v BIGINT NOT NULL)";

  test(
    "are dead letters, and the others are written",
    async () => {
      using one = await job({ before, ...LETTERS });
      const fine = Array.from({ length: 40 }, (_, v) => ({ k: `k${v}`, v }));
      const bad = [
        { k: "checked", v: 100 },
        { k: "k7", v: 101 },
        { k: null, v: 102 },
        { k: "n", v: null },
      ];
      await one.once([...fine.slice(0, 20), ...bad, ...fine.slice(20)]);
      expect(await rowsIn(one)).toHaveLength(40);
      const letters = lettersOf(one);
      expect(letters.map(({ line }) => JSON.parse(line) as unknown)).toEqual(bad);
      for (const [index, words] of ["CHECK", "duplicate key", "NOT NULL", "NOT NULL"].entries())
        expect(letters[index]?.reason).toContain(words);
    },
    TIMEOUT_MS,
  );

  test(
    "keep what stood there before, in update mode",
    async () => {
      using one = await job({
        before: "CREATE TABLE report (k VARCHAR, v BIGINT CHECK (v < 10))",
        sql: "SELECT k, sum(v)::BIGINT AS v FROM rows GROUP BY k",
        mode: "update",
        ...LETTERS,
      });
      await one.once([
        { k: "a", v: 1 },
        { k: "b", v: 2 },
      ]);
      await one.once([
        { k: "a", v: 50 },
        { k: "b", v: 3 },
      ]);
      expect(await rowsIn(one)).toEqual([
        { k: "a", v: 1n },
        { k: "b", v: 5n },
      ]);
      expect(lettersOf(one).map(({ line }) => line)).toEqual(['{"k":"a","v":51}']);
    },
    TIMEOUT_MS,
  );

  test(
    "stay dead letters when the batch is repeated, and stop the job where it says so",
    async () => {
      using one = await job({ before, ...LETTERS });
      one.put([
        { k: "checked", v: 1 },
        { k: "b", v: 2 },
      ]);
      await one.once(undefined, { env: { STREAMKIT_FAILPOINT: "database-committed" } });
      await one.once();
      expect(await rowsIn(one)).toHaveLength(1);
      expect(lettersOf(one).map(({ line }) => line)).toEqual(['{"k":"checked","v":1}']);
      using other = await job({ before, duckdb: { on_error: "stop" } });
      said(
        await other.once([
          { k: "a", v: 1 },
          { k: "checked", v: 2 },
        ]),
        1,
        "refuses row 2 of the batch",
      );
      expect(await rowsIn(other)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe("a file or table that does not fit", () => {
  test(
    "all that is wrong is told at once, and nothing is written",
    async () => {
      using one = await job({
        before: "CREATE TABLE report (K2 VARCHAR, v INTEGER, g BIGINT AS (v + 1), must INTEGER NOT NULL)",
        sql: "SELECT k, v, 1::BIGINT AS g FROM rows",
      });
      const { code, stderr } = await one.once([{ k: "a", v: 1 }]);
      expect(code).toBe(2);
      for (const words of [
        'it has no column "k" (VARCHAR in the query)',
        'column "v" is INTEGER, which does not hold every BIGINT: make it BIGINT',
        'column "g" is generated',
        'column "must" is NOT NULL without a default',
      ])
        expect(stderr).toContain(words);
      expect(await rowsIn(one)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "without create: true neither file nor table is made",
    async () => {
      using one = await job({ duckdb: { create: false } });
      said(await one.once([{ k: "a", v: 1 }]), 2, "make it, or say create: true");
      expect(existsSync(join(one.folder, "out"))).toBe(false);
      using other = await job({ duckdb: { create: false }, before: "CREATE TABLE other (k VARCHAR)" });
      said(await other.once([{ k: "a", v: 1 }]), 2, "There is no table report");
    },
    TIMEOUT_MS,
  );

  test(
    "names differ in case, as DuckDB has them",
    async () => {
      using one = await job({ before: "CREATE TABLE REPORT (V BIGINT, K VARCHAR)" });
      await one.once([{ k: "a", v: 1 }]);
      expect(await rowsIn(one)).toEqual([{ V: 1n, K: "a" }]);
    },
    TIMEOUT_MS,
  );

  test(
    "a file of something else is told",
    async () => {
      using one = await job({ duckdb: { file: "job.yaml" } });
      said(await one.once([{ k: "a", v: 1 }]), 1, "not a valid DuckDB database file");
    },
    TIMEOUT_MS,
  );
});

test(
  "another process may read the file between batches; one that keeps it is waited for, and that is said",
  async () => {
    using one = await job();
    one.put([{ k: "a", v: 1 }]);
    await using process = await start(["process", one.file]);
    const count = async () => (await rowsIn(one).catch(() => [])).length;
    await until(
      () => `the first row is there: ${process.stderr()}`,
      async () => (await count()) === 1,
    );
    const holder = Bun.spawn(
      [
        globalThis.process.execPath,
        "-e",
        `const { DuckDBInstance } = await import("@duckdb/node-api");
         await DuckDBInstance.create(process.argv[1]); console.log("held"); await Bun.stdin.text();`,
        join(one.folder, "out/market.db"),
      ],
      { stdin: "pipe", stdout: "pipe", cwd: join(import.meta.dirname, "../..") },
    );
    expect((await holder.stdout.getReader().read()).done).toBe(false);
    one.put([{ k: "b", v: 2 }]);
    await until(
      () => `it is said: ${process.stderr()}`,
      () => /can't be written, trying again: .*Could not set lock/.test(process.stderr()),
    );
    holder.kill();
    await holder.exited;
    await until(
      () => `both rows are there: ${process.stderr()}`,
      async () => (await count()) === 2,
    );
    process.kill("SIGTERM");
    expect((await process.finished()).code).toBe(143);
  },
  TIMEOUT_MS,
);

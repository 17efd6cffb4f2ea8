/** The sink `postgres:` against a real server: modes, refused rows, mismatches, TLS and secrets. */

import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PASSWORD, type PostgresService, sharedPostgres } from "../services/postgres.ts";
import type { RunResult } from "../support/binary.ts";
import { rowsOf as linesOf } from "../support/running.ts";
import { freshTable, type JobParts, type SinkJob, sinkJob } from "./sink-job.ts";

const TIMEOUT_MS = 120_000;

let postgres: PostgresService;
beforeAll(async () => {
  postgres = await sharedPostgres();
}, 90_000);

type Parts = Partial<JobParts> & {
  readonly postgres?: Readonly<Record<string, unknown>>;
  readonly table?: string;
};

function job({ postgres: more = {}, table, ...parts }: Parts = {}): SinkJob {
  return sinkJob(
    {
      env: { DB_PASSWORD: PASSWORD },
      sink: (name) => ({
        postgres: { url: postgres.url, password: "${DB_PASSWORD}", table: name, create: true, ...more },
      }),
      ...parts,
    },
    table,
  );
}

const rowsOf = (table: string) => postgres.query(`SELECT * FROM ${table} ORDER BY 1, 2`);
const LETTERS = { sinks: [{ from: "dead_letters", to: "file:letters.ndjson" }] };

function lettersOf(one: SinkJob): { readonly line: string; readonly reason: string }[] {
  return linesOf(readFileSync(join(one.folder, "letters.ndjson"), "utf8"));
}

function said({ code, stderr }: RunResult, expected: number, words: string): void {
  expect([code, stderr]).toEqual([expected, stderr]);
  expect(stderr).toContain(words);
}

/** A table of the job's user. */
async function made(columns: string, more = ""): Promise<string> {
  const table = freshTable();
  await postgres.query(
    `SET ROLE streamkit; CREATE TABLE ${table} (${columns}); ${more.replaceAll("TABLE", table)}`,
  );
  return table;
}

describe("append", () => {
  test(
    "rows of each run are added, and NULL is not an empty text",
    async () => {
      using one = job();
      expect(await one.once([{ k: "a", v: 1 }])).toMatchObject({ code: 0 });
      const more = [
        { k: "tab\tline\nreturn\r\\N \\x01 \u0001 , \" '", v: 2 },
        { k: null, v: null },
        { k: "", v: 3 },
      ];
      expect(await one.once(more)).toMatchObject({ code: 0 });
      expect(await rowsOf(one.table)).toEqual([
        { k: "", v: "3" },
        { k: "a", v: "1" },
        { k: more[0]?.k, v: "2" },
        { k: null, v: null },
      ]);
    },
    TIMEOUT_MS,
  );

  test(
    "many rows, by way of a file",
    async () => {
      using one = job({ sql: "SELECT v, repeat(k, 3) AS k FROM rows, range(5000)" });
      expect(await one.once([{ k: "é\t\n", v: 1 }])).toMatchObject({ code: 0 });
      const [found] = await postgres.query(
        `SELECT count(*)::int AS n, min(k) AS low, max(k) AS high FROM ${one.table}`,
      );
      expect(found).toEqual({ n: 5000, low: "é\t\né\t\né\t\n", high: "é\t\né\t\né\t\n" });
    },
    TIMEOUT_MS,
  );

  test(
    "without a checkpoint no mark is left",
    async () => {
      using one = job({ checkpoint: undefined });
      expect(await one.once([{ k: "a", v: 1 }])).toMatchObject({ code: 0 });
      expect(await rowsOf(one.table)).toHaveLength(1);
      expect(await postgres.query(`SELECT * FROM streamkit_commits WHERE job LIKE '${one.table}%'`)).toEqual(
        [],
      );
    },
    TIMEOUT_MS,
  );
});

describe("update and complete", () => {
  const SUMS = "SELECT k, sum(v)::BIGINT AS v FROM rows GROUP BY k";

  for (const mode of ["update", "complete"])
    test(
      `${mode}: the table is the answer, also for a key that is NULL`,
      async () => {
        using one = job({ sql: SUMS, mode });
        await one.once([
          { k: "a", v: 1 },
          { k: null, v: 2 },
        ]);
        await one.once([
          { k: "a", v: 10 },
          { k: null, v: 20 },
          { k: "b", v: 30 },
        ]);
        expect(await rowsOf(one.table)).toEqual([
          { k: "a", v: "11" },
          { k: "b", v: "30" },
          { k: null, v: "22" },
        ]);
      },
      TIMEOUT_MS,
    );

  test(
    "rows that cease to exist are deleted, with an index that tells NULLs apart too",
    async () => {
      const table = await made("k text, v bigint", "CREATE UNIQUE INDEX ON TABLE (k)");
      using one = job({ table, sql: `${SUMS} HAVING sum(v) > 0`, mode: "update" });
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
      expect(await rowsOf(table)).toEqual([
        { k: "b", v: "4" },
        { k: null, v: "7" },
      ]);
      await one.once([{ k: null, v: -7 }]);
      expect(await rowsOf(table)).toEqual([{ k: "b", v: "4" }]);
    },
    TIMEOUT_MS,
  );

  test(
    "an answer of one row has no key",
    async () => {
      using one = job({ sql: "SELECT count(*) AS n, sum(v)::BIGINT AS v FROM rows", mode: "update" });
      await one.once([{ k: "a", v: 1 }]);
      await one.once([
        { k: "a", v: 2 },
        { k: "b", v: 3 },
      ]);
      expect(await rowsOf(one.table)).toEqual([{ n: "3", v: "6" }]);
    },
    TIMEOUT_MS,
  );
});

describe("rows that the server refuses", () => {
  const REFUSING = "k text PRIMARY KEY CHECK (k <> 'checked'), v smallint";
  const SMALL = { k: "VARCHAR", v: "SMALLINT" };

  test(
    "are dead letters with the server's reason, and the others are written",
    async () => {
      const table = await made(
        REFUSING,
        `CREATE FUNCTION TABLE_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.v = 13 THEN RAISE EXCEPTION 'not on a Friday'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER t BEFORE INSERT ON TABLE FOR EACH ROW EXECUTE FUNCTION TABLE_f()`,
      );
      using one = job({ table, schema: SMALL, ...LETTERS });
      const fine = Array.from({ length: 50 }, (_, v) => ({ k: `k${v}`, v: v + 100 }));
      const bad = [
        { k: "checked", v: 1 },
        { k: "k7", v: 2 },
        { k: null, v: 3 },
        { k: "friday", v: 13 },
        { k: "nul\u0000", v: 4 },
      ];
      expect(await one.once([...fine, ...bad])).toMatchObject({ code: 0 });
      expect(await postgres.query(`SELECT * FROM ${table}`)).toHaveLength(50);
      const letters = lettersOf(one);
      expect(letters.map(({ line }) => JSON.parse(line) as unknown).toSorted(byV)).toEqual(bad.toSorted(byV));
      const reasons = letters.map(({ reason }) => reason).join("\n");
      for (const words of ["23514", "23505", "23502", "P0001", "not on a Friday", "NUL character"])
        expect(reasons).toContain(words);
    },
    TIMEOUT_MS,
  );

  test(
    "also where a constraint is deferred to the end",
    async () => {
      const table = await made("k text UNIQUE DEFERRABLE INITIALLY DEFERRED, v bigint");
      using one = job({ table, ...LETTERS });
      expect(
        await one.once([
          { k: "a", v: 1 },
          { k: "b", v: 2 },
          { k: "a", v: 3 },
        ]),
      ).toMatchObject({ code: 0 });
      expect(await rowsOf(table)).toEqual([
        { k: "a", v: "1" },
        { k: "b", v: "2" },
      ]);
      expect(lettersOf(one)).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  test(
    "stay dead letters when the batch is repeated after a crash behind the server's commit",
    async () => {
      const table = await made(REFUSING);
      using one = job({ table, schema: SMALL, ...LETTERS });
      one.put([
        { k: "checked", v: 1 },
        { k: "b", v: 2 },
      ]);
      const killed = await one.once(undefined, { env: { STREAMKIT_FAILPOINT: "database-committed" } });
      expect(killed.code).not.toBe(0);
      expect(await rowsOf(table)).toHaveLength(1);
      expect(await one.once()).toMatchObject({ code: 0 });
      expect(await rowsOf(table)).toHaveLength(1);
      expect(lettersOf(one).map(({ line }) => line)).toEqual(['{"k":"checked","v":1}']);
    },
    TIMEOUT_MS,
  );

  test(
    "stop the job where it says so, and nothing of the batch is there",
    async () => {
      const table = await made(REFUSING);
      using one = job({ table, schema: SMALL, postgres: { on_error: "stop" } });
      const ended = await one.once([
        { k: "a", v: 1 },
        { k: "checked", v: 2 },
      ]);
      expect(ended.code).toBe(1);
      expect(ended.stderr).toContain("refuses row 2 of the batch");
      expect(ended.stderr).toContain("SQLSTATE 23514");
      expect(await rowsOf(table)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

function byV(a: unknown, b: unknown): number {
  return (a as { v: number }).v - (b as { v: number }).v;
}

describe("a table that does not fit", () => {
  test(
    "all that is wrong is told at once, and nothing is written",
    async () => {
      const table = await made(
        `K text, v integer, n numeric(5, 2), g bigint GENERATED ALWAYS AS IDENTITY,
         h bigint GENERATED ALWAYS AS (1) STORED, must text NOT NULL`,
      );
      await postgres.query(`REVOKE DELETE ON ${table} FROM streamkit`);
      const sql = `SELECT k AS "K", sum(v)::BIGINT AS v, 1.25::DECIMAL(9, 3) AS n, 1::BIGINT AS g,
        2::BIGINT AS h
        FROM rows GROUP BY k`;
      using one = job({ table, sql, mode: "update" });
      const { code, stderr } = await one.once([{ k: "a", v: 1 }]);
      expect(code).toBe(2);
      for (const words of [
        'it has no column "K" (VARCHAR in the query): it has "k"',
        'column "v" is integer, which does not hold every BIGINT: make it bigint',
        'column "n" is numeric(5,2), which does not hold every DECIMAL(9,3)',
        'column "g" is GENERATED ALWAYS AS IDENTITY',
        'column "h" is generated',
        'column "must" is NOT NULL without a default',
        "no unique index on exactly the key (K)",
        "no right to DELETE",
      ])
        expect(stderr).toContain(words);
      expect(await postgres.query(`SELECT * FROM ${table}`)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "an index on more columns, on some rows or on expressions is no key",
    async () => {
      for (const index of ["(k, v)", "(k) WHERE v > 0", "(lower(k))"]) {
        const table = await made("k text, v bigint", `CREATE UNIQUE INDEX ON TABLE ${index}`);
        using one = job({ table, sql: "SELECT k, count(*) AS v FROM rows GROUP BY k", mode: "update" });
        said(await one.once([{ k: "a", v: 1 }]), 2, "no unique index on exactly the key (k)");
      }
    },
    TIMEOUT_MS,
  );

  test(
    "a table that is not there, without create: true",
    async () => {
      using one = job({ postgres: { create: false } });
      said(
        await one.once([{ k: "a", v: 1 }]),
        2,
        `There is no table ${one.table}: make it, or say create: true`,
      );
    },
    TIMEOUT_MS,
  );
});

describe("the checkpoint and the table are of one story", () => {
  test(
    "a database that was put back is told",
    async () => {
      using one = job();
      await one.once([{ k: "a", v: 1 }]);
      await postgres.query(`DELETE FROM streamkit_commits WHERE job = '${one.table}'`);
      said(await one.once([{ k: "b", v: 2 }]), 1, "the database is an older copy");
    },
    TIMEOUT_MS,
  );

  test(
    "another checkpoint's rows stay, and that is said",
    async () => {
      using one = job();
      await one.once([{ k: "a", v: 1 }]);
      const again = await one.once(undefined, { flags: ["--available-now", "--reset-checkpoint"] });
      said(again, 0, "written with another checkpoint");
      expect(await rowsOf(one.table)).toHaveLength(2);
    },
    TIMEOUT_MS,
  );
});

describe("TLS and secrets", () => {
  const shown = (text: string) => expect(text).not.toContain(PASSWORD);

  test(
    "the given authority is verified, and no other",
    async () => {
      using right = job({ postgres: { tls: { ca: postgres.caFile } } });
      expect(await right.once([{ k: "a", v: 1 }])).toMatchObject({ code: 0 });
      using wrong = job({ postgres: { tls: true } });
      const ended = await wrong.once([{ k: "a", v: 1 }]);
      expect(ended.code).toBe(1);
      expect(ended.stderr).toMatch(/certificate|self.signed/i);
      shown(ended.stderr);
    },
    TIMEOUT_MS,
  );

  test(
    "a password of a URL, of a file and of the environment; a wrong one ends at once and is not printed",
    async () => {
      const withPassword = postgres.url.replace("@", `:${encodeURIComponent(PASSWORD)}@`);
      using ofUrl = sinkJob({ sink: (table) => ({ to: `${withPassword}?table=${table}&create=true` }) });
      expect(await ofUrl.once([{ k: "a", v: 1 }])).toMatchObject({ code: 0 });
      using ofFile = sinkJob({
        sink: (table) => ({ postgres: { url: postgres.url, password_file: "secret", table, create: true } }),
      });
      writeFileSync(join(ofFile.folder, "secret"), `${PASSWORD}\n`);
      expect(await ofFile.once([{ k: "a", v: 1 }])).toMatchObject({ code: 0 });
      using ofEnvironment = sinkJob({
        env: { PGPASSWORD: PASSWORD },
        sink: (table) => ({ postgres: { url: postgres.url, table, create: true } }),
      });
      expect(await ofEnvironment.once([{ k: "a", v: 1 }])).toMatchObject({ code: 0 });
      const wrongUrl = postgres.url.replace("@", ":another-secret@");
      using wrong = sinkJob({ sink: (table) => ({ to: `${wrongUrl}?table=${table}` }) });
      const { code, stderr } = await wrong.once([{ k: "a", v: 1 }]);
      expect(code).toBe(1);
      expect(stderr).toContain("password authentication failed");
      expect(stderr).not.toContain("another-secret");
    },
    TIMEOUT_MS,
  );
});

/** The sink `sqlite:`: modes, types, refused rows, mismatches, and who else writes the file. */

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../support/binary.ts";
import { rowsOf as linesOf, start } from "../support/running.ts";
import { until } from "../support/until.ts";
import { type JobParts, type SinkJob, sinkJob } from "./sink-job.ts";

const TIMEOUT_MS = 120_000;

type Parts = Partial<JobParts> & {
  readonly sqlite?: Readonly<Record<string, unknown>>;
  /** What is in the file before. */
  readonly before?: string;
};

function job({ sqlite = {}, before, ...parts }: Parts = {}): SinkJob {
  const one = sinkJob(
    { sink: (table) => ({ sqlite: { file: "out/market.db", table, create: true, ...sqlite } }), ...parts },
    "report",
  );
  if (before !== undefined) {
    mkdirSync(join(one.folder, "out"));
    using database = new Database(join(one.folder, "out/market.db"));
    database.run(before);
  }
  return one;
}

function rowsOf(one: SinkJob, query = "SELECT * FROM report ORDER BY 1, 2"): unknown[] {
  using database = new Database(join(one.folder, "out/market.db"), { safeIntegers: true });
  return database.prepare(query).all();
}

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
    "append: rows of each run are added, and NULL is not an empty text",
    async () => {
      using one = job();
      await one.once([{ k: "a \"'\\ é😀\n", v: 9_007_199_254_740_991 }]);
      await one.once([
        { k: null, v: null },
        { k: "", v: 3 },
      ]);
      expect(rowsOf(one)).toEqual([
        { k: null, v: null },
        { k: "", v: 3n },
        { k: "a \"'\\ é😀\n", v: 9_007_199_254_740_991n },
      ]);
      expect(rowsOf(one, "SELECT batch FROM streamkit_commits")).toEqual([{ batch: 2n }]);
    },
    TIMEOUT_MS,
  );

  for (const mode of ["update", "complete"])
    test(
      `${mode}: the table is the answer, also where rows cease to exist and keys are NULL`,
      async () => {
        using one = job({
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
        expect(rowsOf(one)).toEqual([
          { k: null, v: 7n },
          { k: "b", v: 4n },
        ]);
      },
      TIMEOUT_MS,
    );

  test(
    "an answer of one row has no key",
    async () => {
      using one = job({ sql: "SELECT count(*) AS n, 0 AS z FROM rows", mode: "update" });
      await one.once([{ k: "a", v: 1 }]);
      await one.once([{ k: "a", v: 2 }]);
      expect(rowsOf(one)).toEqual([{ n: 2n, z: 0n }]);
    },
    TIMEOUT_MS,
  );

  test(
    "many rows",
    async () => {
      using one = job({ sql: "SELECT v, repeat(k, 3) AS k FROM rows, range(50000)" });
      expect(await one.once([{ k: "é", v: 1 }])).toMatchObject({ code: 0 });
      expect(rowsOf(one, "SELECT count(*) AS n, min(k) AS k FROM report")).toEqual([
        { n: 50_000n, k: "ééé" },
      ]);
    },
    TIMEOUT_MS,
  );
});

/** SQL of a value, the column's type in SQLite, and the value there with what SQLite says that it is. */
const VALUES: readonly (readonly [sql: string, type: string, value: unknown, kind: string])[] = [
  ["true", "BOOLEAN", 1n, "integer"],
  ["9223372036854775807", "INTEGER", 9_223_372_036_854_775_807n, "integer"],
  ["18446744073709551615::UBIGINT", "", "18446744073709551615", "text"],
  ["7::HUGEINT", "", 7n, "integer"],
  [
    "(-170141183460469231731687303715884105728)::HUGEINT",
    "",
    "-170141183460469231731687303715884105728",
    "text",
  ],
  ["123456.78::DECIMAL(9, 2)", "NUMERIC", 123_456.78, "real"],
  ["0.1234567890123456789::DECIMAL(38, 19)", "TEXT", "0.1234567890123456789", "text"],
  ["0.1::FLOAT", "REAL", 0.1, "real"],
  ["0.1::DOUBLE + 0.2::DOUBLE", "REAL", 0.1 + 0.2, "real"],
  ["1e300::DOUBLE", "REAL", 1e300, "real"],
  ["'-inf'::DOUBLE", "REAL", Number.NEGATIVE_INFINITY, "real"],
  ["'nan'::DOUBLE", "REAL", "NaN", "text"],
  ["'007'", "TEXT", "007", "text"],
  ["'b'::ENUM('a', 'b')", "TEXT", "b", "text"],
  ["DATE '1582-10-15'", "TEXT", "1582-10-15", "text"],
  ["TIMESTAMP '1969-12-31 23:59:59.999999'", "TEXT", "1969-12-31 23:59:59.999999", "text"],
  ["TIMESTAMP_NS '2026-01-05 14:30:00.123456789'", "TEXT", "2026-01-05 14:30:00.123456789", "text"],
  ["TIMESTAMPTZ '2026-01-05 14:30:00+05:30'", "TEXT", "2026-01-05 09:00:00+00", "text"],
  ["INTERVAL '1 day 2 hours'", "TEXT", "1 day 02:00:00", "text"],
  ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "TEXT", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "text"],
  ["'\\x00\\xFF'::BLOB", "BLOB", Uint8Array.of(0, 255), "blob"],
  ["'{\"a\":  1.10}'::JSON", "TEXT", '{"a":  1.10}', "text"],
  ["[1, NULL]", "TEXT", "[1,null]", "text"],
  ["{'a': 'nan'::DOUBLE}", "TEXT", '{"a":"nan"}', "text"],
];

test(
  "each value is what it was, and NULL is NULL",
  async () => {
    const selected = VALUES.flatMap(([value], index) => [
      `${value} AS c${index}`,
      `CASE WHEN v > 1 THEN ${value} END AS n${index}`,
    ]);
    using one = job({ sql: `SELECT ${selected.join(", ")} FROM rows` });
    expect(await one.once([{ k: "a", v: 1 }])).toMatchObject({ code: 0 });
    const types = rowsOf(one, "SELECT name, type FROM pragma_table_info('report')") as Record<
      string,
      unknown
    >[];
    const typeOf = new Map(types.map(({ name, type }) => [name, type]));
    for (const [index, [sql, type, value, kind]] of VALUES.entries()) {
      const asked = `SELECT c${index} AS value, typeof(c${index}) AS kind, n${index} AS none FROM report`;
      expect([sql, typeOf.get(`c${index}`), rowsOf(one, asked)]).toEqual([
        sql,
        type,
        [{ value, kind, none: null }],
      ]);
    }
    expect(await one.once([{ k: "a", v: 2 }])).toMatchObject({ code: 0 });
  },
  TIMEOUT_MS,
);

describe("rows that the table refuses", () => {
  const before = "CREATE TABLE report (k TEXT PRIMARY KEY NOT NULL CHECK (k <> 'checked'), v INTEGER)";

  test(
    "are dead letters, and the others are written",
    async () => {
      using one = job({
        before: `${before}; CREATE TRIGGER t BEFORE INSERT ON report WHEN NEW.v = 13
          BEGIN SELECT RAISE(ABORT, 'not on a Friday'); END`,
        ...LETTERS,
      });
      const fine = Array.from({ length: 40 }, (_, v) => ({ k: `k${v}`, v: v + 100 }));
      const bad = [
        { k: "nul\u0000", v: 1 },
        { k: "checked", v: 2 },
        { k: "k7", v: 3 },
        { k: null, v: 4 },
        { k: "friday", v: 13 },
      ];
      await one.once([...fine.slice(0, 20), ...bad, ...fine.slice(20)]);
      expect(rowsOf(one)).toHaveLength(40);
      const letters = lettersOf(one);
      expect(letters.map(({ line }) => JSON.parse(line) as unknown)).toEqual(bad);
      for (const [index, words] of ["NUL", "CHECK", "UNIQUE", "NOT NULL", "not on a Friday"].entries())
        expect(letters[index]?.reason).toContain(words);
    },
    TIMEOUT_MS,
  );

  test(
    "stay dead letters when the batch is repeated, and stop the job where it says so",
    async () => {
      using one = job({ before, ...LETTERS });
      one.put([
        { k: "checked", v: 1 },
        { k: "b", v: 2 },
      ]);
      await one.once(undefined, { env: { STREAMKIT_FAILPOINT: "database-committed" } });
      await one.once();
      expect(rowsOf(one)).toHaveLength(1);
      expect(lettersOf(one).map(({ line }) => line)).toEqual(['{"k":"checked","v":1}']);
      using other = job({ before, sqlite: { on_error: "stop" } });
      said(
        await other.once([
          { k: "a", v: 1 },
          { k: "checked", v: 2 },
        ]),
        1,
        "refuses row 2 of the batch",
      );
      expect(rowsOf(other)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe("a file or table that does not fit", () => {
  test(
    "all that is wrong is told at once, and nothing is written",
    async () => {
      using one = job({
        before: `CREATE TABLE report
            (id TEXT COLLATE NOCASE, k INTEGER, d TEXT, h INTEGER, g INTEGER AS (1), must NOT NULL);
          CREATE UNIQUE INDEX i ON report (id)`,
        sql: `SELECT k AS id, first(k) AS k, 0.1::DOUBLE AS d, sum(v) AS h, 1 AS g, 2 AS missing
          FROM rows GROUP BY id`,
        mode: "update",
      });
      const { code, stderr } = await one.once([{ k: "a", v: 1 }]);
      expect(code).toBe(2);
      for (const words of [
        'it has no column "missing"',
        'column "k" is INTEGER, which does not hold every VARCHAR: make it TEXT',
        'column "d" is TEXT, which does not hold every DOUBLE: make it REAL',
        'column "h" is INTEGER, which does not hold every HUGEINT: make it a column without a type',
        'column "g" is generated',
        'column "must" is NOT NULL without a default',
        "no unique index on exactly the key (id)",
      ])
        expect(stderr).toContain(words);
      expect(rowsOf(one)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "columns of another type that hold each value, strict ones too, and names in another case",
    async () => {
      using one = job({
        before: "CREATE TABLE Report (K ANY, V INT, t TEXT, r REAL) STRICT",
        sql: "SELECT k, v, TIMESTAMP '2026-01-05 14:30:00' AS t, 1.5::DOUBLE AS r FROM rows",
      });
      expect(await one.once([{ k: "007", v: 1 }])).toMatchObject({ code: 0 });
      expect(rowsOf(one)).toEqual([{ K: "007", V: 1n, t: "2026-01-05 14:30:00", r: 1.5 }]);
    },
    TIMEOUT_MS,
  );

  test(
    "without create: true neither file nor table is made; a file of something else is told",
    async () => {
      using one = job({ sqlite: { create: false } });
      said(await one.once([{ k: "a", v: 1 }]), 2, "make it, or say create: true");
      expect(existsSync(join(one.folder, "out"))).toBe(false);
      using other = job({ sqlite: { create: false }, before: "CREATE TABLE other (k)" });
      said(await other.once([{ k: "a", v: 1 }]), 2, "There is no table report");
      using wrong = job({ sqlite: { file: "job.yaml" } });
      said(await wrong.once([{ k: "a", v: 1 }]), 1, "file is not a database");
    },
    TIMEOUT_MS,
  );
});

test(
  "another writer is waited for, and that is said; so is a file that was taken away",
  async () => {
    using one = job();
    one.put([{ k: "a", v: 1 }]);
    await using process = await start(["process", one.file]);
    const count = (): number => {
      try {
        return rowsOf(one).length;
      } catch {
        return 0;
      }
    };
    await until(
      () => `the first row is there: ${process.stderr()}`,
      () => count() === 1,
    );
    {
      using other = new Database(join(one.folder, "out/market.db"));
      other.run("BEGIN IMMEDIATE");
      one.put([{ k: "b", v: 2 }]);
      await until(
        () => `it is said: ${process.stderr()}`,
        () => /can't be written, trying again: .*database is locked/.test(process.stderr()),
      );
      other.run("COMMIT");
    }
    await until(
      () => `both rows are there: ${process.stderr()}`,
      () => count() === 2,
    );
    for (const ending of ["", "-wal", "-shm"])
      if (existsSync(join(one.folder, `out/market.db${ending}`)))
        renameSync(join(one.folder, `out/market.db${ending}`), join(one.folder, `out/old.db${ending}`));
    one.put([{ k: "c", v: 3 }]);
    await until(
      () => `it goes on in a new file: ${process.stderr()}`,
      () => count() === 1,
    );
    expect(process.stderr()).toContain("was removed, or replaced by another file");
    process.kill("SIGTERM");
    expect((await process.finished()).code).toBe(143);
  },
  TIMEOUT_MS,
);

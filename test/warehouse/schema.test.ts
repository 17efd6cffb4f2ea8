/** A table's files agree: columns may be added, all else is refused before a file is written. */

import { describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import { output, rowsOf } from "../support/running.ts";
import { parquetRows } from "../support/warehouse.ts";
import { type TableJob, tableJob } from "./table-job.ts";

const stop = { flags: ["--available-now"] };
const SCHEMA = { n: "BIGINT", v: "DOUBLE", s: "VARCHAR" };
const ROW = { n: 1, v: 1.5, s: "x" };
const PARQUET = { partition_by: ["p=n % 2"] };

async function firstRun(): Promise<TableJob> {
  const job = tableJob({ schema: SCHEMA, query: "SELECT n, v, s FROM rows", parquet: PARQUET });
  const { code, stderr } = await job.run([ROW], stop);
  if (code !== 0) throw new Error(stderr);
  return job;
}

test("an added column is NULL in older files, for query too", async () => {
  using job = await firstRun();
  const query = "SELECT n, v, s, n + 1 AS more FROM rows";
  expect(await job.run([{ ...ROW, n: 3 }], { ...stop, query })).toMatchObject({ code: 0 });
  const sql = "SELECT n, more, p FROM t ORDER BY n";
  expect(rowsOf(await output(["query", sql, "--format", "ndjson"], { cwd: job.folder }))).toEqual([
    { n: 1, more: null, p: 1 },
    { n: 3, more: 4, p: 1 },
  ]);
  // Once it is there it may not be left out again.
  const again = await job.run([{ ...ROW, n: 5 }], stop);
  expect(again.stderr).toContain("column more: it is missing from the rows (was it renamed?)");
});

test("a run without rows holds nobody to its columns", async () => {
  using job = tableJob({ schema: SCHEMA, query: "SELECT n, v, s FROM rows", parquet: PARQUET });
  expect(await job.run([], stop)).toMatchObject({ code: 0 });
  expect(job.everything()).toEqual([]);
  const query = "SELECT n, s AS t FROM rows";
  expect(await job.run([ROW], { ...stop, query })).toMatchObject({ code: 0 });
  expect((await parquetRows(job.table)).map(({ n, t }) => [Number(n), t])).toEqual([[1, "x"]]);
});

test("columns of a table that lost its files are forgotten, those of waiting rows are not", async () => {
  const query = "SELECT n, s AS t FROM rows";
  using job = await firstRun();
  rmSync(join(job.table, "p=1"), { recursive: true });
  expect(await job.run([ROW], { ...stop, query })).toMatchObject({ code: 0 });

  const parquet = { ...PARQUET, roll: { rows: 100 } };
  using waiting = tableJob({ schema: SCHEMA, query: "SELECT n, v, s FROM rows", parquet });
  expect(await waiting.run([ROW], stop)).toMatchObject({ code: 0 });
  expect(waiting.files()).toEqual([]);
  const { code, stderr } = await waiting.run([ROW], { ...stop, query });
  expect(stderr).toContain("column v: it is missing from the rows");
  expect(code).toBe(2);
});

describe("refused", () => {
  const REFUSED: readonly (readonly [what: string, query: string, parquet: object, reason: string])[] = [
    [
      "another type",
      "SELECT n, v::BIGINT AS v, s FROM rows",
      {},
      "column v: it is DOUBLE in the files, BIGINT in",
    ],
    ["a wider type", "SELECT n::DECIMAL(20) AS n, v, s FROM rows", {}, "column n: it is BIGINT in the files"],
    ["a column less", "SELECT n, v FROM rows", {}, "column s: it is missing from the rows"],
    [
      "a renamed one",
      "SELECT n, v, s AS t FROM rows",
      {},
      "column s: it is missing from the rows (was it renamed?)",
    ],
    [
      "no partitions",
      "SELECT n, v, s FROM rows",
      { partition_by: [] },
      "it is partitioned by p, the rows by nothing",
    ],
    ["others", "SELECT n, v, s FROM rows", { partition_by: ["q=n % 2"] }, "partitioned by p, the rows by q"],
    [
      "of another type",
      "SELECT n, v, s FROM rows",
      { partition_by: ["p=s || 'x'"] },
      "partition p: its values are",
    ],
  ];
  for (const [what, query, parquet, reason] of REFUSED)
    test(what, async () => {
      using job = await firstRun();
      const before = job.everything();
      const schema = readFileSync(join(job.table, "_streamkit/schema.json"), "utf8");
      const { code, stderr } = await job.run([{ ...ROW, n: 2 }], { ...stop, query, parquet });
      expect(stderr).toContain(reason);
      expect(stderr).toContain("Ways out");
      expect(code).toBe(2);
      expect(job.everything()).toEqual(before);
      expect(readFileSync(join(job.table, "_streamkit/schema.json"), "utf8")).toBe(schema);
    });
});

describe("a table that nobody described", () => {
  test("is judged by its last file", async () => {
    using job = await firstRun();
    rmSync(join(job.table, "_streamkit"), { recursive: true });
    const query = "SELECT n, v::VARCHAR AS v, s FROM rows";
    const { code, stderr } = await job.run([ROW], { ...stop, query });
    expect(stderr).toContain("column v: it is DOUBLE in the files, VARCHAR in the rows");
    expect(code).toBe(2);
    expect(await job.run([ROW], stop)).toMatchObject({ code: 0 });
    expect(job.everything()).toContain("_streamkit/schema.json");
  });

  test("of times without a zone, as older versions wrote them, goes on with instants", async () => {
    using job = tableJob({ schema: { ts: "TIMESTAMP", n: "BIGINT" }, parquet: {} });
    mkdirSync(job.table, { recursive: true });
    const database = await openDatabase();
    const old = join(job.table, "part-old-1-0.parquet");
    await database.run(sql`COPY (SELECT TIMESTAMP '2026-01-05 09:00:00' AS ts, 1::BIGINT AS n)
      TO ${old} (FORMAT parquet)`);
    expect(await job.run([{ ts: "2026-01-05T10:00:00Z", n: 2 }])).toMatchObject({ code: 0 });
    const found = await database.rows(sql`SELECT n::INTEGER AS n, ts::VARCHAR AS ts
      FROM read_parquet(${join(job.table, "*.parquet")}, union_by_name = true) ORDER BY n`);
    database.close();
    expect(found).toEqual([
      { n: 1, ts: "2026-01-05 09:00:00+00" },
      { n: 2, ts: "2026-01-05 10:00:00+00" },
    ]);
  });
});

test("a copy of the table is a table", async () => {
  using job = await firstRun();
  using other = tableJob({ schema: SCHEMA, query: "SELECT n, v, s FROM rows", parquet: PARQUET });
  cpSync(job.table, other.table, { recursive: true });
  const refused = await other.run([]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("adopt: true");
  const { stderr } = await other.run([{ ...ROW, n: 2 }], {
    flags: ["--once", "--set", "sinks.0.adopt=true"],
  });
  expect(stderr).toContain('1 file of t removed: "job" wrote them with another checkpoint');
  // The job's name is the same and its checkpoint is another: what it does not know of is not its own.
  expect((await parquetRows(other.table)).map((row) => row["n"])).toEqual([2]);
});

test("what a checkpoint has committed stays, however the warehouse is spelled, or moved", async () => {
  using job = tableJob({ schema: { n: "BIGINT" }, parquet: { roll: { rows: 1 } } });
  const stop = { flags: ["--available-now"] };
  const numbers = async (): Promise<number[]> =>
    (await parquetRows(job.table)).map((row) => Number(row["n"])).toSorted((a, b) => a - b);
  const absolute = join(job.folder, "warehouse");
  const spellings = ["./warehouse", `${absolute}/`, `file:${absolute}`, "file:warehouse"];
  for (const [index, warehouse] of spellings.entries()) {
    const done = await job.run([{ n: index }], { ...stop, parquet: { warehouse } });
    expect(done).toMatchObject({ code: 0 });
  }
  expect(await numbers()).toEqual([0, 1, 2, 3]);
  // Rows that wait are those of the place, not of its spelling.
  const wait = { ...stop, parquet: { roll: { rows: 2 } } };
  await job.run([{ n: 4 }], wait);
  await job.run([{ n: 5 }], { ...stop, parquet: { roll: { rows: 2 }, warehouse: absolute } });
  expect(await numbers()).toEqual([0, 1, 2, 3, 4, 5]);
  const moved = join(job.folder, "moved");
  renameSync(absolute, moved);
  await job.run([{ n: 6 }], { ...stop, parquet: { warehouse: moved } });
  renameSync(moved, absolute);
  await job.run([{ n: 7 }], stop);
  expect(await numbers()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
}, 30_000);

/** Rows wait in the checkpoint for company, and come into the files once. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { parentOf } from "../../src/warehouse/store.ts";
import { start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { parquetRows } from "../support/warehouse.ts";
import { type TableJob, tableJob } from "./table-job.ts";

const SCHEMA = { ts: "TIMESTAMP", n: "BIGINT" };
const at = (minute: number, n: number) => ({
  ts: new Date(Date.UTC(2026, 0, 5, 9, minute)).toISOString(),
  n,
});
const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);
const stop = { flags: ["--available-now"] };

async function numbers({ table }: TableJob): Promise<number[]> {
  return (await parquetRows(table)).map((row) => Number(row["n"])).toSorted((a, b) => a - b);
}

const ok = { code: 0 };

test("by rows, over runs: a partition's file is written when enough rows wait", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: { partition_by: ["p=n % 2"], roll: { rows: 10 } } });
  expect(
    await job.run(
      range(0, 8).map((n) => at(0, n)),
      stop,
    ),
  ).toMatchObject(ok);
  expect(job.files()).toEqual([]);
  // Of the even ones there are ten now, of the odd ones nine.
  expect(
    await job.run(
      range(8, 11).map((n) => at(0, n)),
      stop,
    ),
  ).toMatchObject(ok);
  expect(job.files()).toEqual(["p=0/part-job-2-0.parquet"]);
  expect(await numbers(job)).toEqual(range(0, 10).map((n) => 2 * n));
  expect(await job.run([at(0, 19)])).toMatchObject(ok);
  expect(await numbers(job)).toEqual(range(0, 20));
});

test("rows that wait for a table that the job has left are told of, and written later", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: { roll: { rows: 10 } } });
  await job.run([at(0, 1), at(0, 2)], stop);
  const { stderr } = await job.run([at(0, 3)], { ...stop, parquet: { table: "other" } });
  expect(stderr).toContain("2 rows wait in the checkpoint for parquet:warehouse/t");
  await job.run([at(0, 4)]);
  expect(await numbers(job)).toEqual([1, 2, 4]);
});

test("partitions of NULL, of odd texts and of several columns are told from each other", async () => {
  using job = tableJob({
    schema: { ...SCHEMA, rows: "VARCHAR", d: "DOUBLE" },
    parquet: { partition_by: ["rows", "day=ts::DATE", "d"], roll: { rows: 2 } },
  });
  const odd = [null, "", "x", 'it\'s "odd"', "a/b"];
  const some = (n: number) => odd.map((rows, index) => ({ ...at(0, 10 * n + index), rows, d: index / 3 }));
  await job.run([...some(1), ...some(2).slice(2, 4)], stop);
  expect(await numbers(job)).toEqual([12, 13, 22, 23]);
  await job.run(some(3));
  expect(await numbers(job)).toEqual([10, 11, 12, 13, 14, 22, 23, 30, 31, 32, 33, 34]);
});

test("bytes and enumerated values that name no folder are with NULL, and none is lost", async () => {
  const values = ["", null, "__HIVE_DEFAULT_PARTITION__", "x"];
  for (const type of ["BLOB", "ENUM('', '__HIVE_DEFAULT_PARTITION__', 'x')"]) {
    using job = tableJob({
      schema: { n: "BIGINT", v: "VARCHAR" },
      query: `SELECT n, v::${type} AS p FROM rows`,
      parquet: { partition_by: ["p"] },
    });
    expect(await job.run(values.map((v, n) => ({ n, v })))).toMatchObject(ok);
    expect(await numbers(job)).toEqual([0, 1, 2, 3]);
    expect(job.files().map(parentOf)).toEqual(["p=__HIVE_DEFAULT_PARTITION__", "p=x"]);
    const found = ["query", "SELECT count(*) AS c FROM t", "--format", "ndjson"];
    const { stdout } = await streamkit([...found, "--warehouse", `${job.folder}/warehouse`]);
    expect(stdout).toBe('{"c":4}\n');
  }
});

test("a table that readers would not see is refused; a place that can't be written too", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: {} });
  for (const table of ["_t", "_d.t", "d._t"])
    expect(await job.run([at(0, 1)], { parquet: { table } })).toMatchObject({ code: 2 });
  const { code, stderr } = await job.run([at(0, 1)], { parquet: { warehouse: "/proc/none" } });
  expect(code).toBe(1);
  expect(stderr).toContain("ENOENT");
  expect(stderr).not.toContain("    at ");
}, 30_000);

test("a partition column is none of the rows' in other letters, and no other one", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: {} });
  for (const partition_by of [["TS=ts::DATE"], ["N"], ["a=n", "A=n + 1"]]) {
    const { code, stderr } = await job.run([at(0, 1)], { parquet: { partition_by } });
    expect(code).toBe(2);
    expect(stderr).toMatch(/the rows have a column "(?:ts|n)" already|two partition columns are called "A"/);
  }
});

test("without roll every batch writes its files, and rows that waited before come too", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: { roll: { rows: 100 } } });
  await job.run([at(0, 1)], stop);
  expect(job.files()).toEqual([]);
  await job.run([at(0, 2)], { ...stop, parquet: { roll: undefined } });
  expect(job.files()).toEqual(["part-job-2-0.parquet"]);
  await job.run([at(0, 3)], { ...stop, parquet: { roll: undefined } });
  expect(job.files()).toEqual(["part-job-2-0.parquet", "part-job-3-0.parquet"]);
  expect(await numbers(job)).toEqual([1, 2, 3]);
});

test("by size", async () => {
  using job = tableJob({ schema: { ...SCHEMA, text: "VARCHAR" }, parquet: { roll: { bytes: "100KB" } } });
  const rows = (first: number) =>
    range(first, 1000).map((n) => ({
      ...at(0, n),
      text: crypto.getRandomValues(new Uint8Array(32)).toHex(),
    }));
  for (const run of [0, 1, 2]) {
    expect(await job.run(rows(1000 * run), stop)).toMatchObject(ok);
    // A row is 32 random bytes, as 64 digits, which zstd knows to halve.
    expect(job.files()).toHaveLength(run < 2 ? 0 : 1);
  }
  expect(await numbers(job)).toEqual(range(0, 3000));
});

test("when the watermark passes the partition", async () => {
  using job = tableJob({
    schema: SCHEMA,
    parquet: { partition_by: ["dt=ts::DATE", "hour=strftime(ts, '%H')"], roll: { rows: 100 } },
  });
  await job.run([at(0, 1), at(59, 2)], stop);
  expect(job.files()).toEqual([]);
  await job.run([at(60, 3), at(119, 4)], stop);
  expect(job.everything().filter((name) => !name.startsWith("_"))).toEqual([
    "dt=2026-01-05/hour=09/_SUCCESS",
    "dt=2026-01-05/hour=09/part-job-2-0.parquet",
  ]);
  expect(await numbers(job)).toEqual([1, 2]);
});

test("by age, even if nothing comes", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: { roll: { rows: 1000, every: "1s" } } });
  await job.run([at(0, 1)], stop);
  expect(job.files()).toEqual([]);
  await using running = await start(["process", join(job.folder, "job.yaml")]);
  await until("the file of rows that waited", () => job.files().length > 0);
  running.kill("SIGINT");
  expect(await running.finished()).toMatchObject({ code: 130 });
  expect(await numbers(job)).toEqual([1]);
});

test("without a checkpoint they are written when the job is stopped", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: { roll: { rows: 1000 } }, checkpoint: false });
  await job.run([at(0, 1), at(0, 2)], stop);
  expect(await numbers(job)).toEqual([1, 2]);
});

test("a column that is added meanwhile is NULL in rows that waited", async () => {
  using job = tableJob({ schema: SCHEMA, query: "SELECT n FROM rows", parquet: { roll: { rows: 3 } } });
  await job.run([at(0, 1), at(0, 2)], stop);
  const query = "SELECT n, 2 * n AS twice FROM rows";
  expect(await job.run([at(0, 3)], { ...stop, query })).toMatchObject(ok);
  expect(await parquetRows(job.table)).toEqual([
    { n: 1, twice: null },
    { n: 2, twice: null },
    { n: 3, twice: 6 },
  ]);
});

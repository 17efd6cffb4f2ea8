/** Rows that wait: over many batches each is taken once, and the checkpoint does not grow with them. */

import { describe, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join as joinPath } from "node:path";
import { type Column, type Database, openDatabase } from "../../src/duckdb/database.ts";
import { id, join, raw, sql } from "../../src/duckdb/sql.ts";
import { openBufferedRows } from "../../src/warehouse/buffered-rows.ts";
import { partitioningOf } from "../../src/warehouse/partition-columns.ts";
import { emptyFolder } from "../support/binary.ts";

/**
 * The first go into the checkpoint's table, the others into files; of the last many come back into the table.
 * `maxMb`: of the checkpoint, about what a thousand rows take, times all that may wait in it, times two.
 */
const KINDS = [
  { batches: 400, rowsABatch: 1000, partition: "n % 7", roll: { rows: 5000 }, maxRows: 35_000, maxMb: 4 },
  { batches: 300, rowsABatch: 5000, partition: "n % 7", roll: { rows: 80_000 }, maxRows: 560_000, maxMb: 4 },
  { batches: 300, rowsABatch: 5000, partition: "n % 7", roll: { rows: 2000 }, maxRows: 14_000, maxMb: 4 },
  {
    batches: 300,
    rowsABatch: 5000,
    partition: "n // 12000",
    roll: { everyMs: 70 },
    maxRows: 360_000,
    maxMb: 12,
  },
];
const MAX_FILES = 100;

test.each(KINDS)("%j", async ({ batches, rowsABatch, partition, roll, maxRows, maxMb }) => {
  using folder = emptyFolder();
  const file = joinPath(folder.path, "checkpoint.duckdb");
  const waitingFolder = joinPath(folder.path, "waiting");
  const database = await openDatabase({ threads: 1 });
  await database.run(sql`ATTACH ${file} AS ckpt (BLOCK_SIZE 65536); SET checkpoint_threshold = '1MB'`);
  const columns = [
    { name: "n", type: "BIGINT" },
    { name: "text", type: "VARCHAR" },
  ];
  const partitioning = await partitioningOf(database, columns, [{ name: "p", expression: partition }]);
  const open = () =>
    openBufferedRows({
      database,
      table: id("ckpt", "rows"),
      filesTable: id("ckpt", "files"),
      folder: waitingFolder,
      columns: [...columns, ...partitioning.columns],
      partitioning,
      roll,
    });
  let waiting = await open();
  await database.run(raw("CREATE TEMP TABLE taken (n BIGINT, text VARCHAR, p BIGINT)"));
  let largest = 0;
  let most = 0;
  for (let batch = 0; batch < batches; batch += 1) {
    // Now and then the process is another one.
    if (batch % 50 === 49) waiting = await open();
    const first = batch * rowsABatch;
    await waiting.add(
      sql`SELECT n, md5(n::VARCHAR) AS text, ${raw(partition)} AS p
        FROM range(${first}, ${first + rowsABatch}) AS t(n)`,
      batch,
    );
    const due = waiting.dueKeys(batch, 0);
    if (due.length > 0) await database.run(sql`INSERT INTO taken ${waiting.rowsOf(due)}`);
    await waiting.keep(due, batch);
    const statements = waiting.commit(due);
    await database.run(sql`BEGIN; ${join(statements, ";\n")}; COMMIT`);
    await waiting.committed();
    largest = Math.max(largest, statSync(file).size);
    most = Math.max(most, readdirSync(waitingFolder).length);
  }
  const waits = waiting.rowsOf(waiting.keys());
  const all = await database.row(sql`SELECT count(*) AS rows, count(DISTINCT n) AS different, min(n) AS low,
    max(n) AS high FROM (SELECT n FROM taken UNION ALL SELECT n FROM (${waits}))`);
  const total = BigInt(batches * rowsABatch);
  expect(all).toEqual({ rows: total, different: total, low: 0n, high: total - 1n });
  const still = await database.row(sql`SELECT count(*) AS rows FROM (${waits})`);
  expect(Number(still["rows"])).toBe(waiting.countOf(waiting.keys()));
  expect(Number(still["rows"])).toBeLessThan(maxRows);
  expect(largest).toBeLessThan(maxMb * 2 ** 20);
  expect(most).toBeLessThan(MAX_FILES);
  if (rowsABatch < 4096) expect(most).toBe(0);
  database.close();
});

describe("rows in files", () => {
  const COLUMNS = [
    { name: "n", type: "BIGINT" },
    { name: "text", type: "VARCHAR" },
  ];

  async function openWith(columns: readonly Column[], database: Database, folder: string) {
    const partitioning = await partitioningOf(database, columns, [{ name: "p", expression: "n % 2" }]);
    return openBufferedRows({
      database,
      table: id("ckpt", "rows"),
      filesTable: id("ckpt", "files"),
      folder,
      columns: [...columns, ...partitioning.columns],
      partitioning,
      roll: { everyMs: 1000 },
    });
  }

  /** 5,000 rows that wait since 7. */
  async function withRows(columns: readonly Column[], values: string) {
    const folder = emptyFolder();
    const waitingFolder = joinPath(folder.path, "waiting");
    const database = await openDatabase({ threads: 1 });
    await database.run(raw("ATTACH ':memory:' AS ckpt"));
    const waiting = await openWith(columns, database, waitingFolder);
    await waiting.add(sql`SELECT ${raw(values)}, n % 2 AS p FROM range(5000) AS t(n)`, 7);
    await waiting.keep([], 1);
    await database.run(join(waiting.commit([]), ";\n"));
    await waiting.committed();
    return {
      database,
      waitingFolder,
      files: () => readdirSync(waitingFolder),
      [Symbol.dispose]() {
        database.close();
        folder[Symbol.dispose]();
      },
    };
  }

  test("come back where the job's columns are others", async () => {
    using one = await withRows(COLUMNS, "n, n::VARCHAR AS text");
    expect(one.files()).toEqual(["1.parquet"]);
    const wider = [...COLUMNS, { name: "price", type: "DOUBLE" }];
    const waiting = await openWith(wider, one.database, one.waitingFolder);
    expect(one.files()).toEqual([]);
    expect(waiting.isOverdue(1006)).toBe(false);
    expect(waiting.isOverdue(1007)).toBe(true);
    const found = await one.database.row(sql`SELECT count(*) AS rows, count(DISTINCT n) AS different,
      count(price) AS prices, count(*) FILTER (text = n::VARCHAR) AS same
      FROM (${waiting.rowsOf(waiting.keys())})`);
    expect(found).toEqual({ rows: 5000n, different: 5000n, prices: 0n, same: 5000n });
  });

  test("are not there where Parquet has no such type", async () => {
    using one = await withRows(
      [...COLUMNS, { name: "wide", type: "HUGEINT" }],
      "n, '' AS text, n::HUGEINT AS wide",
    );
    expect(one.files()).toEqual([]);
    expect(await one.database.row(sql`SELECT count(*) AS rows FROM ckpt.rows`)).toEqual({ rows: 5000n });
  });

  test("keep values at the edges of their types", async () => {
    const columns = [
      ...COLUMNS,
      { name: "at", type: "TIMESTAMP" },
      { name: "instant", type: "TIMESTAMP WITH TIME ZONE" },
      { name: "day", type: "DATE" },
      { name: "x", type: "DOUBLE" },
      { name: "d", type: "DECIMAL(38,10)" },
      { name: "b", type: "BLOB" },
      { name: "l", type: "STRUCT(a INTEGER, b VARCHAR[])[]" },
    ];
    const values = `n, CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE concat('a', chr(0), 'b') END AS text,
      CASE n % 4 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '0001-01-01' END::TIMESTAMP AS at,
      CASE n % 3 WHEN 0 THEN 'infinity' WHEN 1 THEN '2026-01-05 14:30:00.123456' END::TIMESTAMPTZ AS instant,
      CASE n % 4 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '0001-01-01' END::DATE AS day,
      CASE n % 4 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' WHEN 2 THEN 'inf' END::DOUBLE AS x,
      CASE n % 2 WHEN 0 THEN '-9999999999999999999999999999.9999999999' END::DECIMAL(38,10) AS d,
      CASE n % 3 WHEN 0 THEN '\\x00\\xFF' WHEN 1 THEN '' END::BLOB AS b,
      CASE n % 4 WHEN 0 THEN [] WHEN 1 THEN [NULL] WHEN 2 THEN [{a: NULL, b: ['x', NULL]}] END AS l`;
    using one = await withRows(columns, values);
    expect(one.files()).toEqual(["1.parquet"]);
    const waiting = await openWith(columns, one.database, one.waitingFolder);
    const put = sql`SELECT ${raw(values)}, n % 2 AS p FROM range(5000) AS t(n)`;
    const got = waiting.rowsOf(waiting.keys());
    for (const [a, b] of [
      [put, got],
      [got, put],
    ] as const)
      expect(
        await one.database.row(sql`SELECT count(*) AS rows FROM (FROM (${a}) EXCEPT ALL FROM (${b}))`),
      ).toEqual({ rows: 0n });
  });
});

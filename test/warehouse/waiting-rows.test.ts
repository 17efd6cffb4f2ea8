/** Rows that wait: over many batches each is taken once, and the checkpoint does not grow with them. */

import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join as joinPath } from "node:path";
import { openDatabase } from "../../src/duckdb/database.ts";
import { id, join, raw, sql } from "../../src/duckdb/sql.ts";
import { partitioningOf } from "../../src/warehouse/partition-columns.ts";
import { openWaitingRows } from "../../src/warehouse/waiting-rows.ts";
import { emptyFolder } from "../e2e/binary.ts";

const BATCHES = 400;
const ROWS_A_BATCH = 1000;
const ROLL_ROWS = 5000;
/** About what a thousand of them take, times all that may wait at once, times two. */
const MAX_FILE_BYTES = 4 * 2 ** 20;

test(`${BATCHES} batches`, async () => {
  using folder = emptyFolder();
  const file = joinPath(folder.path, "checkpoint.duckdb");
  const database = await openDatabase({ threads: 1 });
  await database.run(sql`ATTACH ${file} AS ckpt (BLOCK_SIZE 65536); SET checkpoint_threshold = '1MB'`);
  const columns = [
    { name: "n", type: "BIGINT" },
    { name: "text", type: "VARCHAR" },
  ];
  const partitioning = await partitioningOf(database, columns, [{ name: "p", expression: "n % 7" }]);
  const open = () =>
    openWaitingRows({
      database,
      table: id("ckpt", "rows"),
      columns: [...columns, ...partitioning.columns],
      partitioning,
      roll: { rows: ROLL_ROWS },
    });
  let waiting = await open();
  await database.run(raw("CREATE TEMP TABLE taken (n BIGINT, text VARCHAR, p BIGINT)"));
  let largest = 0;
  for (let batch = 0; batch < BATCHES; batch += 1) {
    // Now and then the process is another one.
    if (batch % 50 === 49) waiting = await open();
    const first = batch * ROWS_A_BATCH;
    await waiting.add(
      sql`SELECT range AS n, md5(range::VARCHAR) AS text, range % 7 AS p
        FROM range(${first}, ${first + ROWS_A_BATCH})`,
      batch,
    );
    const due = waiting.dueKeys(batch, 0);
    if (due.length > 0) await database.run(sql`INSERT INTO taken ${waiting.rowsOf(due)}`);
    const statements = waiting.commit(due);
    await database.run(sql`BEGIN; ${join(statements, ";\n")}; COMMIT`);
    largest = Math.max(largest, statSync(file).size);
  }
  const all = await database.row(sql`SELECT count(*) AS rows, count(DISTINCT n) AS different, min(n) AS low,
    max(n) AS high FROM (SELECT n FROM taken UNION ALL SELECT n FROM ckpt.rows)`);
  const total = BigInt(BATCHES * ROWS_A_BATCH);
  expect(all).toEqual({ rows: total, different: total, low: 0n, high: total - 1n });
  const still = await database.row(sql`SELECT count(*) AS rows FROM ckpt.rows`);
  expect(Number(still["rows"])).toBe(waiting.countOf(waiting.keys()));
  expect(Number(still["rows"])).toBeLessThan(7 * ROLL_ROWS);
  expect(largest).toBeLessThan(MAX_FILE_BYTES);
  database.close();
}, 120_000);

/** Rows of one partition are staged without being sorted out: it is called as it is among others. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { raw, sql } from "../../src/duckdb/sql.ts";
import { stageRows } from "../../src/warehouse/staged-files.ts";
import { emptyFolder } from "../support/binary.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase();
});
afterAll(() => database.close());

const VALUES: Readonly<Record<string, readonly string[]>> = {
  VARCHAR: ["'a/b c'", "'ä日本'", "NULL", "'__HIVE_DEFAULT_PARTITION__'"],
  BIGINT: ["14", "-3", "NULL"],
  HUGEINT: ["170141183460469231731687303715884105727"],
  BOOLEAN: ["true", "false"],
  DATE: ["'2026-01-05'", "'0044-03-15 (BC)'", "'infinity'"],
  TIMESTAMP: ["'2026-01-05 09:00:00'", "'2026-01-05 09:00:00.000001'", "'-infinity'"],
  TIMESTAMPTZ: ["'2026-01-05 09:00:00+02'"],
  TIMESTAMP_NS: ["'2026-01-05 09:00:00.000000001'"],
  TIME: ["'09:00:00.5'"],
  "DECIMAL(9,2)": ["1.10", "-0.05"],
  DOUBLE: ["0.1", "1e300", "'nan'", "'infinity'"],
  FLOAT: ["0.1"],
  UUID: ["'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'"],
  BLOB: ["'a b'"],
  "ENUM('x y', 'z')": ["'x y'", "'z'"],
};

for (const [type, values] of Object.entries(VALUES)) {
  test(type, async () => {
    using folder = emptyFolder();
    const rows = (texts: readonly string[]) =>
      sql`SELECT * FROM (VALUES ${texts.map((text, n) => raw(`(${n}, CAST(${text} AS ${type}))`))})
        AS rows (n, "the key")`;
    const staged = async (texts: readonly string[]) => {
      const files = await stageRows(database, rows(texts), ["the key"], join(folder.path, "staging"));
      const [first] = files;
      const columns = await database.describe(sql`FROM read_parquet(${first?.path ?? ""})`);
      expect(columns.map(({ name }) => name)).toEqual(["n"]);
      return files.map((file) => [file.values[0], file.rows]);
    };
    const apart = [];
    for (const value of values) apart.push(...(await staged([value, value])).map(([text]) => [text, 1]));
    // One more partition, so that DuckDB has something to sort out.
    const other = values.includes("NULL") ? [] : ["NULL"];
    const together = (await staged([...values, ...other])).filter(
      ([text]) => other.length === 0 || text !== null,
    );
    const inOrder = (found: readonly (readonly unknown[])[]) => found.map(String).toSorted();
    expect(inOrder(together)).toEqual(inOrder(apart));
  });
}

test("values that are alike by a collation alone", async () => {
  using folder = emptyFolder();
  await database.run(
    raw("CREATE OR REPLACE TEMP TABLE alike AS SELECT unnest(['A', 'a']) COLLATE NOCASE AS k"),
  );
  const files = await stageRows(database, sql`SELECT 1 AS n, k FROM alike`, ["k"], folder.path);
  expect(new Set(files.map(({ values }) => values[0]))).toEqual(new Set(["A", "a"]));
});

test("two columns, of which only one tells rows apart", async () => {
  using folder = emptyFolder();
  const rows = sql`SELECT range AS n, 'x' AS a, range % 2 AS b FROM range(10)`;
  const files = await stageRows(database, rows, ["a", "b"], folder.path);
  const found = files.map(({ values, rows: count }) => `${values.join(" ")}: ${count}`);
  expect(found.toSorted()).toEqual(["x 0: 5", "x 1: 5"]);
  const nothing = await stageRows(database, sql`${rows} WHERE false`, ["a", "b"], folder.path);
  expect(nothing).toEqual([]);
});

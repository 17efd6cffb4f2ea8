/** The HiveQL of a table, executed by Spark. */

import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../src/duckdb/database.ts";
import { id, raw, sql } from "../../src/duckdb/sql.ts";
import { hiveDdl } from "../../src/warehouse/ddl.ts";
import { hiveTable } from "../../src/warehouse/hive-table.ts";
import { writable } from "../../src/warehouse/hive-types.ts";
import { sharedSpark } from "../services/spark.ts";
import { emptyFolder } from "../support/binary.ts";

const ROWS = `SELECT 'x' AS "Select", 7::HUGEINT AS total, {'timestamp': 1, 'Tag': ['a']} AS nested,
  DATE '2026-01-05' AS dt, 'a b' AS host`;

test("Spark makes the table of it, finds its partitions and reads it", async () => {
  using folder = emptyFolder();
  const database = await openDatabase();
  const location = join(folder.path, "it's; odd\\");
  const columns = await database.describe(sql`${raw(ROWS)}`);
  const partitions = ["dt", "host"].map((name) => ({ name, expression: `"${name}"` }));
  const table = await hiveTable(database, columns, partitions, sql`(${raw(ROWS)})`);
  const items = table.columns.map(
    ({ name }, at) => sql`${writable(id(name), columns[at]?.type ?? "")} AS ${id(name)}`,
  );
  mkdirSync(join(location, "dt=2026-01-05/host=a b"), { recursive: true });
  await database.run(sql`COPY (SELECT ${items} FROM (${raw(ROWS)}))
    TO ${join(location, "dt=2026-01-05/host=a b/f.parquet")} (FORMAT parquet)`);
  const text = hiveDdl({ database: "ddl", table: "Odd", ...table, location: `file:${location}` });
  expect(text).toBe(
    `CREATE DATABASE IF NOT EXISTS \`ddl\`;

CREATE EXTERNAL TABLE IF NOT EXISTS \`ddl\`.\`Odd\` (
  \`select\` string,
  \`total\` decimal(38,0),
  \`nested\` struct<\`timestamp\`:int,\`tag\`:array<string>>
)
PARTITIONED BY (\`dt\` date, \`host\` string)
STORED AS PARQUET
LOCATION 'file:${folder.path}/it\\'s\\073 odd\\\\';

MSCK REPAIR TABLE \`ddl\`.\`Odd\`;
`,
  );
  const spark = await sharedSpark();
  const statements = text.split(";\n").filter((statement) => statement.trim() !== "");
  const read = await spark.sql([...statements, "SELECT * FROM ddl.odd"]);
  expect(read.rows).toEqual([
    { select: "x", total: 7, nested: { timestamp: 1, tag: ["a"] }, dt: "2026-01-05", host: "a b" },
  ]);
});

test("a table without partitions", async () => {
  const database = await openDatabase();
  const table = await hiveTable(database, [{ name: "n", type: "BIGINT" }], [], sql`(SELECT 1 AS n)`);
  expect(hiveDdl({ database: "default", table: "t", ...table, location: "hdfs://nn/t" })).toBe(
    `CREATE EXTERNAL TABLE IF NOT EXISTS \`default\`.\`t\` (
  \`n\` bigint
)
STORED AS PARQUET
LOCATION 'hdfs://nn/t';
`,
  );
});

/** DuckDB's types in Hive's tables, as Spark, Hive's SerDe, pyarrow and DuckDB read them. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../src/base/error.ts";
import { type Column, type Database, openDatabase } from "../../src/duckdb/database.ts";
import { id, raw, sql } from "../../src/duckdb/sql.ts";
import { hiveColumns, hivePartitionColumns, hiveType, writable } from "../../src/warehouse/hive-types.ts";
import { type Spark, sharedSpark } from "../services/spark.ts";
import { emptyFolder } from "../support/binary.ts";

const HIVE_SERDE = { "spark.sql.hive.convertMetastoreParquet": "false" };

/** A value in SQL, the type declared for it, and its text in Spark. */
const READ_ALIKE: Readonly<Record<string, readonly [value: string, declared: string, text: string]>> = {
  a_boolean: ["true", "boolean", "true"],
  a_tinyint: ["-5::TINYINT", "tinyint", "-5"],
  a_smallint: ["-300::SMALLINT", "smallint", "-300"],
  an_int: ["-70000", "int", "-70000"],
  a_bigint: ["9007199254740993", "bigint", "9007199254740993"],
  a_utinyint: ["200::UTINYINT", "smallint", "200"],
  a_usmallint: ["60000::USMALLINT", "int", "60000"],
  a_uint: ["4000000000::UINTEGER", "bigint", "4000000000"],
  a_ubigint: ["18446744073709551615::UBIGINT", "decimal(20,0)", "18446744073709551615"],
  a_sum: ["9007199254740993::HUGEINT", "decimal(38,0)", "9007199254740993"],
  a_float: ["0.5::FLOAT", "float", "0.5"],
  a_double: ["0.1::DOUBLE", "double", "0.1"],
  a_decimal: ["1234.56::DECIMAL(38,2)", "decimal(38,2)", "1234.56"],
  a_date: ["DATE '2026-01-05'", "date", "2026-01-05"],
  a_time: ["TIME '14:30:00.5'", "string", "14:30:00.5"],
  a_uuid: ["'00000000-0000-0000-0000-00000000000a'::UUID", "string", "00000000-0000-0000-0000-00000000000a"],
  an_interval: ["INTERVAL '1 day 2 hours'", "string", "1 day 02:00:00"],
  a_text: ["'é\u2028'", "string", "é\u2028"],
  an_enum: ["'b'::ENUM('a', 'b')", "string", "b"],
  a_json: [`'{"a":1}'::JSON`, "string", '{"a":1}'],
  a_bit: ["'1010'::BIT", "string", "1010"],
  a_bignum: ["(10::BIGNUM + 1)", "string", "11"],
  a_blob: ["'AB'::BLOB", "binary", "AB"],
  a_list: ["[1, NULL]", "array<int>", "[1, null]"],
  an_array: ["[1, 2]::INTEGER[2]", "array<int>", "[1, 2]"],
  a_map: ["MAP {'k': 7::UINTEGER}", "map<string,bigint>", "{k -> 7}"],
  a_struct: [`{'Id': 1, 'who': 'x'}`, "struct<id:int,who:string>", "{1, x}"],
  a_nest: ["[{'a': [1::HUGEINT]}]", "array<struct<a:array<decimal(38,0)>>>", "[{[1]}]"],
};

/** Those that only Spark's own reader has: Hive's SerDe of Spark and of Hive before 4 refuses the file. */
const SPARK_ONLY: typeof READ_ALIKE = {
  a_price: ["1234.56::DECIMAL(9,2)", "decimal(9,2)", "1234.56"],
  an_amount: ["1234.56::DECIMAL(18,2)", "decimal(18,2)", "1234.56"],
  a_time_us: ["TIMESTAMP '2026-01-05 14:30:00.123456'", "timestamp", "2026-01-05 14:30:00.123456"],
  a_time_s: ["TIMESTAMP_S '2026-01-05 14:30:00'", "timestamp", "2026-01-05 14:30:00"],
  a_time_ns: ["TIMESTAMP_NS '2026-01-05 14:30:00.123456789'", "timestamp", "2026-01-05 14:30:00.123456"],
  an_instant: ["TIMESTAMPTZ '2026-01-05 15:30:00+01'", "timestamp", "2026-01-05 14:30:00"],
  times: ["[TIMESTAMP '2026-01-05 14:30:00']", "array<timestamp>", "[2026-01-05 14:30:00]"],
};

let database: Database;
let spark: Spark;
const folder = emptyFolder();
beforeAll(async () => {
  [database, spark] = await Promise.all([openDatabase(), sharedSpark()]);
});
afterAll(() => folder[Symbol.dispose]());

/** A folder with one Parquet file of these values, written as the sink does, and their columns. */
async function written(
  name: string,
  values: typeof READ_ALIKE,
): Promise<{ path: string; columns: Column[] }> {
  const path = join(folder.path, name);
  mkdirSync(path);
  const items = Object.entries(values).map(([column, [value]]) => sql`${raw(value)} AS ${id(column)}`);
  const columns = await database.describe(sql`SELECT ${items}`);
  const cast = columns.map((column) => sql`${writable(id(column.name), column.type)} AS ${id(column.name)}`);
  await database.run(sql`COPY (SELECT ${cast} FROM (SELECT ${items})) TO ${join(path, "f.parquet")}
    (FORMAT parquet, COMPRESSION zstd)`);
  return { path, columns };
}

const declaring = (name: string, path: string, columns: readonly (readonly [string, string])[]): string[] => [
  `DROP TABLE IF EXISTS ${name}`,
  `CREATE EXTERNAL TABLE ${name} (${columns.map(([column, type]) => `\`${column}\` ${type}`).join(", ")})
   STORED AS PARQUET LOCATION 'file:${path}'`,
];

const textsOf = (name: string, values: typeof READ_ALIKE): string =>
  `SELECT ${Object.keys(values)
    .map((column) => `CAST(${column} AS STRING) AS ${column}`)
    .join(", ")} FROM ${name}`;

const expectedOf = (values: typeof READ_ALIKE) =>
  Object.fromEntries(Object.entries(values).map(([column, [, , text]]) => [column, text]));

describe("what is written is what the table declares", () => {
  test.each([
    ["for Spark's reader", {}],
    ["for Hive's SerDe", HIVE_SERDE],
  ])("%s", async (_, settings) => {
    const name = "alike" + Object.keys(settings).length;
    const { path, columns } = await written(name, READ_ALIKE);
    const declared = hiveColumns(columns).map((column) => [column.hiveName, column.declared] as const);
    expect(declared).toEqual(Object.entries(READ_ALIKE).map(([column, [, type]]) => [column, type]));
    const read = await spark.sql([...declaring(name, path, declared), textsOf(name, READ_ALIKE)], settings);
    expect(read.rows).toEqual([expectedOf(READ_ALIKE)]);
  });

  test("times and small decimals for Spark's reader alone, and a warning says so", async () => {
    const { path, columns } = await written("spark_only", SPARK_ONLY);
    const hive = hiveColumns(columns);
    const declared = hive.map((column) => [column.hiveName, column.declared] as const);
    expect(declared).toEqual(Object.entries(SPARK_ONLY).map(([column, [, type]]) => [column, type]));
    const table = declaring("spark_only", path, declared);
    const read = await spark.sql([...table, textsOf("spark_only", SPARK_ONLY)]);
    expect(read.rows).toEqual([expectedOf(SPARK_ONLY)]);
    for (const { name, warnings } of hive) {
      expect(warnings.join()).toContain("convertMetastoreParquet=false");
      const refused = await spark.sql(`SELECT ${name} FROM spark_only`, HIVE_SERDE).catch(messageOf);
      expect(refused).toMatch(/ClassCastException|UnsupportedOperationException|RuntimeException/);
    }
  });

  test("for pyarrow and for DuckDB, by the file alone", async () => {
    const values = { ...READ_ALIKE, ...SPARK_ONLY };
    const { path, columns } = await written("by_file", values);
    const file = join(path, "f.parquet");
    const types = Object.fromEntries((await spark.arrow(file)).columns.map(({ name, type }) => [name, type]));
    expect(types).toMatchObject({
      a_sum: "decimal128(38, 0)",
      a_ubigint: "decimal128(20, 0)",
      a_uint: "int64",
      a_price: "decimal128(9, 2)",
      a_uuid: "string",
      a_time: "string",
      a_time_us: "timestamp[us, tz=UTC]",
      a_time_ns: "timestamp[us, tz=UTC]",
      a_nest: "list<element: struct<a: list<element: decimal128(38, 0)>>>",
    });
    const again = await database.describe(sql`FROM read_parquet(${file})`);
    const asWritten = columns.map(({ name, type }) => ({
      name,
      type: hiveType(type).written.replaceAll('"', ""),
    }));
    expect(again).toEqual(asWritten);
  });
});

describe("times", () => {
  const noon = { t: ["TIMESTAMP '2026-07-05 12:00:00'", "timestamp", ""] } as const;

  test.each([
    ["UTC", "2026-07-05 12:00:00"],
    ["America/New_York", "2026-07-05 08:00:00"],
  ])("are the same instant for a session in %s, by the table and by the file", async (zone, text) => {
    const name = `noon_${zone.length}`;
    const { path } = await written(name, noon);
    const settings = { "spark.sql.session.timeZone": zone };
    const instant = "CAST(t AS STRING) AS text, unix_micros(t) AS us";
    const table = declaring(name, path, [["t", "timestamp"]]);
    const expected = [{ text, us: Date.parse("2026-07-05T12:00:00Z") * 1000 }];
    expect((await spark.sql([...table, `SELECT ${instant} FROM ${name}`], settings)).rows).toEqual(expected);
    const byFile = await spark.sql(`SELECT ${instant} FROM parquet.\`${path}\``, settings);
    expect(byFile.rows).toEqual(expected);
  });

  test("written without a zone would be no instants to who reads the file alone", async () => {
    const file = join(folder.path, "naive.parquet");
    await database.run(sql`COPY (SELECT TIMESTAMP '2026-07-05 12:00:00' AS t) TO ${file} (FORMAT parquet)`);
    const read = await spark.sql(`SELECT t FROM parquet.\`${file}\``);
    expect(read.columns).toEqual([{ name: "t", type: "timestamp_ntz" }]);
  });

  test("that are infinite become NULL", async () => {
    const { path } = await written("infinite", { t: ["'infinity'::TIMESTAMP", "timestamp", ""] });
    const rows = await database.rows(sql`SELECT t IS NULL AS is_null FROM read_parquet(${`${path}/*`})`);
    expect(rows).toEqual([{ is_null: true }]);
  });
});

describe("traps that the writer keeps out of", () => {
  const asItIs = async (name: string, value: string, declared: string): Promise<unknown> => {
    const path = join(folder.path, name);
    mkdirSync(path);
    await database.run(sql`COPY (SELECT ${raw(value)} AS v) TO ${join(path, "f.parquet")} (FORMAT parquet)`);
    const table = declaring(name, path, [["v", declared]]);
    const read = await spark.sql([...table, `SELECT CAST(v AS STRING) AS v FROM ${name}`]).catch(messageOf);
    return typeof read === "string" ? read : read.rows[0]?.["v"];
  };

  test.each([
    ["trap_huge", "9007199254740993::HUGEINT", "double", "9.007199254740992E15"],
    ["trap_price", "1234.56::DECIMAL(9,2)", "double", "123456.0"],
    ["trap_ns", "TIMESTAMP_NS '2026-01-05 14:30:00'", "timestamp", expect.stringContaining("INT64")],
    ["trap_uuid", "uuid()", "string", expect.stringMatching(/UUID|string/)],
    ["trap_time", "TIME '14:30:00'", "string", expect.stringMatching(/TIME|string/)],
  ])("%s: %s declared %s is read wrongly, or not at all", async (name, value, declared, found) => {
    expect(await asItIs(name, value, declared)).toEqual(found);
  });
});

describe("what no table of Hive's can have", () => {
  const column = (name: string, type = "INTEGER"): Column => ({ name, type });

  test.each([
    ["a type", [column("u", "UNION(a INTEGER)")], `The column "u": The type UNION(a INTEGER) has no`],
    ["an untyped NULL", [column("n", '"NULL"')], "give it one, like NULL::VARCHAR"],
    ["names that differ in capitals", [column("Price"), column("price")], `"Price" and "price" are one`],
    ["a name with a comma", [column("a,b")], `found "a,b"`],
    ["an odd field's name", [column("s", 'STRUCT("a b" INTEGER)')], `found "a b"`],
    ["fields that differ in capitals", [column("s", "STRUCT(a INTEGER, A INTEGER)")], "fields of a STRUCT"],
  ])("%s", (_, columns, message) => {
    expect(() => hiveColumns(columns)).toThrow(message);
  });

  test("partition folders are declared strings where writers differ in how they write a value", () => {
    const types = ["DATE", "INTEGER", "UINTEGER", "VARCHAR", "DOUBLE", "TIMESTAMP", "BOOLEAN", "HUGEINT"];
    const columns = hivePartitionColumns(types.map((type, index) => column(`p${index}`, type)));
    const declared = columns.map((partition) => partition.declared);
    expect(declared).toEqual(["date", "int", "bigint", "string", "string", "string", "string", "string"]);
  });
});

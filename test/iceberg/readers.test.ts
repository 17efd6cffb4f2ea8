/** Tables that the finished program has written, as pyiceberg and Spark read them: types, values, pruning. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { icebergSpark, type PyIceberg, sharedPyIceberg } from "../services/iceberg.ts";
import type { Spark } from "../services/spark.ts";
import { emptyFolder } from "../support/binary.ts";
import { icebergJob } from "./iceberg-job.ts";
import { numbers } from "./writing.ts";

const TIMEOUT_MS = 240_000;

let reader: PyIceberg;
beforeAll(async () => {
  reader = await sharedPyIceberg();
}, TIMEOUT_MS);

/** Column, DuckDB's type, an expression for it, the type in the table, the value that pyiceberg reads. */
const TYPES: readonly (readonly [string, string, unknown])[] = [
  ["true", "boolean", true],
  ["(-7)::TINYINT", "int", -7],
  ["255::UTINYINT", "int", 255],
  ["(-32768)::SMALLINT", "int", -32_768],
  ["65535::USMALLINT", "int", 65_535],
  ["(-2147483648)::INTEGER", "int", -2_147_483_648],
  ["4294967295::UINTEGER", "long", 4_294_967_295],
  ["9007199254740991::BIGINT", "long", 9_007_199_254_740_991],
  ["18446744073709551615::UBIGINT", "decimal(20, 0)", "18446744073709551615"],
  ["(-99999999999999999999999999999999999999)::HUGEINT", "decimal(38, 0)", `-${"9".repeat(38)}`],
  ["1.5::FLOAT", "float", 1.5],
  ["0.1::DOUBLE", "double", 0.1],
  ["'nan'::DOUBLE", "double", "nan"],
  ["1234567.89::DECIMAL(9,2)", "decimal(9, 2)", "1234567.89"],
  ["-0.01::DECIMAL(18,2)", "decimal(18, 2)", "-0.01"],
  ["12345678901234567890.123::DECIMAL(38,3)", "decimal(38, 3)", "12345678901234567890.123"],
  ["DATE '1969-12-31'", "date", "1969-12-31"],
  ["'infinity'::DATE", "date", null],
  ["TIME '23:59:59.999999'", "time", "23:59:59.999999"],
  ["TIMESTAMP '1969-12-31 23:59:59.999999'", "timestamp", "1969-12-31T23:59:59.999999"],
  ["TIMESTAMP_S '2026-01-05 14:30:00'", "timestamp", "2026-01-05T14:30:00"],
  ["TIMESTAMP_MS '2026-01-05 14:30:00.5'", "timestamp", "2026-01-05T14:30:00.500000"],
  ["TIMESTAMPTZ '2026-01-05 14:30:00+02'", "timestamptz", "2026-01-05T12:30:00+00:00"],
  ["'é☃ 𝄞' || chr(0)", "string", "é☃ 𝄞\0"],
  ["'b'::ENUM('a', 'b')", "string", "b"],
  [`'{"a":1}'::JSON`, "string", '{"a":1}'],
  ["'2f1f9a32-8f2c-4c56-8d1c-0a4b0c1d2e3f'::UUID", "uuid", "2f1f9a32-8f2c-4c56-8d1c-0a4b0c1d2e3f"],
  [String.raw`'\x00\xFF'::BLOB`, "binary", "AP8="],
  ["[1, NULL]::INTEGER[]", "list<int>", [1, null]],
  ["[1.5, 2.5]::FLOAT[2]", "list<float>", [1.5, 2.5]],
  ["[]::TINYINT[]", "list<int>", []],
  ["MAP {'k': [1::TINYINT]}", "map<string, list<int>>", [["k", [1]]]],
  [
    `{'a b': 1::UTINYINT, 'c': ['x']}`,
    "struct<#: a b: optional int, #: c: optional list<string>>",
    {
      "a b": 1,
      c: ["x"],
    },
  ],
  ["NULL::STRUCT(a INTEGER)", "struct<#: a: optional int>", null],
  [
    `[{'d': DATE '2026-01-05', 'm': MAP {1: 'x'}}]`,
    "list<struct<#: d: optional date, #: m: optional map<int, string>>>",
    [{ d: "2026-01-05", m: [[1, "x"]] }],
  ],
];
const columns = TYPES.map(([expression], index) => `${expression} AS c${index}`);
const namesOf = (isIn: (type: string) => boolean) =>
  TYPES.flatMap(([, type], index) => (isIn(type) ? [`c${index}`] : []));

describe("all types", () => {
  test(
    "are what pyiceberg reads",
    async () => {
      using job = icebergJob({ ts: "TIMESTAMP" });
      const query = `SELECT ${columns.join(", ")} FROM rows`;
      const ran = await job.run([{ ts: "2026-01-05T14:30:00Z" }], { query });
      expect(ran).toMatchObject({ code: 0 });
      const { rows, types } = await reader.scan(job.table);
      const named = (type: string): string => type.replaceAll(/\b\d+: /g, "#: ");
      expect(Object.values(types).map(named)).toEqual(TYPES.map(([, type]) => type));
      expect(rows.map((row) => Object.values(row))).toEqual([TYPES.map(([, , value]) => value)]);
    },
    TIMEOUT_MS,
  );

  test("that Iceberg lacks are refused by check, each with the way out", async () => {
    using job = icebergJob({ ts: "TIMESTAMP" });
    const odd = ["INTERVAL 1 DAY AS i", "ts::TIMESTAMP_NS AS n", "'1'::BIT AS b", "ts::TIME_NS AS tn"];
    const { code, stderr } = await job.run([], {
      query: `SELECT ts, ${odd.join(", ")}, [INTERVAL 1 DAY] AS l FROM rows`,
      command: "check",
    });
    expect(code).toBe(2);
    for (const name of ["i", "n", "b", "tn", "l"]) expect(stderr).toContain(`column "${name}": `);
    expect(stderr).toContain("cast it to TIMESTAMP");
    expect(stderr).not.toContain('column "ts"');
  });

  test("that Spark can't read are told by check", async () => {
    using job = icebergJob({ ts: "TIMESTAMP" });
    const { code, stdout } = await job.run([], {
      query: "SELECT ts, {'at': ts::TIME} AS s, 1::HUGEINT AS h, {'time': 1} AS t FROM rows",
      command: "check",
    });
    expect(code).toBe(0);
    expect(stdout).toContain('"s" has times of day');
    expect(stdout).toContain('"h" is decimal(38, 0)');
    expect(stdout).not.toContain('"t" has times');
  });
});

test("a row beyond its type is a dead letter, and the rest is written once", async () => {
  using job = icebergJob({ ts: "TIMESTAMP", n: "VARCHAR" });
  const rows = ["1", "9".repeat(38), `1${"0".repeat(38)}`].map((n) => ({ ts: "2026-01-05T14:30:00Z", n }));
  const { code, stderr } = await job.run(rows, { query: "SELECT n::HUGEINT AS n FROM rows" });
  expect(code).toBe(0);
  expect(stderr).toContain("1 row");
  expect((await reader.scan(job.table)).rows.map(({ n }) => n)).toEqual(["1", "9".repeat(38)]);
});

describe("partitions and bounds", () => {
  const schema = { ts: "TIMESTAMP", k: "VARCHAR", n: "BIGINT", d: "DOUBLE" };
  const hour = (n: number): string => new Date(Date.UTC(1969, 11, 31, 20) + n * 1_800_000).toISOString();
  // From four hours before 1970 on, two rows an hour.
  const rows = Array.from({ length: 24 }, (_, n) => ({
    ts: hour(n),
    k: [null, "", "__HIVE_DEFAULT_PARTITION__", "a/b=c", "NULL", "é"][n % 6],
    n,
    d: n === 7 ? null : n / 2,
  }));

  test.each(["hour(ts)", "day(ts)", "month(ts)", "year(ts)", "k", "dt=ts::DATE", "n"])(
    "by %s: a filter opens the files that it needs, and no row is lost",
    async (partition) => {
      using job = icebergJob(schema, { partition_by: [partition] });
      expect(await job.run(rows)).toMatchObject({ code: 0 });
      const all = await reader.scan(job.table);
      expect(all.rows).toHaveLength(rows.length);
      const early = await reader.scan(job.table, "ts < '1969-12-31T22:00:00'");
      expect(numbers(early.rows)).toEqual([0, 1, 2, 3]);
      if (partition !== "k") expect(early.files.length).toBeLessThan(all.files.length);
      const odd = await reader.scan(job.table, "k = '__HIVE_DEFAULT_PARTITION__'");
      expect(numbers(odd.rows)).toEqual([2, 8, 14, 20]);
      const nothing = await reader.scan(job.table, "k is null and n > 10");
      expect(numbers(nothing.rows)).toEqual([12, 18]);
      expect((await reader.scan(job.table, "n > 100")).files).toEqual([]);
      expect((await reader.scan(job.table, "d is null")).rows.map(({ n }) => n)).toEqual([7]);
    },
  );

  test("long texts, NaN and zeros have bounds that hold", async () => {
    using job = icebergJob({ ts: "TIMESTAMP", s: "VARCHAR", x: "VARCHAR" });
    const long = `${"\u{10FFFF}".repeat(15)}é${"z".repeat(40)}`;
    const given = [
      { s: long, x: "nan" },
      { s: `${"a".repeat(16)}b`, x: "-0.0" },
    ].map((row) => ({ ts: "2026-01-05T14:30:00Z", ...row }));
    expect(await job.run(given, { query: "SELECT s, x::DOUBLE AS x FROM rows" })).toMatchObject({ code: 0 });
    expect((await reader.scan(job.table, `s = '${long}'`)).rows).toHaveLength(1);
    expect((await reader.scan(job.table, `s = '${"a".repeat(16)}b'`)).rows).toHaveLength(1);
    expect((await reader.scan(job.table, "s < 'a'")).files).toEqual([]);
    expect((await reader.scan(job.table, "x is nan")).rows).toHaveLength(1);
    expect((await reader.scan(job.table, "x = 0.0")).rows).toHaveLength(1);
  });
});

describe("Spark", () => {
  const folder = emptyFolder();
  afterAll(() => folder[Symbol.dispose]());
  let spark: Spark;
  beforeAll(async () => {
    spark = await icebergSpark(folder.path);
  }, TIMEOUT_MS);
  const schema = { ts: "TIMESTAMP", k: "VARCHAR", n: "BIGINT" };
  const row = (n: number, k: string) => ({ ts: `2026-01-05T${10 + n}:30:00Z`, k, n });
  const count = async (table: string) =>
    (await spark.sql(`SELECT count(*) AS rows, sum(n) AS n FROM ice.db.${table}`)).rows[0];

  test(
    "reads all types that it has, as pyiceberg does",
    async () => {
      using job = icebergJob({ ts: "TIMESTAMP" }, { warehouse: folder.path, table: "db.types" });
      const kept = new Set(namesOf((type) => type !== "time"));
      const query = `SELECT ${columns.filter((_, index) => kept.has(`c${index}`)).join(", ")} FROM rows`;
      expect(await job.run([{ ts: "2026-01-05T14:30:00Z" }], { query })).toMatchObject({ code: 0 });
      const found = await spark.sql("SELECT * FROM ice.db.types");
      expect(found.columns.map(({ name }) => name)).toEqual([...kept]);
      const simple = Object.entries(found.rows[0] ?? {}).flatMap(([name, value]) => {
        const [, type = "", expected] = TYPES[Number(name.slice(1))] ?? [];
        return /^(?:int|string|uuid|date|boolean|list)/.test(type) ? [[name, value, expected] as const] : [];
      });
      expect(simple.length).toBeGreaterThan(12);
      for (const [name, value, expected] of simple)
        if (!JSON.stringify(expected).includes('"m"')) expect([name, value]).toEqual([name, expected]);
    },
    TIMEOUT_MS,
  );

  test(
    "appends to our table and compacts it, and we go on",
    async () => {
      using job = icebergJob(schema, {
        warehouse: folder.path,
        table: "db.ours",
        partition_by: ["hour(ts)", "k"],
      });
      expect(await job.run([row(0, "a"), row(1, "b")])).toMatchObject({ code: 0 });
      await spark.sql([
        "INSERT INTO ice.db.ours VALUES (TIMESTAMP_NTZ '2026-01-05 10:00:00', 'a', 10)",
        "CALL ice.system.rewrite_data_files(table => 'db.ours', options => map('rewrite-all', 'true'))",
        "ALTER TABLE ice.db.ours ADD COLUMN note STRING",
      ]);
      expect(await job.run([row(2, "a")])).toMatchObject({ code: 0 });
      expect(await count("ours")).toEqual({ rows: 4, n: 13 });
      await spark.sql(["DELETE FROM ice.db.ours WHERE n = 0"]);
      expect(await job.run([row(3, "b")])).toMatchObject({ code: 0 });
      expect(await count("ours")).toEqual({ rows: 4, n: 16 });
      const read = await reader.scan(`${folder.path}/db/ours`);
      expect(numbers(read.rows)).toEqual([1, 2, 3, 10]);
    },
    TIMEOUT_MS,
  );

  test(
    "begins a table that we go on with, with its ids, widths and partitions",
    async () => {
      await spark.sql([
        `CREATE TABLE ice.db.theirs
            (k STRING, n BIGINT NOT NULL, ts TIMESTAMP_NTZ, s STRUCT<a: INT, b: STRING>)
          USING iceberg PARTITIONED BY (days(ts), k)`,
        `INSERT INTO ice.db.theirs VALUES ('a', 10, TIMESTAMP_NTZ '2026-01-05 10:00:00', struct(1, 'x'))`,
      ]);
      using job = icebergJob(schema, { warehouse: folder.path, table: "db.theirs" });
      const query = "SELECT ts, k, n::INTEGER AS n, {'b': k, 'a': n::BIGINT, 'c': 1.5} AS s FROM rows";
      const given = [row(0, "a"), row(1, "b"), { ts: "2026-01-05T12:30:00Z", k: "c", n: null }];
      const ran = await job.run(given, { query });
      expect(ran).toMatchObject({ code: 0 });
      expect(await count("theirs")).toEqual({ rows: 3, n: 11 });
      const { types, spec, rows } = await reader.scan(`${folder.path}/db/theirs`);
      expect(spec).toEqual(["ts_day: day", "k: identity"]);
      expect(types["n"]).toBe("long");
      expect(rows.map((one) => one["s"])).toContainEqual({ a: 1, b: "x", c: null });
      expect(rows.map((one) => one["s"])).toContainEqual({ a: 1, b: "b", c: "1.5" });
    },
    TIMEOUT_MS,
  );

  test(
    "has tables that we refuse, and they stay as they are",
    async () => {
      await spark.sql([
        `CREATE TABLE ice.db.buckets (n BIGINT, k STRING, ts TIMESTAMP_NTZ)
          USING iceberg PARTITIONED BY (bucket(4, k))`,
        `CREATE TABLE ice.db.three (n BIGINT, k STRING, ts TIMESTAMP_NTZ)
          USING iceberg TBLPROPERTIES ('format-version' = '3')`,
      ]);
      for (const [table, why] of [
        ["buckets", "partitioned by bucket[4]"],
        ["three", "is of format version 3"],
      ] as const) {
        using job = icebergJob(schema, { warehouse: folder.path, table: `db.${table}` });
        const { code, stderr } = await job.run([row(0, "a")]);
        expect(code).toBe(2);
        expect(stderr).toContain(why);
        expect(await count(table)).toEqual({ rows: 0, n: null });
      }
    },
    TIMEOUT_MS,
  );
});

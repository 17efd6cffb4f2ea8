/** Tables that Spark, pyarrow and DuckDB have begun go on with our rows, and ours with theirs. */

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { openDatabase } from "../../src/duckdb/database.ts";
import { raw } from "../../src/duckdb/sql.ts";
import { type Spark, sharedSpark, sparkEnvironment } from "../services/spark.ts";
import { emptyFolder, type RunResult } from "../support/binary.ts";
import { output, rowsOf, streamkit } from "../support/running.ts";

setDefaultTimeout(120_000);

let spark: Spark;
let python: string;
beforeAll(async () => {
  spark = await sharedSpark();
  python = join(await sparkEnvironment(), "bin/python");
});

interface Place {
  readonly cwd: string;
  readonly table: string;
  /** `write` into the table, of rows with these columns. */
  write(rows: readonly object[], schema: string, partitions?: readonly string[]): Promise<RunResult>;
  query(sql: string): Promise<unknown[]>;
  folders(): string[];
}

function place(): Place {
  const cwd = emptyFolder().path;
  const table = join(cwd, "warehouse/t");
  mkdirSync(join(cwd, "warehouse"));
  return {
    cwd,
    table,
    write: (rows, schema, partitions = []) =>
      streamkit(
        [
          "write",
          "--once",
          "--table",
          "t",
          "--schema",
          schema,
          ...partitions.flatMap((by) => ["--partition-by", by]),
        ],
        { cwd, input: rows.map((row) => `${JSON.stringify(row)}\n`).join("") },
      ),
    query: async (sql) => rowsOf(await output(["query", sql, "--format", "ndjson"], { cwd })),
    folders: () =>
      [
        ...new Set(
          globSync(join(table, "**/*.parquet")).map((file) =>
            relative(table, file).split("/").slice(0, -1).join("/"),
          ),
        ),
      ]
        .filter((folder) => !folder.startsWith("_"))
        .toSorted(),
  };
}

/** Runs Python with pyarrow; `path` is the table's. Returns what it prints as JSON. */
function arrow(table: string, script: string): unknown {
  const head = `
import sys, json, datetime, decimal
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.dataset as ds
path = sys.argv[1]
day = datetime.datetime
utc = pa.timestamp("us", tz="UTC")
`;
  const text = execFileSync(python, ["-c", head + script, table], { encoding: "utf8" });
  return text.trim() === "" ? undefined : (JSON.parse(text) as unknown);
}

const ARROW_COUNT = `
t = ds.dataset(path, partitioning=ds.partitioning(flavor="hive"), exclude_invalid_files=True).to_table()
print(json.dumps(sorted([[r["n"], str(r.get("city"))] for r in t.to_pylist()])))`;

describe("pyarrow's", () => {
  const write = `
t = pa.table({"ts": pa.array([day(2026, 1, 5), day(2026, 11, 5)], utc),
  "n": pa.array([1, 2], pa.int32()), "p": pa.array([datetime.date(2026, 1, 5)] * 2),
  "year": [2026, 2026], "month": [1, 11], "city": ["New York/á", None]})
collected = []
pq.write_to_dataset(t, path, partition_cols=["year", "month", "city"], metadata_collector=collected)
pq.write_metadata(t.drop_columns(["year", "month", "city"]).schema, path + "/_metadata")`;
  const SCHEMA = "ts TIMESTAMP, n BIGINT, p DATE, city VARCHAR";
  // In another order, and spelled in another way.
  const PARTITIONS = ["city", "month=strftime(ts, '%m')", "year=strftime(ts, '%Y')"];

  test("files, folders' order, escapes and numbers go on as they are; its list of files goes", async () => {
    const { table, write: append, query, folders } = place();
    arrow(table, write);
    const before = folders();
    const row = (n: number, month: string, city: string | null): object => ({
      ts: `2026-${month}-07T10:00:00Z`,
      n,
      p: "2026-01-07",
      city,
    });
    const rows = [
      row(3, "01", "New York/á"),
      row(4, "11", null),
      row(5, "02", "a b"),
      row(3_000_000_000, "01", "x"),
    ];
    const { code, stderr } = await append(rows, SCHEMA, PARTITIONS);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain(`"n" is beyond INTEGER`);
    expect(folders()).toEqual([...before, "year=2026/month=2/city=a b"].toSorted());
    expect(existsSync(join(table, "_metadata"))).toBe(false);
    const expected = [
      { n: 1, month: 1, city: "New York/á" },
      { n: 2, month: 11, city: null },
      { n: 3, month: 1, city: "New York/á" },
      { n: 4, month: 11, city: null },
      { n: 5, month: 2, city: "a b" },
    ];
    expect(await query("SELECT n, month, city FROM t ORDER BY n")).toEqual(expected);
    expect(await query("SELECT n FROM t WHERE city = 'New York/á' AND month = 1 ORDER BY n")).toEqual([
      { n: 1 },
      { n: 3 },
    ]);
    expect(arrow(table, ARROW_COUNT)).toEqual(expected.map(({ n, city }) => [n, city ?? "None"]));
    // The next run is held to the same.
    expect(await append([row(6, "02", "a b")], SCHEMA, PARTITIONS)).toMatchObject({ code: 0 });
    expect(folders()).toEqual([...before, "year=2026/month=2/city=a b"].toSorted());
    expect(await query("SELECT count(*) AS rows FROM t")).toEqual([{ rows: 6 }]);
  });

  test("types that ours lose nothing by are taken over, and all others are told", async () => {
    const { table, write: append, query } = place();
    arrow(
      table,
      `
t = pa.table({"ts": pa.array([day(2026, 1, 5)], pa.timestamp("ns")), "n": pa.array([1], pa.int16()),
  "d": pa.array([decimal.Decimal("1.50")], pa.decimal128(10, 2)), "x": [0.5], "s": ["a"]})
pq.write_to_dataset(t, path)`,
    );
    const refused = await append(
      [{ ts: "2026-01-06T00:00:00Z" }],
      "ts TIMESTAMP, n DOUBLE, d VARCHAR, x DOUBLE",
    );
    expect(refused.code).toBe(2);
    for (const reason of [
      "column n: it is SMALLINT in the files, DOUBLE in the rows",
      "column d: it is DECIMAL(10,2) in the files, VARCHAR in the rows",
      "column s: it is missing from the rows",
    ])
      expect(refused.stderr).toContain(reason);
    expect(readdirSync(table)).toHaveLength(1);
    const rows = [
      { ts: "2026-01-06T00:00:00Z", n: 2, d: "2.25", x: 3, s: "b" },
      { ts: "2026-01-07T00:00:00Z", n: 70_000, d: "1", x: 1, s: "beyond" },
      { ts: "2026-01-08T00:00:00Z", n: 3, d: "0.125", x: 1, s: "not exactly" },
    ];
    const schema = "ts TIMESTAMP, n BIGINT, d DECIMAL(12,3), x BIGINT, s VARCHAR";
    const { stderr } = await append(rows, schema);
    expect(stderr).toContain('"n" is beyond SMALLINT');
    expect(stderr).toContain('"d" is beyond DECIMAL(10,2)');
    expect(await query("SELECT n, d, x, s FROM t ORDER BY n")).toEqual([
      { n: 1, d: 1.5, x: 0.5, s: "a" },
      { n: 2, d: 2.25, x: 3, s: "b" },
    ]);
    expect(
      arrow(
        table,
        `
t = ds.dataset(path, exclude_invalid_files=True).to_table()
print(json.dumps([str(t.schema.field(c).type) for c in ["n", "d", "x"]] + [str(max(t["ts"].to_pylist()))]))`,
      ),
    ).toEqual(["int16", "decimal128(10, 2)", "double", "2026-01-06 00:00:00"]);
  });
});

describe("Spark's", () => {
  test.each(["INT96", "TIMESTAMP_MICROS"])(
    "table goes on, and Spark reads it, with times in %s",
    async (times) => {
      const { cwd, table, write: append, query, folders } = place();
      const settings = { "spark.sql.parquet.outputTimestampType": times };
      const name = `began_${times}`;
      await spark.sql(
        [
          `CREATE TABLE ${name} USING parquet PARTITIONED BY (host, dt) LOCATION 'file:${table}' AS
         SELECT TIMESTAMP '2026-01-05 10:00:00' AS ts, 1 AS n, CAST(1.5 AS FLOAT) AS v,
           'a b' AS host, DATE '2026-01-05' AS dt`,
          "SELECT 1",
        ],
        settings,
      );
      const before = folders();
      const rows = [
        { ts: "2026-01-05T11:00:00Z", n: 2, v: 2.5, host: "a b" },
        { ts: "2026-01-06T11:00:00Z", n: 3, v: 3.5, host: "x/y" },
      ];
      const { code, stderr } = await append(rows, "ts TIMESTAMP, n BIGINT, v FLOAT, host VARCHAR", [
        "dt=ts::DATE",
        "host",
      ]);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(folders()).toEqual([...before, "host=x%2Fy/dt=2026-01-06"]);
      const found = await spark.sql([
        `MSCK REPAIR TABLE ${name}`,
        `REFRESH TABLE ${name}`,
        `SELECT n, CAST(ts AS STRING) AS ts, v, host FROM ${name} ORDER BY n`,
      ]);
      expect(found.rows).toEqual([
        { n: 1, ts: "2026-01-05 10:00:00", v: 1.5, host: "a b" },
        { n: 2, ts: "2026-01-05 11:00:00", v: 2.5, host: "a b" },
        { n: 3, ts: "2026-01-06 11:00:00", v: 3.5, host: "x/y" },
      ]);
      const compact = ["write", "--compact", "t", "--idle", "0s", "--delay", "0s"];
      expect(await streamkit(compact, { cwd })).toMatchObject({ code: 0 });
      const refresh = `REFRESH TABLE ${name}`;
      const again = await spark.sql([refresh, `SELECT n, CAST(ts AS STRING) AS ts FROM ${name} ORDER BY n`]);
      expect(again.rows).toEqual(found.rows.map(({ n, ts }) => ({ n, ts })));
      expect(await query("SELECT n, ts, host FROM t ORDER BY n")).toEqual([
        { n: 1, ts: "2026-01-05T10:00:00.000Z", host: "a b" },
        { n: 2, ts: "2026-01-05T11:00:00.000Z", host: "a b" },
        { n: 3, ts: "2026-01-06T11:00:00.000Z", host: "x/y" },
      ]);
    },
  );
});

test("both append to ours, and `query` and the next run go on", async () => {
  const { cwd, table, write: append, query } = place();
  const row = (n: number): object => ({ ts: "2026-01-05T10:00:00Z", n, s: "ours" });
  const mine = (n: number): Promise<RunResult> =>
    append([row(n)], "ts TIMESTAMP, n BIGINT, s VARCHAR", ["dt=ts::DATE"]);
  expect(await mine(1)).toMatchObject({ code: 0 });
  await spark.sql([
    `CREATE TABLE ours (ts TIMESTAMP, n BIGINT, s STRING, dt DATE) USING parquet PARTITIONED BY (dt)
     LOCATION 'file:${table}'`,
    "MSCK REPAIR TABLE ours",
    "INSERT INTO ours VALUES (TIMESTAMP '2026-01-06 10:00:00', 2, 'Spark', DATE '2026-01-06')",
  ]);
  // Columns in another order, and one that is left out.
  arrow(
    table,
    `
t = pa.table({"n": pa.array([3], pa.int64()), "ts": pa.array([day(2026, 1, 7)], utc),
  "dt": [datetime.date(2026, 1, 7)]})
pq.write_to_dataset(t, path, partition_cols=["dt"])`,
  );
  expect(await mine(4)).toMatchObject({ code: 0 });
  const expected = [
    { n: 1, s: "ours", dt: "2026-01-05" },
    { n: 2, s: "Spark", dt: "2026-01-06" },
    { n: 3, s: null, dt: "2026-01-07" },
    { n: 4, s: "ours", dt: "2026-01-05" },
  ];
  expect(await query("SELECT n, s, dt FROM t ORDER BY n")).toEqual(expected);
  const compact = ["write", "--compact", "t", "--idle", "0s", "--delay", "0s"];
  expect(await streamkit(compact, { cwd })).toMatchObject({ code: 0 });
  expect(await query("SELECT n, s, dt FROM t ORDER BY n")).toEqual(expected);
  const found = await spark.sql([
    "MSCK REPAIR TABLE ours",
    "REFRESH TABLE ours",
    "SELECT n, s FROM ours ORDER BY n",
  ]);
  expect(found.rows).toEqual(expected.map(({ n, s }) => ({ n, s })));
});

describe("refused, and left as it is:", () => {
  const CASES: readonly (readonly [what: string, files: Readonly<Record<string, string>>, reason: string])[] =
    [
      ["a Delta table", { "_delta_log/00000000000000000000.json": "{}" }, "is a Delta table"],
      ["a stream of Spark", { "_spark_metadata/0": "v1" }, "is the output of a Spark stream"],
      ["an Iceberg table", { "metadata/v1.metadata.json": "{}" }, "is an Iceberg table"],
      ["files without an ending", { "000000_0": "PAR1" }, "has files that don't end in .parquet"],
    ];
  test.each(CASES)("%s", async (_, files, reason) => {
    const { table, write: append } = place();
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(table, name, ".."), { recursive: true });
      writeFileSync(join(table, name), text);
    }
    const { code, stderr } = await append([{ n: 1 }], "n INT");
    expect(stderr).toContain(reason);
    expect(code).toBe(2);
    expect(globSync(join(table, "**/*.parquet"))).toEqual([]);
  });

  test("folders of two orders", async () => {
    const { table, write: append } = place();
    const database = await openDatabase();
    for (const folder of ["a=1/b=2", "b=2/a=1"]) {
      mkdirSync(join(table, folder), { recursive: true });
      await database.run(raw(`COPY (SELECT 1 AS n) TO '${table}/${folder}/data_0.parquet' (FORMAT parquet)`));
    }
    database.close();
    const { code, stderr } = await append([{ n: 1, a: 1, b: 2 }], "n INT, a INT, b INT", ["a", "b"]);
    expect(stderr).toContain("has files in folders of several kinds");
    expect(code).toBe(2);
  });
});

test("a partition whose values are of another kind is refused", async () => {
  const { table, write: append } = place();
  mkdirSync(join(table, "m=1"), { recursive: true });
  const database = await openDatabase();
  // Called as Flink calls its files.
  const file = join(table, "m=1/part-6e2b9ba0-3f0e-4f5c-9d5a-0d8f1d2c3b4a-0-0.parquet");
  await database.run(
    raw(`COPY (SELECT TIMESTAMPTZ '2026-01-05 00:00:00+00' AS ts) TO '${file}' (FORMAT parquet)`),
  );
  database.close();
  const { code, stderr } = await append([{ ts: "2026-02-05T00:00:00Z" }], "ts TIMESTAMP", ["m=ts::DATE"]);
  expect(stderr).toContain("partition m: its values are whole numbers, those of the rows DATE");
  expect(code).toBe(2);
  expect(await append([{ ts: "2026-02-05T00:00:00Z" }], "ts TIMESTAMP", ["m=month(ts)"])).toMatchObject({
    code: 0,
  });
});

test.each([
  ["padded numbers", ["m=01", "m=11"], "m=month(ts)", "m=02"],
  ["plain ones", ["m=1", "m=11"], "m=strftime(ts, '%m')", "m=2"],
  ["escapes in small letters", ["m=a%2fb"], "m=s", "m=a%2fb"],
  [
    "escapes of letters that we write as they are",
    ["m=a%20b%C3%A9"],
    "m=replace(s, '/', ' ') || 'é'",
    "m=a%20b%C3%A9",
  ],
])("%s", async (_, there, partition, expected) => {
  const { table, write: append, query, folders } = place();
  const database = await openDatabase();
  for (const folder of there) {
    mkdirSync(join(table, folder), { recursive: true });
    await database.run(
      raw(`COPY (SELECT TIMESTAMPTZ '2026-01-05 00:00:00+00' AS ts, 'x' AS s)
      TO '${table}/${folder}/data_0.parquet' (FORMAT parquet)`),
    );
  }
  database.close();
  const row = { ts: "2026-02-05T00:00:00Z", s: "a/b" };
  const { code, stderr } = await append([row], "ts TIMESTAMP, s VARCHAR", [partition]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(folders()).toEqual([...new Set([...there, expected])].toSorted());
  expect(await query("SELECT count(*) AS n FROM t")).toEqual([{ n: there.length + 1 }]);
});

/** `streamkit write`: standard input or any source into a table. */

import { describe, expect, test } from "bun:test";
import { globSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { output, rowsOf, streamkit } from "../support/running.ts";
import { parquetRows } from "../support/warehouse.ts";

const lines = (first: number, count: number): string =>
  Array.from({ length: count }, (_, i) => {
    const ts = new Date(Date.UTC(2026, 0, 5, 23, 58) + 1000 * (first + i)).toISOString();
    return `${JSON.stringify({ ts, n: first + i })}\n`;
  }).join("");

const files = (cwd: string, table: string): string[] =>
  globSync("**/*.parquet", { cwd: join(cwd, "warehouse", table) }).toSorted();

test("standard input becomes a partitioned table that query sees by its name", async () => {
  using folder = emptyFolder();
  const cwd = folder.path;
  const args = ["write", "--table", "web.hits", "--partition-by", "dt=ts::DATE", "--name", "w"];
  const { code, stderr } = await streamkit([...args, "--partition-by", "even=n % 2 = 0"], {
    input: lines(0, 300),
    cwd,
  });
  expect(stderr).toContain("300 rows");
  expect(code).toBe(0);
  expect(files(cwd, "web.db/hits").map((name) => name.split("/part-")[0])).toEqual([
    "dt=2026-01-05/even=false",
    "dt=2026-01-05/even=true",
    "dt=2026-01-06/even=false",
    "dt=2026-01-06/even=true",
  ]);
  const answer = await output(
    [
      "query",
      "SELECT dt, count(*) AS c, min(n) AS low FROM web.hits WHERE even GROUP BY ALL",
      "--format",
      "ndjson",
    ],
    { cwd },
  );
  expect(rowsOf(answer).toSorted((a, b) => Number(a["low"]) - Number(b["low"]))).toEqual([
    { dt: "2026-01-05", c: 60, low: 0 },
    { dt: "2026-01-06", c: 90, low: 120 },
  ]);
});

test("with a checkpoint it goes on, and rows wait for company over runs", async () => {
  using folder = emptyFolder();
  const cwd = folder.path;
  writeFileSync(join(cwd, "a.ndjson"), lines(0, 70));
  const args = [
    "write",
    "--in",
    "file:*.ndjson",
    "--table",
    "t",
    "--checkpoint",
    "state",
    "--roll-rows",
    "100",
  ];
  await output([...args, "--available-now"], { cwd });
  expect(files(cwd, "t")).toEqual([]);
  writeFileSync(join(cwd, "b.ndjson"), lines(70, 70));
  await output([...args, "--available-now"], { cwd });
  expect(files(cwd, "t")).toHaveLength(1);
  writeFileSync(join(cwd, "c.ndjson"), lines(140, 10));
  await output([...args, "--once"], { cwd });
  const rows = await parquetRows(join(cwd, "warehouse/t"));
  expect(rows.map((row) => Number(row["n"])).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 150 }, (_, n) => n),
  );
});

test("two writers with checkpoints of their own leave each other's files alone", async () => {
  using folder = emptyFolder();
  const cwd = folder.path;
  for (const state of ["one", "two", "one"])
    await output(["write", "--table", "t", "--checkpoint", state], { cwd, input: lines(0, 10) });
  expect(await parquetRows(join(cwd, "warehouse/t"))).toHaveLength(30);
});

test("access logs in combined format, by day and hour", async () => {
  using folder = emptyFolder();
  const cwd = folder.path;
  const log = await output(["simulate", "access-log", "--count", "500", "--rate", "0", "--seed", "1"]);
  const args = ["write", "--format", "combined", "--table", "access", "--roll-every", "1h"];
  await output([...args, "--partition-by", "dt=ts::DATE", "--partition-by", "hour=strftime(ts, '%H')"], {
    cwd,
    input: log,
  });
  const answer = await output(["query", "SELECT count(*) AS c FROM access", "--format", "ndjson"], { cwd });
  expect(rowsOf(answer)).toEqual([{ c: 500 }]);
});

test("--schema takes names that SQL has to quote", async () => {
  using folder = emptyFolder();
  const [cwd, args] = [folder.path, ["write", "--table", "t", "--schema"]];
  const input = '{"A b":1,"c,d":"x","e\\"f":2,"g":[3]}\n';
  await output([...args, '"A b" INT, "c,d" VARCHAR, "e""f": INT, g INT[]'], { cwd, input });
  const answer = await output(["query", "FROM t", "--format", "ndjson"], { cwd });
  expect(answer).toBe(input);
});

test("columns of a header and keys that differ in case only have names that are told", async () => {
  for (const [format, input] of [
    ["csv", "a,A\n1,2\n"],
    ["json", '{"a":1,"A":2}\n'],
  ] as const) {
    using folder = emptyFolder();
    const at = { cwd: folder.path };
    const written = await streamkit(["write", "--table", "t", "--format", format], { ...at, input });
    expect(written.stderr).toContain('"A" is the column "A_2"');
    expect(await output(["query", "FROM t", "--format", "ndjson"], at)).toBe('{"a":1,"A_2":2}\n');
  }
});

test("--ddl prints the table, reads nothing and writes nothing", async () => {
  using folder = emptyFolder();
  const schema = "ts TIMESTAMP, city VARCHAR, n UINTEGER";
  const flags = ["--table", "web.hits", "--schema", schema, "--partition-by", "dt=ts::DATE"];
  const text = await output(["write", "--ddl", ...flags, "--location", "hdfs://nn/w/"], { cwd: folder.path });
  expect(text).toBe(`CREATE DATABASE IF NOT EXISTS \`web\`;

CREATE EXTERNAL TABLE IF NOT EXISTS \`web\`.\`hits\` (
  \`ts\` timestamp,
  \`city\` string,
  \`n\` bigint
)
PARTITIONED BY (\`dt\` date)
STORED AS PARQUET
LOCATION 'hdfs://nn/w/web.db/hits';

MSCK REPAIR TABLE \`web\`.\`hits\`;
`);
  expect(readdirSync(folder.path)).toEqual([]);
});

describe("what is wrong is told by its flag, and nothing is written", () => {
  const REFUSED: readonly (readonly [flags: readonly string[], message: string])[] = [
    [["--table", "a b"], "--table: a table is called NAME or DATABASE.NAME"],
    [[], "One of --table and --compact is expected"],
    [["--table", "t", "--partition-by", "dt=nope::DATE"], '--partition-by: Referenced column "nope"'],
    [["--table", "t", "--partition-by", "n=n % 2"], 'the rows have a column "n" already'],
    [["--table", "t", "--roll-bytes", "big"], "--roll-bytes: a size like 64KiB or 10MB is expected"],
    [["--table", "t", "--roll-rows", "0"], "--roll-rows must be a whole number of at least 1"],
    [["--table", "t", "--roll-every", "soon"], "--roll-every: a duration like"],
    [["--table", "t", "--warehouse", "hdfs://h/p"], "webhdfs://HOST:9870/PATH"],
    [["--table", "t", "--warehouse", "ftp://h/p"], "--warehouse: a warehouse is a folder, webhdfs://"],
    [["--table", "t", "--in", "gopher://x"], "--in"],
    [["--table", "t", "--once", "--available-now"], "exclude each other"],
    [["--table", "t", "--compact", "t"], "One of --table and --compact is expected"],
    [["--table", "t", "--metastore", "hive:9083"], "--metastore: a metastore is thrift://HOST:PORT"],
    [["--table", "t", "--schema", 'a INT, "A" INT'], '--schema A: "a" is the same column to SQL'],
    [["--table", "t", "--schema", "a INT, a BIGINT"], "--schema a: two columns have this name"],
    [["--table", "t", "--schema", '"a INT'], "--schema: a quote is not closed"],
    [["--table", "t", "--schema", "a INT, b"], '--schema: a column is NAME TYPE, or "NAME" TYPE where'],
    [["--table", "t", "--delay", "1m"], "--delay goes with --compact, and means nothing where rows are"],
    [["--table", "t", "--no-wait"], "--no-wait goes with --compact"],
    [["--compact", "t", "--partition-by", "n"], "--partition-by means nothing with --compact: leave it out"],
    [["--compact", "t", "--roll-bytes", "1MB"], "--roll-bytes means nothing with --compact"],
    [["--compact", "t", "--once"], "--once means nothing with --compact"],
    [["--compact", "t", "--ddl"], "--ddl means nothing with --compact"],
    [["--compact", "t", "--set", "batch=1s"], "--set means nothing with --compact"],
    [["--table", "t", "--ddl", "--checkpoint", "c"], "--checkpoint means nothing with --ddl"],
    [["--table", "t", "--ddl", "--metastore", "thrift://h:1"], "--metastore means nothing with --ddl"],
    [["--compact", "t"], "There is no table t"],
    [["--compact", "t", "--metastore", "hive:9083"], "A metastore is thrift://HOST:PORT"],
    [["--compact", "t", "--delay", "soon"], "--delay must be a duration"],
  ];
  for (const [flags, message] of REFUSED)
    test(`write ${flags.join(" ")}`, async () => {
      using folder = emptyFolder();
      const { code, stderr } = await streamkit(["write", ...flags], { cwd: folder.path, input: lines(0, 1) });
      expect(stderr).toContain(message);
      expect(code).toBe(2);
      expect(globSync("**/*", { cwd: folder.path })).toEqual([]);
    });
});

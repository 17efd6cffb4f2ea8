/** A query opens the files that it can need, and no others; it sees a table of one moment. */

import { expect, test } from "bun:test";
import { copyFileSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyFolder } from "../support/binary.ts";
import { output, rowsOf, streamkit } from "../support/running.ts";
import { tableJob } from "./table-job.ts";

const SCHEMA = { ts: "TIMESTAMP", n: "BIGINT", more: "VARCHAR" };
const day = (number: number, n: number): object => ({ ts: `2026-01-0${number}T00:00:00Z`, n, more: "x" });

test("a partition of a table with an added column is read without the others", async () => {
  using job = tableJob({
    schema: SCHEMA,
    query: "SELECT ts, n FROM rows",
    parquet: { partition_by: ["dt=ts::DATE"] },
  });
  const stop = { flags: ["--available-now"] };
  await job.run([day(5, 1), day(6, 2)], stop);
  expect(await job.run([day(7, 3)], { ...stop, query: "SELECT ts, n, more FROM rows" })).toMatchObject({
    code: 0,
  });
  const ask = async (sql: string): Promise<unknown[]> =>
    rowsOf(await output(["query", sql, "--format", "ndjson"], { cwd: job.folder }));
  expect(await ask("SELECT n, more FROM t ORDER BY n")).toEqual([
    { n: 1, more: null },
    { n: 2, more: null },
    { n: 3, more: "x" },
  ]);
  for (const other of ["06", "07"]) {
    const [file = ""] = globSync(join(job.table, `dt=2026-01-${other}/*.parquet`));
    writeFileSync(file, "no Parquet: who opens it fails");
  }
  // The column is there, though no file that is read has it.
  for (const sql of [
    "SELECT n, more FROM t WHERE dt = '2026-01-05'",
    "SELECT o.n, o.more FROM t o WHERE o.dt < DATE '2026-01-06' AND n > 0",
    "WITH c AS (SELECT * FROM t WHERE dt = '2026-01-05') SELECT n, more FROM c",
  ])
    expect(await ask(sql)).toEqual([{ n: 1, more: null }]);
  const explained = await output(["query", "EXPLAIN SELECT n FROM t WHERE dt = '2026-01-05'"], {
    cwd: job.folder,
  });
  expect(explained).toContain("READ_PARQUET");
});

test.each(["a?b", "a\\b", "a*b[c]", "w=h", "it's", "a b"])("a warehouse in a folder %s", async (name) => {
  using folder = emptyFolder();
  const cwd = folder.path;
  const write = [
    "write",
    "--once",
    "--table",
    "t",
    "--warehouse",
    `./${name}`,
    "--schema",
    "n INT, p VARCHAR",
  ];
  const input = `${JSON.stringify({ n: 1, p: "?\\*" })}\n${JSON.stringify({ n: 2, p: "\u0000" })}\n`;
  expect(await streamkit([...write, "--partition-by", "p"], { cwd, input })).toMatchObject({ code: 0 });
  const ask = ["query", "SELECT n, p FROM t ORDER BY n", "--warehouse", `./${name}`, "--format", "ndjson"];
  expect(rowsOf(await output(ask, { cwd }))).toEqual([
    { n: 1, p: "?\\*" },
    { n: 2, p: "\u0000" },
  ]);
});

test.each([
  ["bytes that are no UTF-8", "p=%FF", "%FF"],
  ["a percent sign alone", "p=%zz", "%zz"],
  ["another =", "p=a=b", "a=b"],
  ["bytes that are no text", Buffer.from([0x70, 0x3d, 0xff]), undefined],
])("one folder with %s in its name is in nobody's way", async (_, name, value) => {
  using job = tableJob({ schema: { n: "BIGINT", p: "VARCHAR" }, parquet: { partition_by: ["p"] } });
  expect(await job.run([{ n: 1, p: "a" }])).toMatchObject({ code: 0 });
  const [file = ""] = globSync(join(job.table, "p=a/*.parquet"));
  const folder = Buffer.concat([Buffer.from(`${job.table}/`), Buffer.from(name)]);
  mkdirSync(folder);
  copyFileSync(file, Buffer.concat([folder, Buffer.from("/data_0.parquet")]));
  const { code, stdout, stderr } = await streamkit(
    ["query", "SELECT p FROM t ORDER BY p DESC", "--format", "ndjson"],
    {
      cwd: job.folder,
    },
  );
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const found = rowsOf(stdout).map((row) => (row as { p: string }).p);
  expect(found.toSorted()).toEqual(["a", ...(value === undefined ? [] : [value])].toSorted());
  if (value === undefined) expect(stderr).toContain("folders whose names are no UTF-8 are left out");
});

test("a partition that is removed while a query begins is not missed", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: { partition_by: ["dt=ts::DATE"] } });
  await job.run(Array.from({ length: 9 }, (_, index) => day(index + 1, index)));
  const asked = Array.from({ length: 9 }, (_, index) =>
    streamkit(["query", "SELECT count(*) AS n FROM t", "--format", "csv"], { cwd: job.folder }).then(
      (run) => {
        rmSync(join(job.table, `dt=2026-01-0${index + 1}`), { recursive: true });
        return run;
      },
    ),
  );
  for (const { code, stderr } of (await Promise.all(asked)).slice(0, -1))
    expect({ code, stderr }).toMatchObject({ code: 0 });
});

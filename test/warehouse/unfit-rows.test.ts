/** What a table can't hold is a dead letter, what no other reader has is NULL, and the job goes on. */

import { describe, expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sharedSpark } from "../services/spark.ts";
import { output, rowsOf } from "../support/running.ts";
import { type TableJob, tableJob } from "./table-job.ts";

const BEYOND = "170141183460469231731687303715884105727";
const TS = "2026-01-05T00:00:00Z";

const rowsIn = async (job: TableJob, query: string): Promise<unknown[]> =>
  rowsOf(await output(["query", query, "--format", "ndjson"], { cwd: job.folder }));
const reasonsIn = (job: TableJob): unknown[] =>
  rowsOf(readFileSync(join(job.folder, "dead.ndjson"), "utf8")).map(
    (row) => (row as { reason: string }).reason,
  );

describe("a value beyond the type that files have", () => {
  const CASES: readonly (readonly [type: string, sql: string, written: string])[] = [
    ["HUGEINT", "v::HUGEINT", "DECIMAL(38,0)"],
    ["UHUGEINT", "v::UHUGEINT", "DECIMAL(38,0)"],
    ["a list", "[1::HUGEINT, v::HUGEINT]", "DECIMAL(38,0)[]"],
    ["a field", "{'a': v::HUGEINT}", "STRUCT(a DECIMAL(38,0))"],
    ["a map's value", "MAP {'k': v::HUGEINT}", "MAP(VARCHAR, DECIMAL(38,0))"],
  ];
  for (const roll of [undefined, { rows: 100 }])
    test.each(CASES)(`%s${roll === undefined ? "" : ", of rows that wait"}`, async (_, sql, written) => {
      using job = tableJob({
        schema: { ts: "TIMESTAMP", n: "BIGINT", v: "VARCHAR" },
        query: `SELECT ts, n, ${sql} AS h FROM rows`,
        parquet: { partition_by: ["dt=ts::DATE"], ...(roll === undefined ? {} : { roll }) },
      });
      const rows = ["1", BEYOND, "2"].map((v, n) => ({ ts: TS, n, v }));
      expect(await job.run(rows)).toMatchObject({ code: 0 });
      expect(await rowsIn(job, "SELECT n FROM t ORDER BY n")).toEqual([{ n: 0 }, { n: 2 }]);
      expect(reasonsIn(job)).toEqual([
        `"h" is beyond ${written}, the widest type that the table's files have for it`,
      ]);
      expect(await job.run([{ ts: TS, n: 3, v: "3" }])).toMatchObject({ code: 0 });
    });
});

test.each([
  ["a number beyond its type", "p=n::TINYINT"],
  ["a text that is no date", "p=v::DATE"],
])("a row whose partition can't be computed: %s", async (_, partition) => {
  for (const more of [{}, { roll: { rows: 100 } }, { late_partitions: "dead_letter" }]) {
    using job = tableJob({
      schema: { ts: "TIMESTAMP", n: "BIGINT", v: "VARCHAR" },
      parquet: { partition_by: ["dt=ts::DATE", partition], ...more },
    });
    const rows = [
      { ts: TS, n: 1, v: "2026-01-05" },
      { ts: TS, n: 300, v: "n/a" },
    ];
    expect(await job.run(rows)).toMatchObject({ code: 0 });
    expect(await rowsIn(job, "SELECT n FROM t")).toEqual([{ n: 1 }]);
    expect(reasonsIn(job)).toEqual([`its partition "p" can't be computed`]);
  }
});

test("dates and times that are infinite are NULL, wherever they are, and in folders' names", async () => {
  using job = tableJob({
    schema: { ts: "TIMESTAMP", d: "DATE", l: "DATE[]", s: "STRUCT(d DATE, t TIMESTAMP[])" },
    query: "SELECT *, MAP {'k': d} AS m, 1 AS n FROM rows",
    parquet: { partition_by: ["dt=ts::DATE"] },
  });
  const rows = [
    { ts: "infinity", d: "infinity", l: ["-infinity", "2026-01-05"], s: { d: "infinity", t: ["infinity"] } },
    { ts: TS, d: "2026-01-05", l: null, s: null },
  ];
  expect(await job.run(rows)).toMatchObject({ code: 0 });
  const nothing = { d: null, t: [null] };
  const spark = await sharedSpark();
  const of = async (folder: string): Promise<unknown> => {
    const [file = ""] = globSync(join(job.table, folder, "*.parquet"));
    return (await spark.arrow(file)).rows[0];
  };
  expect(await of("dt=__HIVE_DEFAULT_PARTITION__")).toEqual({
    ts: null,
    d: null,
    l: [null, "2026-01-05"],
    s: nothing,
    m: [["k", null]],
    n: 1,
  });
  expect(await of("dt=2026-01-05")).toMatchObject({ d: "2026-01-05", l: null, s: null });
});

test("a partition that others don't see is warned of", async () => {
  using job = tableJob({ schema: { n: "BIGINT" }, parquet: { partition_by: ["_u=n % 2"] } });
  const { code, stderr } = await job.run([{ n: 1 }]);
  expect(code).toBe(0);
  expect(stderr).toContain('t: "_u" names folders that Hive and MSCK pass over');
});

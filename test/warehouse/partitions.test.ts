/** Partitions: their folders' names, when they are complete, who is told of it, and what comes too late. */

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../src/duckdb/database.ts";
import { raw, sql } from "../../src/duckdb/sql.ts";
import { unescapeValue } from "../../src/warehouse/partition-path.ts";
import { rowsOf, streamkit } from "../support/running.ts";
import { parquetRows } from "../support/warehouse.ts";
import { type TableJob, tableJob } from "./table-job.ts";

const stop = { flags: ["--available-now"] };
const ok = { code: 0 };
const SCHEMA = { ts: "TIMESTAMP", n: "BIGINT" };
const at = (time: string, n: number) => ({ ts: `2026-01-${time}Z`, n });

const marked = (job: TableJob): string[] =>
  job
    .everything()
    .filter((name) => name.endsWith("/_SUCCESS"))
    .map((name) => name.replace("/_SUCCESS", ""));

describe("folders", () => {
  const VALUES = [
    "plain",
    "New York",
    "a/b:c=d%20e",
    "ä日本🎉",
    `"#'*?\\{[]^`,
    "tab\there",
    "",
    null,
    "__HIVE_DEFAULT_PARTITION__",
    "~+&",
  ];

  test("are called as Hive calls them, and every value is there once, by two readers", async () => {
    using job = tableJob({
      schema: { ...SCHEMA, city: "VARCHAR" },
      parquet: { partition_by: ["city"] },
    });
    const rows = VALUES.map((city, n) => ({ ...at("05T09:00:00", n), city }));
    expect(await job.run(rows)).toMatchObject(ok);
    expect([...new Set(job.files().map((name) => name.split("/")[0] ?? ""))].toSorted()).toEqual(
      [
        "city=plain",
        "city=New York",
        "city=a%2Fb%3Ac%3Dd%2520e",
        "city=ä日本🎉",
        "city=%22%23%27%2A%3F%5C%7B%5B%5D%5E",
        "city=tab%09here",
        "city=__HIVE_DEFAULT_PARTITION__",
        "city=~+&",
      ].toSorted(),
    );
    const expected = VALUES.map((city, n) => [
      n,
      city === "" || city === "__HIVE_DEFAULT_PARTITION__" ? null : city,
    ]);
    const byHyparquet = (await parquetRows(job.table)).map((row) => [
      Number(row["n"]),
      unescapeValue(String(row["city"])),
    ]);
    expect(byHyparquet.toSorted((a, b) => Number(a[0]) - Number(b[0]))).toEqual(expected);
    const database = await openDatabase();
    const found = await database.rows(sql`SELECT n::INTEGER AS n, city FROM
      read_parquet(${join(job.table, "**/*.parquet")}, hive_partitioning = true) ORDER BY n`);
    database.close();
    expect(found.map((row) => [row["n"], row["city"]])).toEqual(expected);
  });
});

test("bytes that are no text have a folder that is one", async () => {
  using job = tableJob({
    schema: SCHEMA,
    parquet: { partition_by: [String.raw`k=CASE n WHEN 1 THEN '\xFF'::BLOB ELSE '\xFE'::BLOB END`] },
  });
  expect(await job.run([at("05T09:00:00", 1), at("05T09:00:00", 2)])).toMatchObject(ok);
  const folders = job.files().map((name) => name.split("/")[0] ?? "");
  expect(folders.toSorted()).toEqual(["k=%5CxFE", "k=%5CxFF"]);
});

describe("a value that is long", () => {
  const schema = { ...SCHEMA, city: "VARCHAR" };
  const rows = [
    { ...at("05T09:00:00", 1), city: "Köln" },
    { ...at("05T09:00:00", 2), city: "ж".repeat(120) },
    { ...at("05T09:00:00", 3), city: "/".repeat(80) },
  ];
  const tooLong = [
    { ...at("05T09:00:00", 4), city: "ж".repeat(126) },
    { ...at("05T09:00:00", 5), city: "/".repeat(84) },
  ];

  test("names its folder as Hive names it, up to what file systems take", async () => {
    using job = tableJob({ schema, parquet: { partition_by: ["city"] } });
    expect(await job.run(rows)).toMatchObject(ok);
    expect(job.files().map((name) => Buffer.byteLength(name.split("/")[0] ?? ""))).toEqual([245, 10, 245]);
    const numbers = (await parquetRows(job.table)).map((row) => Number(row["n"]));
    expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  });

  for (const roll of [undefined, { rows: 100 }])
    test(`or its rows${roll === undefined ? "" : ", which wait,"} become dead letters`, async () => {
      using job = tableJob({ schema, parquet: { partition_by: ["dt=ts::DATE", "city"], roll } });
      const { code, stderr } = await job.run([...rows, ...tooLong], stop);
      expect(code).toBe(0);
      expect(stderr).toContain("2 rows became dead letters");
      expect(stderr).toContain("would have a name of 257 bytes, and file systems take 255");
      expect(await job.run([{ ...at("05T10:00:00", 6), city: "Köln" }])).toMatchObject(ok);
      const numbers = (await parquetRows(job.table)).map((row) => Number(row["n"]));
      expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 6]);
      const database = await openDatabase({ readOnlyPath: join(job.folder, "state/checkpoint.duckdb") });
      const dead = await database.rows(raw("SELECT line, reason FROM dead_letters ORDER BY line->>'n'"));
      database.close();
      expect(dead.flatMap(({ line }) => rowsOf(String(line)))).toEqual(
        tooLong.map((row) => ({ ...row, ts: row.ts.replace("Z", ".000Z") })),
      );
      expect(String(dead[0]?.["reason"])).toBe(
        "its partition's folder would have a name of more than 255 bytes",
      );
    });
});

describe("a partition is complete", () => {
  const HOURS = ["dt=ts::DATE", "hour=strftime(ts, '%H')"];

  test("when the watermark has left it, and the last ones when the input ends", async () => {
    using job = tableJob({ schema: SCHEMA, parquet: { partition_by: HOURS }, watermark: "10m" });
    await job.run([at("05T09:00:00", 1), at("05T10:09:59", 2)], stop);
    expect(marked(job)).toEqual([]);
    await job.run([at("05T10:10:00", 3)], stop);
    expect(marked(job)).toEqual(["dt=2026-01-05/hour=09"]);
    await job.run([at("06T00:00:00", 4)]);
    expect(marked(job)).toEqual(["dt=2026-01-05/hour=09", "dt=2026-01-05/hour=10", "dt=2026-01-06/hour=00"]);
  });

  test("later by a delay", async () => {
    using job = tableJob({
      schema: SCHEMA,
      parquet: { partition_by: HOURS, complete: { delay: "30m" } },
    });
    await job.run([at("05T09:00:00", 1), at("05T10:29:59", 2)], stop);
    expect(marked(job)).toEqual([]);
    await job.run([at("05T10:30:00", 3)], stop);
    expect(marked(job)).toEqual(["dt=2026-01-05/hour=09"]);
  });

  test("of windows: when no window of it is to come", async () => {
    using job = tableJob({
      schema: SCHEMA,
      query: "SELECT window_start, count(*) AS c FROM tumble(rows, ts, INTERVAL 10 MINUTE) GROUP BY ALL",
      parquet: { partition_by: ["dt=window_start::DATE", "hour=hour(window_start)"] },
    });
    await job.run([at("05T09:00:00", 1), at("05T09:55:00", 2), at("05T10:05:00", 3)], stop);
    expect(marked(job)).toEqual(["dt=2026-01-05/hour=9"]);
  });

  test("not by columns that start again each day, nor by others than times: only at the end", async () => {
    for (const partition_by of [["hour=hour(ts)"], ["m=strftime(ts, '%B')"], ["n"], []]) {
      using job = tableJob({ schema: { ...SCHEMA, x: "INTEGER" }, parquet: { partition_by } });
      await job.run([at("05T09:00:00", 1), at("09T10:00:00", 2)], stop);
      expect(job.everything().filter((name) => name.endsWith("_SUCCESS"))).toEqual([]);
      await job.run([at("09T10:00:00", 3)]);
      expect(job.everything().filter((name) => name.endsWith("_SUCCESS")).length).toBeGreaterThan(0);
    }
  });

  test("as the job says", async () => {
    using job = tableJob({
      schema: SCHEMA,
      query: "SELECT n, ts::DATE AS dt FROM rows",
      parquet: { partition_by: ["dt"], complete: { when: "dt < watermark::DATE" } },
    });
    await job.run([at("05T09:00:00", 1), at("06T10:00:00", 2)], stop);
    expect(marked(job)).toEqual(["dt=2026-01-05"]);
  });

  test("and a command and a URL are told of it", async () => {
    const posted: unknown[] = [];
    using server = Bun.serve({
      port: 0,
      async fetch(request) {
        posted.push(await request.json());
        return new Response("ok");
      },
    });
    using job = tableJob({
      schema: SCHEMA,
      parquet: {
        partition_by: ["dt=ts::DATE"],
        complete: {
          success_file: false,
          run: 'echo "$STREAMKIT_TABLE $STREAMKIT_PARTITION $STREAMKIT_LOCATION" >> told.txt',
          post: `http://127.0.0.1:${server.port}/`,
        },
      },
    });
    await job.run([at("05T09:00:00", 1), at("06T10:00:00", 2)], stop);
    const location = join(job.table, "dt=2026-01-05");
    expect(readFileSync(join(job.folder, "told.txt"), "utf8")).toBe(`t dt=2026-01-05 ${location}\n`);
    expect(posted).toEqual([{ table: "t", partition: "dt=2026-01-05", location }]);
    expect(marked(job)).toEqual([]);
  });

  test("a hook that fails stops the job, and is called again at the next start", async () => {
    using job = tableJob({
      schema: SCHEMA,
      parquet: { partition_by: ["dt=ts::DATE"], complete: { run: "test -e ready && touch told" } },
    });
    const rows = [at("05T09:00:00", 1), at("06T10:00:00", 2)];
    const failed = await job.run(rows, stop);
    expect(failed).toMatchObject({ code: 1 });
    expect(failed.stderr).toContain("The hook of completed partitions ended with exit code 1");
    await Bun.write(join(job.folder, "ready"), "");
    expect(await job.run([], stop)).toMatchObject(ok);
    expect(existsSync(join(job.folder, "told"))).toBe(true);
    expect(await parquetRows(job.table)).toHaveLength(2);
  });
});

describe("rows of a partition that is complete", () => {
  const options = { schema: SCHEMA, watermark: "0s" };
  const early = [at("05T09:00:00", 1), at("06T10:00:00", 2)];

  test("open it again", async () => {
    using job = tableJob({ ...options, parquet: { partition_by: ["dt=ts::DATE"], roll: { rows: 100 } } });
    await job.run(early, stop);
    await job.run([at("05T09:30:00", 3)], stop);
    expect(job.files()).toEqual(["dt=2026-01-05/part-job-1-0.parquet", "dt=2026-01-05/part-job-2-0.parquet"]);
    expect(marked(job)).toEqual(["dt=2026-01-05"]);
  });

  for (const roll of [undefined, { rows: 1 }])
    test(`or are dead letters${roll === undefined ? "" : ", where rows wait"}`, async () => {
      using job = tableJob({
        ...options,
        parquet: { partition_by: ["dt=ts::DATE"], late_partitions: "dead_letter", roll },
      });
      await job.run(early, stop);
      expect(await job.run([at("05T09:30:00", 3), at("06T11:00:00", 4)])).toMatchObject(ok);
      expect((await parquetRows(job.table)).map((row) => row["n"])).toEqual([1, 2, 4]);
      const database = await openDatabase({ readOnlyPath: join(job.folder, "state/checkpoint.duckdb") });
      const dead = await database.rows(raw("SELECT source, line, reason, batch FROM dead_letters"));
      database.close();
      expect(dead).toEqual([
        {
          source: "q",
          line: '{"ts":"2026-01-05T09:30:00.000Z","n":3}',
          reason: "its partition is complete",
          batch: 2n,
        },
      ]);
      const [letter, ...more] = rowsOf(readFileSync(join(job.folder, "dead.ndjson"), "utf8"));
      expect(letter).toMatchObject({ source: "q", reason: "its partition is complete", batch: 2 });
      expect(more).toEqual([]);
    });

  test("what needs the partitions' time is refused where nothing tells it", async () => {
    for (const parquet of [{ keep: "30d" }, { late_partitions: "dead_letter" }]) {
      using job = tableJob({ ...options, parquet: { partition_by: ["n"], ...parquet } });
      const { code, stderr } = await job.run(early);
      expect(code).toBe(2);
      expect(stderr).toContain("needs to know the time of a partition");
      expect(job.everything()).toEqual([]);
    }
  });
});

describe("retention", () => {
  const parquet = { partition_by: ["dt=ts::DATE"], keep: "2d" };
  const days = (job: TableJob): string[] => job.files().map((name) => name.split("/")[0] ?? "");

  test("partitions older than `keep` are removed", async () => {
    using job = tableJob({ schema: SCHEMA, parquet });
    await job.run([at("05T09:00:00", 1), at("06T10:00:00", 2)], stop);
    await job.run([at("08T00:00:00", 3)], stop);
    expect(days(job)).toEqual(["dt=2026-01-05", "dt=2026-01-06", "dt=2026-01-08"]);
    await job.run([at("08T12:00:00", 4)], stop);
    expect(days(job)).toEqual(["dt=2026-01-06", "dt=2026-01-08", "dt=2026-01-08"]);
  });

  test("also where a column's name begins with _, which Spark takes for a partition", async () => {
    using job = tableJob({ schema: SCHEMA, parquet: { partition_by: ["_dt=ts::DATE"], keep: "2d" } });
    await job.run([at("05T09:00:00", 1), at("06T10:00:00", 2)], stop);
    await job.run([at("08T12:00:00", 3)], stop);
    await job.run([at("08T13:00:00", 4)], stop);
    const folders = job.everything().map((name) => name.split("/")[0] ?? "");
    expect([...new Set(folders)]).toEqual(["_dt=2026-01-06", "_dt=2026-01-08", "_streamkit"]);
    const check = await streamkit(["check", join(job.folder, "job.yaml")]);
    expect(check.stdout + check.stderr).toContain('"_dt" names folders that Hive and MSCK pass over');
  });

  test("the end of the input moves no time, and what is removed is told with its rows", async () => {
    using job = tableJob({ schema: SCHEMA, parquet: { ...parquet, keep: "90d" } });
    await job.run([at("05T09:00:00", 1)]);
    await job.run([at("06T09:00:00", 2)]);
    expect(days(job)).toEqual(["dt=2026-01-05", "dt=2026-01-06"]);
    await job.run([{ ts: "2026-06-01T00:00:00Z", n: 3 }]);
    expect(days(job)).toEqual(["dt=2026-01-05", "dt=2026-01-06", "dt=2026-06-01"]);
    const { stderr } = await job.run([{ ts: "2026-06-01T01:00:00Z", n: 4 }]);
    expect(days(job)).toEqual(["dt=2026-06-01", "dt=2026-06-01"]);
    expect(stderr).toContain("2 partitions of t removed: dt=2026-01-05 (1 row), dt=2026-01-06 (1 row)");
  });

  test("what the batch itself writes stays, however old it is, until another one has rows", async () => {
    using job = tableJob({ schema: SCHEMA, parquet });
    await job.run([at("20T09:00:00", 1)], stop);
    await job.run([at("05T09:00:00", 2)], stop);
    expect(days(job)).toEqual(["dt=2026-01-05", "dt=2026-01-20"]);
    await job.run([at("20T10:00:00", 3)], stop);
    expect(days(job)).toEqual(["dt=2026-01-20", "dt=2026-01-20"]);
  });

  test("what is new by the wall clock stays, whatever the watermark says", async () => {
    using job = tableJob({ schema: SCHEMA, parquet });
    for (const month of ["01", "02", "03"]) await job.run([{ ts: `2999-${month}-01T00:00:00Z`, n: 1 }], stop);
    expect(days(job)).toEqual(["dt=2999-01-01", "dt=2999-02-01", "dt=2999-03-01"]);
  });
});

test("dead letters that the job itself writes are as before", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: {} });
  await job.run([{ ts: "no time", n: 1 }]);
  expect(rowsOf(readFileSync(join(job.folder, "dead.ndjson"), "utf8"))).toHaveLength(1);
});

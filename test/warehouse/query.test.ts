/** `query` over tables: it opens, and fetches, the files of the partitions that are asked for. */

import { describe, expect, test } from "bun:test";
import { globSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import { fetchTables } from "../../src/warehouse/remote-tables.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { sharedHdfs } from "../services/hdfs.ts";
import { sharedS3 } from "../services/s3.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, rowsOf, streamkit } from "../support/running.ts";
import { smallFiles } from "./compacting.ts";
import { tableJob } from "./table-job.ts";

const TIMEOUT_MS = 120_000;
const SCHEMA = { ts: "TIMESTAMP", n: "BIGINT", city: "VARCHAR" };
const CITIES = ["New York", "a/b", null, "Köln"];
const ROWS = CITIES.flatMap((city, index) =>
  [5, 6].map((day) => ({ ts: `2026-01-0${day}T09:00:00Z`, n: 10 * day + index, city })),
);
const PARTITIONS = ["dt=ts::DATE", "hour=strftime(ts, '%H')", "city"];

async function ask(question: string, warehouse: string, env: Readonly<Record<string, string>> = {}) {
  const flags = ["--warehouse", warehouse, "--format", "ndjson"];
  return rowsOf(
    await output(["query", question, ...flags], {
      env: { ...process.env, ...env } as Record<string, string>,
    }),
  );
}

test("a table that can't be read is in the way of those queries only that name it", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: {} });
  await job.run(ROWS);
  const warehouse = join(job.folder, "warehouse");
  for (const name of ["other", "some.db/other"]) {
    mkdirSync(join(warehouse, name), { recursive: true });
    writeFileSync(join(warehouse, name, "part-x-1-0.parquet"), "no Parquet");
  }
  expect(await ask("SELECT count(*) AS c FROM t", warehouse)).toEqual([{ c: ROWS.length }]);
  const { code, stderr } = await streamkit(["query", "FROM some.other", "--warehouse", warehouse]);
  expect(code).toBe(1);
  expect(stderr).toContain("can't be read");
});

test("a warehouse's own path is neither a partition nor a pattern", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: {} });
  const warehouse = join(job.folder, "n=7/a[1]");
  await job.run(ROWS.slice(0, 1), { parquet: { warehouse } });
  expect(await ask("SELECT n, city FROM t", warehouse)).toEqual([{ n: 50, city: "New York" }]);
});

test("files of partitions that the query rules out are not even opened", async () => {
  using job = tableJob({ schema: SCHEMA, parquet: { partition_by: PARTITIONS } });
  await job.run(ROWS);
  const warehouse = join(job.folder, "warehouse");
  const broken = join(job.table, "dt=2026-01-07/hour=09/city=Rome");
  mkdirSync(broken, { recursive: true });
  writeFileSync(join(broken, "part-x-1-0.parquet"), "no Parquet");
  const found = await ask("SELECT n, hour, city FROM t WHERE dt = '2026-01-05' ORDER BY n", warehouse);
  // Types are the table's: an hour is the text that it was.
  expect(found).toEqual(CITIES.map((city, index) => ({ n: 50 + index, hour: "09", city })));
  expect(await ask("SELECT n FROM t WHERE city = 'a/b' AND dt < '2026-01-07' ORDER BY n", warehouse)).toEqual(
    [{ n: 51 }, { n: 61 }],
  );
  expect(await ask("SELECT n FROM t WHERE city IS NULL AND dt < '2026-01-06'", warehouse)).toEqual([
    { n: 52 },
  ]);
  const all = await ask("SELECT count(*) FROM t", warehouse).then(String, String);
  expect(all).toContain("part-x-1-0.parquet");
});

test("of a table that is being compacted, each row is fetched once", async () => {
  using warehouse = emptyFolder();
  const table = await smallFiles(warehouse.path);
  for (const batch of [1, 2, 3]) {
    await table.write("p=x", "a", batch, 100 * batch);
    await table.write("p=y", "a", batch, 1000 * batch);
  }
  // The new files are there, and the old ones wait for their readers.
  await table.compact({ waits: false, delayMs: 3_600_000 });
  expect((await table.everything()).some((name) => name.startsWith("_streamkit/compacted/"))).toBe(true);
  using folder = emptyFolder();
  await fetchTables(table.database, table.store, "SELECT n FROM t", folder.path);
  // In each partition the writer's last file is left to it, and the others are one.
  expect(globSync("t/**/*.parquet", { cwd: folder.path })).toHaveLength(4);
  const rows = await table.database.rows(sql`SELECT n::INTEGER AS n, p
    FROM read_parquet(${join(folder.path, "t/**/*.parquet")}, hive_partitioning = true) ORDER BY n`);
  const tens = (first: number, p: string) => Array.from({ length: 10 }, (_, i) => ({ n: first + i, p }));
  expect(rows).toEqual([
    ...[100, 200, 300].flatMap((first) => tens(first, "x")),
    ...[1000, 2000, 3000].flatMap((first) => tens(first, "y")),
  ]);
  table.database.close();
});

const PLACES = {
  HDFS: async () => {
    const { address } = await sharedHdfs();
    return { url: `webhdfs://${address}/query-${crypto.randomUUID()}`, env: { HADOOP_USER_NAME: "alice" } };
  },
  S3: async () => {
    const { createBucket, env } = await sharedS3();
    const bucket = `query-${crypto.randomUUID()}`;
    await createBucket(bucket);
    return { url: `s3://${bucket}/warehouse`, env };
  },
};

for (const [name, place] of Object.entries(PLACES))
  describe(`from ${name}`, () => {
    test(
      "only the files are fetched that the query needs",
      async () => {
        const { url, env } = await place();
        const input = ROWS.map((row) => `${JSON.stringify(row)}\n`).join("");
        const partitions = PARTITIONS.flatMap((partition) => ["--partition-by", partition]);
        const args = ["write", "--warehouse", url, "--table", "web.hits", ...partitions];
        await output(args, { input, env: { ...process.env, ...env } as Record<string, string> });
        expect(await ask("SELECT n FROM web.hits WHERE city = 'New York' ORDER BY n", url, env)).toEqual([
          { n: 50 },
          { n: 60 },
        ]);
        expect(await ask("SELECT count(*) AS c FROM web.hits", url, env)).toEqual([{ c: ROWS.length }]);
        const shown = await ask("SHOW ALL TABLES", url, env);
        expect(shown.map((row) => `${String(row["schema"])}.${String(row["name"])}`)).toContain("web.hits");
        const missing = await ask("FROM nope", url, env).then(String, String);
        expect(missing).toContain(`There is no table "nope" in "${url}": found web.hits`);

        const store = openStore(url, { baseFolder: ".", clock: systemClock, env });
        const database = await openDatabase();
        const fetched = async (query: string): Promise<string[]> => {
          using folder = emptyFolder();
          const paths: string[] = [];
          const download: typeof store.download = (path, localFile) => {
            if (path.endsWith(".parquet"))
              paths.push(path.slice("web.db/hits/".length).split("/part-")[0] ?? "");
            return store.download(path, localFile);
          };
          await fetchTables(database, { ...store, download }, query, folder.path);
          return paths.toSorted();
        };
        const first = ["dt=2026-01-05/hour=09/city=New York"];
        const where = "h.dt = DATE '2026-01-05' AND h.city LIKE 'New%' AND n > 0";
        expect(await fetched(`SELECT sum(n) FROM web.hits h WHERE ${where}`)).toEqual(first);
        expect(await fetched("SELECT 1 FROM web.hits WHERE city IS NULL AND dt > '2026-01-05'")).toEqual([
          "dt=2026-01-06/hour=09/city=__HIVE_DEFAULT_PARTITION__",
        ]);
        expect(await fetched("SELECT 1 FROM web.hits WHERE dt > '2026-01-07'")).toHaveLength(1);
        expect(await fetched("SELECT 1 FROM web.hits WHERE n = 1 OR dt > '2026-01-05'")).toHaveLength(8);
        expect(await fetched("SELECT 1 FROM web.hits a, web.hits b WHERE a.dt = '2026-01-05'")).toHaveLength(
          8,
        );
        expect(await fetched("SELECT 42")).toEqual([]);
        database.close();
      },
      TIMEOUT_MS,
    );
  });

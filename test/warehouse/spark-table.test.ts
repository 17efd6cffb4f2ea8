/** Tables that the finished program has written, as Spark finds them by the metastore. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { globSync } from "node:fs";
import { join } from "node:path";
import { sharedHdfs } from "../services/hdfs.ts";
import { type MetastoreService, sharedMetastore } from "../services/metastore.ts";
import { freePorts } from "../services/ports.ts";
import { type Spark, sharedSpark } from "../services/spark.ts";
import { output } from "../support/running.ts";
import { parquetRows } from "../support/warehouse.ts";
import { type TableJob, tableJob } from "./table-job.ts";

const HIVE_SERDE = { "spark.sql.hive.convertMetastoreParquet": "false" };
const NEW_YORK = { "spark.sql.session.timeZone": "America/New_York" };
const ODD_HOSTS = [
  "a b",
  "50%",
  "x/y",
  "é☃",
  "it's",
  'say "no"',
  "k=v",
  "a:b",
  "[c]{d}",
  "back\\slash",
  "+",
  "#1",
];

let metastore: MetastoreService;
let spark: Spark;
beforeAll(async () => {
  metastore = await sharedMetastore();
  spark = await sharedSpark(metastore.url);
});

const hitsSchema = {
  ts: "TIMESTAMP",
  host: "VARCHAR",
  bytes: "BIGINT",
  price: "DECIMAL(9,2)",
  agent: "STRUCT(name VARCHAR, tags VARCHAR[])",
};

function hitsJob(table: string, parquet: object = {}): TableJob {
  return tableJob({
    schema: hitsSchema,
    query: "SELECT *, bytes::HUGEINT * 2 AS twice FROM rows",
    parquet: { table, partition_by: ["dt=ts::DATE", "host"], metastore: metastore.url, ...parquet },
  });
}

const hit = (day: string, host: string | null, bytes: number): object => ({
  ts: `${day}T23:30:00.000Z`,
  host,
  bytes,
  price: "1234.56",
  agent: { name: "curl", tags: ["cli", null] },
});

describe("a table of the metastore", () => {
  const hosts = [...ODD_HOSTS, null];
  const rows = ["2026-01-05", "2026-01-06"].flatMap((day) => hosts.map((host, at) => hit(day, host, at)));
  let job: TableJob;
  beforeAll(async () => {
    job = hitsJob("spark.hits");
    const { code, stderr } = await job.run(rows);
    expect({ code, stderr: stderr.replaceAll(/^streamkit: \d.*\n/gm, "") }).toMatchObject({ code: 0 });
  });
  afterAll(() => job[Symbol.dispose]());

  test("has the types that were meant", async () => {
    const { columns } = await spark.sql("SELECT * FROM spark.hits");
    expect(Object.fromEntries(columns.map(({ name, type }) => [name, type]))).toEqual({
      ts: "timestamp",
      bytes: "bigint",
      price: "decimal(9,2)",
      agent: "struct<name:string,tags:array<string>>",
      twice: "decimal(38,0)",
      dt: "date",
      host: "string",
    });
  });

  test("has each row once, in the partition that it belongs to, whatever its value's letters", async () => {
    const counted = await spark.sql("SELECT count(*) AS n, sum(twice) AS twice FROM spark.hits");
    expect(counted.rows).toEqual([{ n: rows.length, twice: (2 * 2 * (12 * 13)) / 2 }]);
    const found = await spark.sql(
      "SELECT host, bytes, price, agent FROM spark.hits WHERE dt = DATE '2026-01-06' ORDER BY bytes",
    );
    expect(found.rows).toEqual(
      hosts.map((host, bytes) => ({
        host,
        bytes,
        price: 1234.56,
        agent: { name: "curl", tags: ["cli", null] },
      })),
    );
  });

  test.each(ODD_HOSTS)("finds the partition of %j alone", async (host) => {
    const text = host.replaceAll(/[\\']/g, "\\$&");
    const found = await spark.sql(
      `SELECT host, count(*) AS n FROM spark.hits WHERE host = '${text}' GROUP BY 1`,
    );
    expect(found.rows).toEqual([{ host, n: 2 }]);
  });

  test("finds rows without a value", async () => {
    const found = await spark.sql("SELECT count(*) AS n FROM spark.hits WHERE host IS NULL");
    expect(found.rows).toEqual([{ n: 2 }]);
  });

  test("is pruned by its partitions", async () => {
    const query = "EXPLAIN FORMATTED SELECT * FROM spark.hits WHERE dt = DATE '2026-01-05' AND host = 'a b'";
    const [{ plan } = {}] = (await spark.sql(query)).rows;
    expect(String(plan)).toMatch(/PartitionFilters: \[.*dt.*host.*\]/);
    const files = await spark.sql(
      "SELECT DISTINCT input_file_name() AS f FROM spark.hits WHERE dt = DATE '2026-01-05' AND host = 'a b'",
    );
    expect(files.rows).toHaveLength(1);
  });

  test("has its times as instants, in every session's time zone", async () => {
    const query = "SELECT DISTINCT CAST(ts AS STRING) AS ts FROM spark.hits ORDER BY ts";
    const texts = async (settings: Record<string, string>): Promise<unknown[]> =>
      (await spark.sql(query, settings)).rows.map(({ ts }) => ts);
    expect(await texts({})).toEqual(["2026-01-05 23:30:00", "2026-01-06 23:30:00"]);
    expect(await texts(NEW_YORK)).toEqual(["2026-01-05 18:30:00", "2026-01-06 18:30:00"]);
  });

  test("is read by Hive's SerDe, as far as it goes", async () => {
    const found = await spark.sql(
      "SELECT sum(bytes) AS bytes, sum(twice) AS twice, min(agent.tags[0]) AS tag FROM spark.hits",
      HIVE_SERDE,
    );
    expect(found.rows).toEqual([{ bytes: 156, twice: 312, tag: "cli" }]);
  });

  test("is repaired by MSCK without a change: the folders are named as Hive names them", async () => {
    const partitions = await spark.sql("SHOW PARTITIONS spark.hits");
    expect(partitions.rows).toHaveLength(2 * hosts.length);
    const statements = ["MSCK REPAIR TABLE spark.hits", "SHOW PARTITIONS spark.hits"];
    expect((await spark.sql(statements)).rows).toEqual(partitions.rows);
    const location = `file:${job.table.replace(/t$/, "spark.db/hits")}`;
    const by = await spark.sql([
      `CREATE EXTERNAL TABLE spark.repaired (bytes BIGINT) PARTITIONED BY (dt DATE, host STRING)
       STORED AS PARQUET LOCATION '${location}'`,
      "MSCK REPAIR TABLE spark.repaired",
      "MSCK REPAIR TABLE spark.repaired",
      "SELECT count(*) AS n, count(DISTINCT host) AS hosts FROM spark.repaired",
    ]);
    expect(by.rows).toEqual([{ n: rows.length, hosts: ODD_HOSTS.length }]);
  });

  test("has counted its complete partitions", async () => {
    const described = await spark.sql(
      "DESCRIBE EXTENDED spark.hits PARTITION (dt = '2026-01-05', host = '50%')",
    );
    const statistics = described.rows.find(({ col_name }) => col_name === "Partition Statistics");
    expect(String(statistics?.["data_type"])).toMatch(/^[1-9]\d* bytes/);
  });

  test("is what pyarrow and hyparquet read", async () => {
    const folder = job.table.replace(/t$/, "spark.db/hits");
    const [file = ""] = globSync(join(folder, "dt=2026-01-05/host=a b/*.parquet"));
    const read = await spark.arrow(file);
    expect(read.rows).toEqual([
      {
        ts: "2026-01-05T23:30:00+00:00",
        bytes: 0,
        price: "1234.56",
        agent: { name: "curl", tags: ["cli", null] },
        twice: "0",
      },
    ]);
    expect(await parquetRows(folder)).toHaveLength(rows.length);
  });

  test("is what `query` finds", async () => {
    const text = await output(["query", "SELECT count(*) AS n FROM spark.hits", "--format", "csv"], {
      cwd: job.folder,
    });
    expect(text).toBe(`n\n${rows.length}\n`);
  });
});

describe("the table that is there", () => {
  test("is another: refused with all that differs, and nothing is written", async () => {
    using job = hitsJob("spark.other", { partition_by: ["host"] });
    await spark.sql([
      "CREATE DATABASE IF NOT EXISTS spark",
      `CREATE EXTERNAL TABLE spark.other (ts TIMESTAMP, bytes STRING) PARTITIONED BY (dt DATE)
       STORED AS PARQUET LOCATION 'file:${job.folder}/elsewhere'`,
    ]);
    const { code, stderr } = await job.run([hit("2026-01-05", "a", 1)]);
    expect(code).toBe(2);
    expect(stderr).toContain("The table spark.other of the metastore is another: its location is");
    expect(stderr).toContain("it is partitioned by dt date, not by host string; its column bytes is string");
    expect(globSync(join(job.folder, "warehouse/**/*"))).toEqual([]);
  });

  test("lacks a column: refused, and added where the job says so", async () => {
    using job = tableJob({
      schema: { ts: "TIMESTAMP", n: "BIGINT" },
      query: "SELECT n FROM rows",
      parquet: { table: "spark.grows", metastore: metastore.url },
    });
    expect((await job.run([{ n: 1 }])).code).toBe(0);
    const more = { query: "SELECT n, n::VARCHAR AS text FROM rows", flags: ["--once", "--reset", "q"] };
    const refused = await job.run([{ n: 2 }], more);
    expect(refused.stderr).toContain("it has no column text string");
    const added = await job.run([{ n: 3 }], { ...more, parquet: { add_columns: true } });
    expect(added.stderr).toContain("spark.grows has new columns: text");
    // What a refused run has taken from its stdin is kept; whether it has is a matter of time.
    expect((await spark.sql("SELECT * FROM spark.grows WHERE n <> 2 ORDER BY n")).rows).toEqual([
      { n: 1, text: null },
      { n: 3, text: "3" },
    ]);
  });

  test("was written before there was a metastore: its partitions are found", async () => {
    using job = hitsJob("spark.older", { metastore: undefined });
    expect((await job.run([hit("2026-01-05", "a", 1), hit("2026-01-06", null, 2)])).code).toBe(0);
    const told = { parquet: { metastore: metastore.url } };
    expect((await job.run([hit("2026-01-07", "a", 3)], told)).code).toBe(0);
    const found = await spark.sql("SELECT CAST(dt AS STRING) AS dt, bytes FROM spark.older ORDER BY dt");
    expect(found.rows).toEqual([
      { dt: "2026-01-05", bytes: 1 },
      { dt: "2026-01-06", bytes: 2 },
      { dt: "2026-01-07", bytes: 3 },
    ]);
  });

  test("can't be reached: one line, and nothing is written", async () => {
    const [port = 0] = await freePorts(1);
    using job = hitsJob("spark.nowhere", { metastore: `thrift://127.0.0.1:${port}` });
    const { code, stderr } = await job.run([hit("2026-01-05", "a", 1)]);
    const place = `127.0.0.1:${port}`;
    expect(stderr).toBe(
      `streamkit: The metastore at ${place} can't be reached: connect ECONNREFUSED ${place}\n`,
    );
    expect(code).toBe(1);
    expect(globSync(join(job.folder, "warehouse/**/*"))).toEqual([]);
  });
});

test("a table in HDFS: written over WebHDFS, read by Hadoop's own client", async () => {
  const { address, rpcUrl } = await sharedHdfs();
  const name = `spark-${crypto.randomUUID()}`;
  using job = hitsJob("spark.far", {
    warehouse: `webhdfs://alice@${address}/${name}`,
    location: `${rpcUrl}/${name}`,
  });
  const rows = ODD_HOSTS.map((host, at) => hit("2026-01-05", host, at));
  expect(await job.run(rows)).toMatchObject({ code: 0 });
  const query = "SELECT host, bytes FROM spark.far WHERE dt = DATE '2026-01-05' ORDER BY bytes";
  const expected = ODD_HOSTS.map((host, bytes) => ({ host, bytes }));
  expect((await spark.sql(query)).rows).toEqual(expected);
  const [{ f } = {}] = (await spark.sql("SELECT input_file_name() AS f FROM spark.far LIMIT 1")).rows;
  expect(String(f)).toStartWith(`${rpcUrl}/${name}/spark.db/far/dt=2026-01-05/`);
});

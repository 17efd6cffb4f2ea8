/** Tables that a job writes are in the metastore, and Spark finds and reads them there. */

import { beforeAll, expect, test } from "bun:test";
import { type MetastoreService, sharedMetastore } from "../services/metastore.ts";
import { sharedSpark } from "../services/spark.ts";
import { tableJob } from "./table-job.ts";

const TIMEOUT_MS = 240_000;
const SCHEMA = { ts: "TIMESTAMP", n: "BIGINT", city: "VARCHAR" };
const stop = { flags: ["--available-now"] };

let metastore: MetastoreService;
beforeAll(async () => {
  metastore = await sharedMetastore();
}, TIMEOUT_MS);

const at = (time: string, n: number, city: string | null) => ({ ts: `2026-01-${time}Z`, n, city });

test(
  "complete partitions are added, with names that Spark finds, and dropped when they are old",
  async () => {
    const database = `d${Date.now()}`;
    const options = {
      table: `${database}.hits`,
      metastore: metastore.url,
      partition_by: ["dt=ts::DATE", "city"],
      keep: "3d",
    };
    using job = tableJob({ schema: SCHEMA, parquet: options });
    const spark = await sharedSpark(metastore.url);
    const read = async (): Promise<unknown[]> => {
      const query = `SELECT n, CAST(dt AS STRING) AS dt, city FROM ${database}.hits ORDER BY n`;
      return (await spark.sql(query)).rows.map((row) => ({ ...row }));
    };
    const rows = [
      at("05T09:00:00", 1, "New York"),
      at("05T10:00:00", 2, "a/b=c%20d"),
      at("05T11:00:00", 3, null),
      at("06T09:00:00", 4, "Köln"),
    ];
    expect(await job.run(rows, stop)).toMatchObject({ code: 0 });
    // The sixth is not complete yet.
    expect(await read()).toEqual([
      { n: 1, dt: "2026-01-05", city: "New York" },
      { n: 2, dt: "2026-01-05", city: "a/b=c%20d" },
      { n: 3, dt: "2026-01-05", city: null },
    ]);
    await job.run([at("08T09:00:00", 5, "Köln")], stop);
    await job.run([at("09T09:00:00", 6, "Köln")], stop);
    await job.run([at("09T10:00:00", 7, "Köln")], stop);
    expect(await read()).toEqual([
      { n: 4, dt: "2026-01-06", city: "Köln" },
      { n: 5, dt: "2026-01-08", city: "Köln" },
    ]);
  },
  TIMEOUT_MS,
);

test(
  "a table that is there otherwise is left as it is, and nothing is written",
  async () => {
    const table = `other${Date.now()}`;
    const options = { table, metastore: metastore.url };
    using first = tableJob({ schema: SCHEMA, parquet: options });
    expect(await first.run([at("05T09:00:00", 1, "x")])).toMatchObject({ code: 0 });
    using second = tableJob({ schema: { ...SCHEMA, n: "VARCHAR" }, parquet: options });
    const { code, stderr } = await second.run([at("05T09:00:00", 1, "x")]);
    expect(code).toBe(2);
    expect(stderr).toContain("n");
    expect(second.everything()).toEqual([]);
  },
  TIMEOUT_MS,
);

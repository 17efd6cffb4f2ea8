/** Servers that hang while a job writes, with their connections open: it waits for them, and goes on. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openMetastore } from "../../src/warehouse/metastore/hive-metastore.ts";
import { startHdfs } from "../services/hdfs.ts";
import { startMetastore } from "../services/metastore.ts";
import { hasUnread } from "../services/unread.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, rowsOf, start } from "../support/running.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 120_000;

const row = (n: number): string => `{"day":"2026-01-0${n}","n":${n}}\n`;

function writeJob(folder: string, parquet: Readonly<Record<string, string>>): string {
  const sink = { from: "rows", parquet: { table: "db.t", partition_by: ["day"], ...parquet } };
  const file = join(folder, "job.json");
  writeFileSync(
    file,
    JSON.stringify({
      name: "job",
      checkpoint: "state",
      batch: 0,
      sources: { rows: { from: "-", schema: { day: "DATE", n: "BIGINT" } } },
      sinks: [sink],
    }),
  );
  return file;
}

async function rowsIn(warehouse: string): Promise<unknown[]> {
  const query = ["query", "SELECT n FROM db.t ORDER BY n", "--warehouse", warehouse, "--format", "ndjson"];
  return rowsOf(await output(query).catch(() => ""));
}

/** Until a batch is over, with all that follows its commit: nobody waits for an answer then. */
function batchIsOver(folder: string): Promise<void> {
  const journal = join(folder, "state/live.ndjson");
  return until(
    "the first batch is over",
    () => existsSync(journal) && readFileSync(journal, "utf8").includes("\n"),
  );
}

test(
  "HDFS: a name node that does not answer",
  async () => {
    await using hdfs = await startHdfs();
    using folder = emptyFolder();
    const warehouse = `webhdfs://${hdfs.address}/warehouse`;
    await using running = await start(["process", writeJob(folder.path, { warehouse })]);
    await running.feed(row(1));
    await until("the first row", async () => (await rowsIn(warehouse)).length === 1);
    await batchIsOver(folder.path);
    hdfs.pauseNameNode();
    await running.feed(row(2));
    await until("a request", () => hasUnread(Number(hdfs.address.split(":")[1])));
    await running.feed(row(3));
    expect(running.exitCode()).toBeUndefined();
    hdfs.resumeNameNode();
    await running.endInput();
    expect((await running.finished()).code).toBe(0);
    expect(await rowsIn(warehouse)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  },
  TIMEOUT_MS,
);

test(
  "a metastore that does not answer",
  async () => {
    await using service = await startMetastore();
    using folder = emptyFolder();
    const metastore = openMetastore(service.url, { clock: systemClock, user: "test" });
    const partitions = (): Promise<readonly string[]> =>
      metastore.partitionNames({ database: "db", table: "t" }).catch(() => []);
    const warehouse = join(folder.path, "warehouse");
    await using running = await start([
      "process",
      writeJob(folder.path, { warehouse, metastore: service.url }),
    ]);
    await running.feed(row(1));
    await until("the first partition", async () => (await partitions()).length === 1);
    await batchIsOver(folder.path);
    service.pause();
    await running.feed(row(2));
    await until("a request", () => hasUnread(service.port));
    await running.feed(row(3));
    expect(running.exitCode()).toBeUndefined();
    service.resume();
    await running.endInput();
    expect((await running.finished()).code).toBe(0);
    expect(await partitions()).toEqual(["day=2026-01-01", "day=2026-01-02", "day=2026-01-03"]);
    metastore.close();
    expect(await rowsIn(warehouse)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  },
  TIMEOUT_MS,
);

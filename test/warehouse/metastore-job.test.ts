/** A job whose metastore is killed, and a job that is killed itself: no partition and no row is lost. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openMetastore } from "../../src/warehouse/metastore/hive-metastore.ts";
import type { Metastore } from "../../src/warehouse/metastore/metastore.ts";
import { type MetastoreService, startMetastore } from "../services/metastore.ts";
import { emptyFolder } from "../support/binary.ts";
import { start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { parquetRows } from "../support/warehouse.ts";

let service: MetastoreService;
let metastore: Metastore;
beforeAll(async () => {
  service = await startMetastore();
  metastore = openMetastore(service.url, { clock: systemClock, user: "test" });
});
afterAll(async () => {
  metastore.close();
  await service[Symbol.asyncDispose]();
});

function writeJob(folder: string, table: string): string {
  writeFileSync(
    join(folder, "job.yaml"),
    `
name: job
checkpoint: state
batch: 0
sources: { rows: { from: "-", schema: { day: DATE, n: BIGINT } } }
sinks: [{ from: rows, parquet: { table: db.${table}, partition_by: [day], metastore: "${service.url}" } }]
`,
  );
  return join(folder, "job.yaml");
}

const row = (n: number): string => `{"day":"2026-01-0${n}","n":${n}}\n`;
const partitionsOf = (table: string): Promise<readonly string[]> =>
  metastore.partitionNames({ database: "db", table }).catch(() => []);

test("the metastore is killed between two batches and comes back: the job waits and goes on", async () => {
  using folder = emptyFolder();
  await using running = await start(["process", writeJob(folder.path, "waits")], { cwd: folder.path });
  await running.feed(row(1));
  await until("the first partition", async () => (await partitionsOf("waits")).length === 1);
  await service.kill();
  await running.feed(row(2));
  await until("word of it", () => running.stderr().includes("is tried again for 5m"));
  await running.feed(row(3));
  await service.start();
  await running.endInput();
  expect((await running.finished()).code).toBe(0);
  expect(await partitionsOf("waits")).toEqual(["day=2026-01-01", "day=2026-01-02", "day=2026-01-03"]);
  const rows = await parquetRows(join(folder.path, "warehouse/db.db/waits"));
  expect(rows.map(({ n }) => n)).toEqual([1, 2, 3]);
  const [found] = await metastore.partitions({ database: "db", table: "waits" }, [["2026-01-03"]]);
  expect(found?.location).toBe(`file:${folder.path}/warehouse/db.db/waits/day=2026-01-03`);
});

test("the metastore is down and the job is told to stop: its next start tells the metastore", async () => {
  using folder = emptyFolder();
  const args = ["process", writeJob(folder.path, "stopped")];
  await using running = await start(args, { cwd: folder.path });
  await running.feed(row(1));
  await until("the first partition", async () => (await partitionsOf("stopped")).length === 1);
  await service.kill();
  await running.feed(row(2));
  await until("word of it", () => running.stderr().includes("is tried again for 5m"));
  running.kill("SIGINT");
  expect((await running.finished()).code).toBe(130);
  await service.start();
  expect(await streamkit([...args, "--once"], { cwd: folder.path })).toMatchObject({ code: 0 });
  expect(await partitionsOf("stopped")).toEqual(["day=2026-01-01", "day=2026-01-02"]);
  const rows = await parquetRows(join(folder.path, "warehouse/db.db/stopped"));
  expect(rows.map(({ n }) => n)).toEqual([1, 2]);
});

test.each([["committed"], ["parquet-published"], ["partition-marked"]])(
  "the job is killed at %s: its next start tells the metastore",
  async (failpoint) => {
    using folder = emptyFolder();
    const table = `killed_${failpoint.replace("-", "_")}`;
    const args = ["process", writeJob(folder.path, table), "--once"];
    const input = row(1) + row(2);
    const env = { ...process.env, STREAMKIT_FAILPOINT: failpoint } as Record<string, string>;
    expect((await streamkit(args, { cwd: folder.path, input, env })).code).toBe(137);
    // What it has taken from its stdin is kept.
    expect(await streamkit(args, { cwd: folder.path })).toMatchObject({ code: 0 });
    expect(await partitionsOf(table)).toEqual(["day=2026-01-01", "day=2026-01-02"]);
    const rows = await parquetRows(join(folder.path, `warehouse/db.db/${table}`));
    expect(rows.map(({ n }) => n)).toEqual([1, 2]);
  },
);

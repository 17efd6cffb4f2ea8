/** A job that begins again over a table whose small files were compacted: no row comes a second time. */

import { expect, test } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { streamkit } from "../support/running.ts";
import { parquetRows } from "../support/warehouse.ts";
import { type TableJob, tableJob } from "./table-job.ts";

const stop = { flags: ["--available-now"] };
/** A job whose checkpoint was deleted begins anew when that is said. */
const anew = { flags: ["--once", "--reset-checkpoint"] };
const row = (n: number) => ({ ts: `2026-01-05T09:0${n}:00Z`, n });
const numbers = async (job: TableJob): Promise<number[]> =>
  (await parquetRows(job.table)).map(({ n }) => Number(n)).toSorted((a, b) => a - b);
const startTable = (): TableJob =>
  tableJob({ schema: { ts: "TIMESTAMP", n: "BIGINT" }, parquet: { partition_by: ["dt=ts::DATE"] } });

async function compact(job: TableJob): Promise<void> {
  const flags = ["--idle", "0s", "--delay", "0s", "--warehouse", join(job.folder, "warehouse")];
  const { code, stderr } = await streamkit(["write", "--compact", "t", ...flags]);
  expect(stderr).toContain(" became 1,");
  expect(code).toBe(0);
}

test("without its checkpoint it is refused, and the table is as it was", async () => {
  using job = startTable();
  for (const n of [1, 2, 3]) await job.run([row(n)], stop);
  await compact(job);
  const before = job.everything();
  rmSync(join(job.folder, "state"), { recursive: true });
  const { code, stderr } = await job.run([row(1), row(2), row(3)], anew);
  expect(code).toBe(2);
  expect(stderr).toContain('holds rows of "job" up to batch 2, but this checkpoint knows of none');
  const [compacted = ""] = job.files();
  expect(stderr).toContain(compacted);
  expect(job.everything()).toEqual(before);
  expect(await numbers(job)).toEqual([1, 2, 3]);

  // The way out that it names: when what it wrote is gone, it begins anew as over any table.
  rmSync(join(job.table, compacted));
  // The input waits in the new checkpoint.
  expect(await job.run([])).toMatchObject({ code: 0 });
  expect(await numbers(job)).toEqual([1, 2, 3]);
});

test("what was compacted twice is known as well", async () => {
  using job = startTable();
  for (const n of [1, 2, 3]) await job.run([row(n)], stop);
  await compact(job);
  for (const n of [4, 5]) await job.run([row(n)], stop);
  await compact(job);
  expect(job.files()).toHaveLength(2);
  rmSync(join(job.folder, "state"), { recursive: true });
  const { code, stderr } = await job.run([row(1)], anew);
  expect(code).toBe(2);
  expect(stderr).toContain("up to batch 4");
});

test("with an older copy of its checkpoint it is refused, with the newest it goes on", async () => {
  using job = startTable();
  const [state, copy] = [join(job.folder, "state"), join(job.folder, "copy")];
  await job.run([row(1)], stop);
  cpSync(state, copy, { recursive: true });
  for (const n of [2, 3]) await job.run([row(n)], stop);
  await compact(job);
  expect(await job.run([row(4)], stop)).toMatchObject({ code: 0 });
  expect(await numbers(job)).toEqual([1, 2, 3, 4]);
  rmSync(state, { recursive: true });
  cpSync(copy, state, { recursive: true });
  const { code, stderr } = await job.run([row(2)], stop);
  expect(code).toBe(2);
  expect(stderr).toContain("up to batch 2, but this checkpoint knows of 1");
  expect(await numbers(job)).toEqual([1, 2, 3, 4]);
});

test("while a compaction waits for readers it is refused too", async () => {
  using job = startTable();
  for (const n of [1, 2, 3]) await job.run([row(n)], stop);
  const flags = ["--idle", "0s", "--delay", "1h", "--no-wait", "--warehouse", join(job.folder, "warehouse")];
  expect(await streamkit(["write", "--compact", "t", ...flags])).toMatchObject({ code: 0 });
  rmSync(join(job.folder, "state"), { recursive: true });
  const { code, stderr } = await job.run([row(1)], anew);
  expect(code).toBe(2);
  expect(stderr).toContain('holds rows of "job"');
});

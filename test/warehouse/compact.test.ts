/** Small files become few, and a reader at any moment sees each row once. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { hostname } from "node:os";
import { messageOf } from "../../src/base/error.ts";
import { processIdentity } from "../../src/base/process-identity.ts";
import { type Manifest, readManifests } from "../../src/warehouse/compaction/manifest.ts";
import { emptyFolder } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";
import { type SmallFiles, smallFiles, upTo } from "./compacting.ts";

let folder: ReturnType<typeof emptyFolder>;
let table: SmallFiles;
beforeEach(async () => {
  folder = emptyFolder();
  table = await smallFiles(folder.path);
});
afterEach(() => {
  table.database.close();
  folder[Symbol.dispose]();
});

const DAY = "dt=2026-01-05/host=a b%25";

async function fourFiles(partition = DAY): Promise<void> {
  for (const batch of [1, 2, 10, 11]) await table.write(partition, "job", batch, batch * 100);
}
const written = [100, 200, 1000, 1100].flatMap((first) => upTo(10).map((n) => first + n));

describe("a compaction", () => {
  test("makes one file of a partition's small ones, but for those of the highest batch", async () => {
    await fourFiles();
    const report = await table.compact();
    expect(report).toEqual({
      partitions: 1,
      filesBefore: 3,
      filesAfter: 1,
      rows: 30,
      unfinished: 0,
      skipped: [],
    });
    const [made, ...others] = await table.everything();
    expect(made).toMatch(/^dt=2026-01-05\/host=a b%25\/compacted-\d+-1-0-0\.parquet$/);
    expect(others).toEqual([`${DAY}/part-job-11-0.parquet`]);
    expect(await table.numbers()).toEqual(written);
    // In the order in which they were written: batch 10 comes after 2.
    const [compacted = ""] = await table.visible();
    const rows = await table.database.rows({ text: `SELECT n FROM '${table.table}/${compacted}'` });
    expect(rows.map(({ n }) => Number(n))).toEqual(written.slice(0, 30));
  });

  test("takes folders whose column's name begins with _, but none that is hidden", async () => {
    await fourFiles("_p=1");
    await fourFiles("_hidden");
    expect(await table.compact()).toMatchObject({ partitions: 1, filesBefore: 3 });
    expect(await table.numbers()).toEqual(written);
  });

  test("leaves files that are written anew while it merges them", async () => {
    await fourFiles();
    const { store } = table;
    const rewriting: typeof store = {
      ...store,
      async put(...given) {
        await store.put(...given);
        await table.write(DAY, "job", 2, 5000);
      },
    };
    const report = await table.compact({ store: rewriting });
    expect(report).toMatchObject({
      partitions: 0,
      skipped: [{ partition: DAY, reason: "its files changed meanwhile" }],
    });
    expect(await table.everything()).toEqual(await table.visible());
    const expected = [100, 1000, 1100, 5000].flatMap((first) => upTo(10).map((n) => first + n));
    expect(await table.numbers()).toEqual(expected);
  });

  test("does nothing where nothing would be won", async () => {
    await fourFiles();
    await table.compact();
    const before = await table.everything();
    expect(await table.compact()).toMatchObject({ partitions: 0, unfinished: 0 });
    expect(await table.everything()).toEqual(before);
  });

  test("does not bring a partition back that is removed while its new files come", async () => {
    await fourFiles();
    const put: typeof table.store.put = async (files, options) => {
      await table.store.put(files, options);
      if (!files.some(({ to }) => to.startsWith(`t/${DAY}/`))) return;
      // As a retention does that had listed the partition before.
      for (const name of await table.visible())
        if (name.includes("/part-")) await table.store.remove(`t/${name}`);
    };
    await table.compact({ store: { ...table.store, put } });
    expect(await table.everything()).toEqual([]);
  });

  test("takes all of runs without a checkpoint, which write no batch again", async () => {
    for (const [index, run] of ["write_1x9ab2", "write_0zz81k", "other_job_9a8b7c"].entries())
      await table.write(DAY, run, 1, index * 10);
    await table.write(DAY, "write_1a2b3c4d", 1, 30);
    // One with a checkpoint may be called like a run, but has left its mark.
    await table.write(DAY, "my_trades", 1, 40);
    await table.store.write("t/_streamkit/owners/my_trades.json", "{}");
    expect(await table.compact()).toMatchObject({ filesBefore: 3, filesAfter: 1, rows: 30 });
    expect(await table.numbers()).toEqual(upTo(50));
    expect(await table.store.read("t/_streamkit/compacted.json").then((text) => String(text))).not.toContain(
      "1x9ab2",
    );
  });

  test("keeps to the target's size, and takes what it made before again", async () => {
    await fourFiles();
    const [first] = await table.store.list(`t/${DAY}`);
    const report = await table.compact({ targetBytes: (first?.sizeBytes ?? 0) * 2 });
    expect(report).toMatchObject({ filesBefore: 2, filesAfter: 1 });
    await table.write(DAY, "job", 12, 5000);
    expect(await table.compact()).toMatchObject({ filesBefore: 3, filesAfter: 1, rows: 40 });
    expect(await table.visible()).toHaveLength(2);
  });

  test("leaves alone partitions that were just written, and files that are none of a table", async () => {
    await fourFiles();
    expect(await table.compact({ idleMs: 60_000 })).toMatchObject({ partitions: 0 });
    await table.store.write(`t/${DAY}/_SUCCESS`, "");
    await table.store.write("t/_staging-job/x.staged", "no Parquet");
    await table.compact();
    expect(await table.everything()).toContain(`${DAY}/_SUCCESS`);
    expect(await table.everything()).toContain("_staging-job/x.staged");
  });

  test("of each of several partitions and writers, and of a table without partitions", async () => {
    for (const partition of ["", "dt=1", "dt=2"])
      for (const writer of ["a", "b-1"])
        for (const batch of [1, 2, 3]) await table.write(partition, writer, batch, batch * 1000);
    const before = await table.numbers();
    expect(await table.compact()).toMatchObject({ partitions: 3, filesBefore: 12, filesAfter: 3 });
    expect(await table.numbers()).toEqual(before);
  });

  test("takes a column that only later files have", async () => {
    await fourFiles();
    await table.database.run({
      text: `COPY (SELECT 7::BIGINT AS n, 'x' AS extra)
        TO '${table.table}/${DAY}/part-job-3-0.parquet' (FORMAT parquet)`,
    });
    await table.compact();
    const [compacted = ""] = await table.visible();
    const rows = await table.database.rows({
      text: `SELECT extra, count(*) AS rows FROM '${table.table}/${compacted}' GROUP BY 1 ORDER BY 1`,
    });
    expect(rows).toEqual([
      { extra: "x", rows: 1n },
      { extra: null, rows: 30n },
    ]);
  });

  test("refuses a second one of the same table while the first one lives", async () => {
    await fourFiles();
    const lock = `{"host":"here","pid":7,"identity":"7 first"}`;
    await table.store.create("t/_streamkit/compactions/lock", lock);
    const other = { host: "here", pid: 8, identityOf: (pid: number) => `${pid} first` };
    const refused = await table.compact({ owner: other }).catch(messageOf);
    expect(refused).toContain("Another process compacts this table: 7 on here");
    const again = { ...other, identityOf: (pid: number) => `${pid} second` };
    // Of another machine nothing is known.
    expect(await table.compact({ owner: { ...again, host: "there" } }).catch(messageOf)).toContain(
      "7 on here",
    );
    expect(await table.compact({ owner: again })).toMatchObject({ partitions: 1 });
  });

  test("which is refused leaves alone what the first one is about to give to readers", async () => {
    await fourFiles();
    const lock = { host: hostname(), pid: process.pid, identity: processIdentity(process.pid) };
    await table.store.create("t/_streamkit/compactions/lock", JSON.stringify(lock));
    await table.store.create("t/_streamkit/compacting/1-1-0.staged", "rows");
    const { code, stderr } = await streamkit(["write", "--compact", "t", "--warehouse", folder.path]);
    expect(stderr).toContain(`Another process compacts this table: ${process.pid}`);
    expect(code).toBe(1);
    expect(await table.store.exists("t/_streamkit/compacting/1-1-0.staged")).toBe(true);
  });
});

describe("what takes more than one run", () => {
  const stateOf = async (): Promise<string[]> =>
    (await readManifests(table.store, "t")).map(({ state }: Manifest) => state);

  test("old files stay for who reads them, then new ones at their first place", async () => {
    await fourFiles();
    const later = { delayMs: 60_000, waits: false };
    expect(await table.compact(later)).toMatchObject({ partitions: 1, unfinished: 1 });
    expect(await stateOf()).toEqual(["waiting"]);
    expect(await table.visible()).toHaveLength(4);
    expect(await table.numbers()).toEqual(written);
    expect(await table.compact(later)).toMatchObject({ partitions: 0, unfinished: 1 });
    expect(await table.compact({ waits: false })).toMatchObject({ partitions: 0, unfinished: 1 });
    expect(await stateOf()).toEqual(["retiring"]);
    expect(await table.visible()).toHaveLength(2);
    expect((await table.everything()).filter((name) => name.endsWith(".pq"))).toHaveLength(1);
    expect(await table.numbers()).toEqual(written);
    expect(await table.compact({ waits: false })).toMatchObject({ unfinished: 0 });
    expect(await table.everything()).toHaveLength(2);
    expect(await table.numbers()).toEqual(written);
  });

  test("rows that come meanwhile are seen, and compacted the next time", async () => {
    await fourFiles();
    await table.compact({ delayMs: 60_000, waits: false });
    await table.write(DAY, "job", 12, 5000);
    expect((await table.numbers()).filter((n) => n >= 5000)).toHaveLength(10);
    expect(await table.compact()).toMatchObject({ partitions: 0 });
    expect(await table.compact()).toMatchObject({ partitions: 1, filesBefore: 2 });
    expect((await table.numbers()).length).toBe(50);
  });

  test("a partition that is dropped meanwhile stays so", async () => {
    await fourFiles();
    await table.write("dt=2", "job", 12, 5000);
    await table.compact({ delayMs: 60_000, waits: false });
    await table.store.remove(`t/${DAY}`);
    expect(await table.numbers()).toEqual(upTo(10).map((n) => 5000 + n));
    await table.compact();
    expect(await table.everything()).toEqual(["dt=2/part-job-12-0.parquet"]);
  });
});

test("who asks again and again sees each row once, whatever the compaction is at", async () => {
  for (let batch = 1; batch <= 40; batch += 1) await table.write("dt=1", "job", batch, batch * 10);
  const expected = upTo(400).map((n) => n + 10);
  const seen = { times: 0, running: true };
  const reader = (async () => {
    while (seen.running) {
      expect(await table.numbers()).toEqual(expected);
      seen.times += 1;
    }
  })();
  for (let batch = 1; batch <= 5; batch += 1) {
    // Each run compacts what the last one made, together with one file more.
    const small = { targetBytes: 1_500 * batch, delayMs: 200 };
    await table.compact(small);
  }
  seen.running = false;
  await reader;
  expect(seen.times).toBeGreaterThan(5);
});

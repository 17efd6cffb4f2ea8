/** Rows are counted by the footers of files, wherever they are: as DuckDB counts them in the files. */

import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/error.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { raw, sql } from "../../src/duckdb/sql.ts";
import { rowsIn } from "../../src/warehouse/footers.ts";
import type { Store } from "../../src/warehouse/store.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { sharedHdfs } from "../services/hdfs.ts";
import { sharedS3 } from "../services/s3.ts";
import { emptyFolder } from "../support/binary.ts";

setDefaultTimeout(120_000);
beforeAll(async () => {
  await sharedHdfs();
  await sharedS3();
}, 120_000);

const STORES: Readonly<Record<string, (folder: string) => Promise<Store>>> = {
  "a folder": async (folder) => openStore("wh", { baseFolder: folder, clock: systemClock, env: {} }),
  HDFS: async () => {
    const url = `webhdfs://${(await sharedHdfs()).address}/footers/${crypto.randomUUID()}`;
    return openStore(url, { baseFolder: "/", clock: systemClock, env: { USER: "alice" } });
  },
  S3: async () => {
    const { createBucket, env } = await sharedS3();
    const bucket = `footers-${crypto.randomUUID()}`;
    await createBucket(bucket);
    return openStore(`s3://${bucket}/wh`, { baseFolder: "/", clock: systemClock, env });
  },
};

test.each(Object.entries(STORES))("in %s", async (_name, open) => {
  using folder = emptyFolder();
  const store = await open(folder.path);
  const database = await openDatabase();
  const scratch = join(folder.path, "scratch");
  try {
    // A footer of a few bytes, of more than a first request fetches, and of a file that is larger than both.
    const wide = Array.from({ length: 900 }, (_, n) => raw(`range AS column_${n}`));
    const contents = [
      sql`SELECT range AS n FROM range(3)`,
      sql`SELECT ${wide} FROM range(5)`,
      sql`SELECT uuid() AS id FROM range(40000)`,
    ];
    const placed = [];
    for (const [index, rows] of contents.entries()) {
      const from = join(folder.path, `${index}.staged`);
      await database.run(sql`COPY (${rows}) TO ${from} (FORMAT parquet)`);
      placed.push({ from, to: `t/${index}.parquet` });
    }
    await store.put(placed, { staging: "t/_staging-me", isDurable: false });
    const files = await store.list("t");
    expect(files).toHaveLength(3);
    expect(await rowsIn(database, store, files, scratch)).toBe(40_008);
    expect(await rowsIn(database, store, [], scratch)).toBe(0);
    expect(existsSync(scratch)).toBe(false);

    await store.write("t/text", "no Parquet at all");
    const text = { path: "t/text", sizeBytes: 17 };
    const refusal = await rowsIn(database, store, [text], scratch).catch(messageOf);
    expect(refusal).toMatch(/is no Parquet file|No magic bytes/);
    expect(existsSync(scratch)).toBe(false);
  } finally {
    database.close();
  }
});

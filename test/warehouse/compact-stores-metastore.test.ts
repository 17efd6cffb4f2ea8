/**
 * Compaction where the table is in HDFS or S3 and a metastore knows of it: killed in between, who asks
 * `query` sees each row once, and so does who reads the folders that the metastore names.
 */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import { openMetastore } from "../../src/warehouse/metastore/hive-metastore.ts";
import { parentOf, type Store } from "../../src/warehouse/store.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { sharedHdfs } from "../services/hdfs.ts";
import { sharedMetastore } from "../services/metastore.ts";
import { sharedS3 } from "../services/s3.ts";
import { emptyFolder } from "../support/binary.ts";
import { rowsOf, streamkit } from "../support/running.ts";

const TIMEOUT_MS = 120_000;

const PLACES = {
  HDFS: async () => {
    const { address, rpcUrl } = await sharedHdfs();
    const path = `compact-${crypto.randomUUID()}`;
    const env = { HADOOP_USER_NAME: "alice" };
    return { url: `webhdfs://${address}/${path}`, location: `${rpcUrl}/${path}`, env };
  },
  // This metastore has no client of S3's: what it calls the place is a folder of its own.
  S3: async (folder: string) => {
    const { createBucket, env } = await sharedS3();
    const bucket = `compact-${crypto.randomUUID()}`;
    await createBucket(bucket);
    return { url: `s3://${bucket}/warehouse`, location: `file:${folder}/bucket`, env };
  },
};

interface Told {
  readonly store: Store;
  readonly database: Database;
  readonly folder: string;
  /** The paths in the store of the folders that the metastore names. */
  readonly places: () => Promise<readonly string[]>;
}

/** What a reader finds who lists those folders. */
async function numbersByMetastore({ store, database, folder, places }: Told): Promise<number[]> {
  const numbers: number[] = [];
  const names = new Set(await places());
  const files = (await store.list("")).filter(({ path }) => names.has(parentOf(path)));
  for (const { path } of files.filter((file) => !/\/[._][^/]*$/.test(file.path))) {
    const local = join(folder, "downloaded.parquet");
    await store.download(path, local);
    const rows = await database.rows(sql`SELECT n FROM read_parquet(${local})`);
    numbers.push(...rows.map(({ n }) => Number(n)));
  }
  return numbers.toSorted((a, b) => a - b);
}

test.each(Object.entries(PLACES))(
  "in %s",
  async (name, place) => {
    using folder = emptyFolder();
    const { url, location, env } = await place(folder.path);
    const service = await sharedMetastore();
    const metastore = openMetastore(service.url, { clock: systemClock, user: "test" });
    const database = await openDatabase();
    const table = `stores.${name.toLowerCase()}`;
    const run = async (args: readonly string[], more: { input?: string; failpoint?: string } = {}) =>
      streamkit([...args, "--warehouse", url], {
        cwd: folder.path,
        env: { ...process.env, ...env, STREAMKIT_FAILPOINT: more.failpoint ?? "" },
        ...(more.input === undefined ? {} : { input: more.input }),
      });
    const told = ["--metastore", service.url, "--location", location];
    const write = async (k: string, n: number): Promise<void> => {
      const args = ["write", "--table", table, "--partition-by", "k", "--schema", "k VARCHAR, n BIGINT"];
      const input = `{"k":"${k}","n":${n}}\n`;
      const written = await run([...args, ...told, "--checkpoint", "state", "--available-now"], { input });
      expect(written).toMatchObject({ code: 0 });
    };
    const compact = ["write", "--compact", table, ...told, "--idle", "0s", "--delay", "0s"];
    const known = { database: "stores", table: name.toLowerCase() };
    const reader: Told = {
      store: openStore(url, { baseFolder: ".", clock: systemClock, env }),
      database,
      folder: folder.path,
      async places() {
        const partitions = await metastore.partitions(known, [["a b"], ["c"]]);
        return partitions.map((partition) => (partition?.location ?? "").slice(location.length + 1));
      },
    };
    const expectNumbers = async (expected: readonly number[]): Promise<void> => {
      expect(await numbersByMetastore(reader)).toEqual([...expected]);
      const query = ["query", `SELECT n FROM ${table} ORDER BY n`, "--format", "ndjson"];
      const { code, stdout, stderr } = await run(query);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(rowsOf(stdout).map(({ n }) => n)).toEqual([...expected]);
    };

    for (const [n, k] of ["a b", "a b", "a b", "c"].entries()) await write(k, n);
    await expectNumbers([0, 1, 2, 3]);
    for (const failpoint of ["compact-decided", "compact-switched", "compact-placed", "compact-returned"]) {
      expect(await run(compact, { failpoint })).toMatchObject({ code: 137 });
      await expectNumbers([0, 1, 2, 3]);
    }
    expect(await run(compact)).toMatchObject({ code: 0 });
    await expectNumbers([0, 1, 2, 3]);
    const own = [`stores.db/${name.toLowerCase()}/k=a b`, `stores.db/${name.toLowerCase()}/k=c`];
    expect(await reader.places()).toEqual(own);

    // A file that stays can't have a second name there: its partition is left, and that is said.
    for (const n of [4, 5]) await write("c", n);
    const { code, stderr } = await run(compact);
    expect(stderr).toContain("k=c was left: some of its files stay");
    expect(code).toBe(0);
    await expectNumbers([0, 1, 2, 3, 4, 5]);
    metastore.close();
    database.close();
  },
  TIMEOUT_MS,
);

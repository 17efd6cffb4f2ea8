/** Compaction where the table is in HDFS or S3: killed in between, and `query` answers the same. */

import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import type { Store } from "../../src/warehouse/store.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { sharedHdfs } from "../services/hdfs.ts";
import { sharedS3 } from "../services/s3.ts";
import { emptyFolder } from "../support/binary.ts";
import { rowsOf, streamkit } from "../support/running.ts";

const TIMEOUT_MS = 120_000;

const PLACES = {
  HDFS: async () => {
    const { address } = await sharedHdfs();
    return { url: `webhdfs://${address}/compact-${crypto.randomUUID()}`, env: { HADOOP_USER_NAME: "alice" } };
  },
  S3: async () => {
    const { createBucket, env } = await sharedS3();
    const bucket = `compact-${crypto.randomUUID()}`;
    await createBucket(bucket);
    return { url: `s3://${bucket}/warehouse`, env };
  },
};

test.each(Object.entries(PLACES))(
  "in %s",
  async (_, place) => {
    using folder = emptyFolder();
    const { url, env } = await place();
    const run = async (args: readonly string[], more: { input?: string; failpoint?: string } = {}) => {
      const own = { ...env, STREAMKIT_FAILPOINT: more.failpoint ?? "" };
      return streamkit([...args, "--warehouse", url], {
        cwd: folder.path,
        env: { ...process.env, ...own },
        ...(more.input === undefined ? {} : { input: more.input }),
      });
    };
    const write = ["write", "--table", "t", "--partition-by", "k", "--schema", "k VARCHAR, n BIGINT"];
    for (let batch = 0; batch < 4; batch += 1) {
      const rows = [0, 1].map((n) => `{"k":"a b","n":${batch * 2 + n}}\n`);
      const written = await run([...write, "--checkpoint", "state", "--available-now"], {
        input: rows.join(""),
      });
      expect(written).toMatchObject({ code: 0 });
    }
    const files = async (): Promise<string[]> => {
      const store: Store = openStore(url, { baseFolder: ".", clock: systemClock, env });
      return (await store.list("t")).map(({ path }) => path.slice("t/".length));
    };
    expect((await files()).filter((name) => name.endsWith(".parquet"))).toHaveLength(4);
    const ask = async () => {
      const query = "SELECT k, count(*) AS rows, count(DISTINCT n) AS numbers FROM t GROUP BY k";
      const { code, stdout, stderr } = await run(["query", query, "--format", "ndjson"]);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      return rowsOf(stdout);
    };
    const expected = [{ k: "a b", rows: 8, numbers: 8 }];
    const compact = ["write", "--compact", "t", "--idle", "0s", "--delay", "0s"];
    for (const failpoint of ["compact-written", "compact-decided", "compact-placed", "compact-removed"]) {
      expect(await run(compact, { failpoint })).toMatchObject({ code: 137 });
      expect(await ask()).toEqual(expected);
    }
    expect(await run(compact)).toMatchObject({ code: 0 });
    expect(await ask()).toEqual(expected);
    expect(await files()).toEqual([
      "_streamkit/compacted.json",
      expect.stringMatching(/^_streamkit\/owners\/write_/) as unknown as string,
      "_streamkit/schema.json",
      expect.stringMatching(/^k=a b\/compacted-/) as unknown as string,
      expect.stringMatching(/^k=a b\/part-/) as unknown as string,
    ]);
  },
  TIMEOUT_MS,
);

/** Iceberg tables on HDFS and S3: commits at one moment, and a process that is killed on its way there. */

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { systemClock } from "../../src/base/clock.ts";
import type { Store } from "../../src/warehouse/store.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { strayFiles } from "../crash/iceberg-episode.ts";
import { sharedHdfs } from "../services/hdfs.ts";
import { type PyIceberg, sharedPyIceberg } from "../services/iceberg.ts";
import { sharedS3 } from "../services/s3.ts";
import { emptyFolder } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";
import { numbers, writing } from "./writing.ts";

setDefaultTimeout(240_000);

interface Elsewhere {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
}

const KINDS: Readonly<Record<string, () => Promise<Elsewhere>>> = {
  async HDFS() {
    const { address } = await sharedHdfs();
    return { url: `webhdfs://${address}/iceberg/${crypto.randomUUID()}`, env: { HADOOP_USER_NAME: "alice" } };
  },
  async S3() {
    const { createBucket, env } = await sharedS3();
    const bucket = `b-${crypto.randomUUID()}`;
    await createBucket(bucket);
    return { url: `s3://${bucket}/ware`, env };
  },
};

let reader: PyIceberg;
beforeAll(async () => {
  reader = await sharedPyIceberg();
});

/** All files of a store, in a folder of this machine. */
async function fetchAll(store: Store, into: string): Promise<void> {
  for (const { path } of await store.list("")) {
    mkdirSync(dirname(join(into, path)), { recursive: true });
    await store.download(path, join(into, path));
  }
}

for (const [name, open] of Object.entries(KINDS))
  describe(name, () => {
    // The first one starts a server.
    beforeAll(() => open());

    test("three writers at once", async () => {
      const { url, env } = await open();
      const store = openStore(url, { baseFolder: "/", clock: systemClock, env });
      await using table = writing(store);
      const names = ["a", "b", "c"];
      await Promise.all(
        names.map(async (who, index) => {
          const writer = await table.writer(who, { keep: 5 });
          for (let batch = 1; batch <= 6; batch += 1)
            await writer.append(`SELECT ${100 * index + batch} AS n, 'x' AS of_${who}`);
        }),
      );
      await fetchAll(store, dirname(table.table));
      const { rows } = await reader.scan(table.table);
      expect(numbers(rows)).toEqual(names.flatMap((_, of) => [1, 2, 3, 4, 5, 6].map((n) => 100 * of + n)));
      expect(await strayFiles(table.table)).toEqual([]);
      const { code, stderr } = await streamkit(["query", "--warehouse", url, "SELECT * FROM t"], { env });
      expect(code).not.toBe(0);
      expect(stderr).toContain("Iceberg tables are not read by query");
    });

    test("killed at each step", async () => {
      const { url, env } = await open();
      using folder = emptyFolder();
      const fetched = join(folder.path, "fetched");
      const job = {
        name: "killed",
        checkpoint: "state",
        sources: { rows: { from: "file:in/*.ndjson", schema: { n: "BIGINT", k: "VARCHAR" } } },
        queries: { q: "SELECT * FROM rows" },
        sinks: [
          {
            from: "q",
            // As whoever reads what was fetched finds it.
            iceberg: { warehouse: url, table: "db.t", partition_by: ["k"], location: `file:${fetched}` },
          },
        ],
      };
      mkdirSync(join(folder.path, "in"));
      writeFileSync(join(folder.path, "job.yaml"), stringify(job));
      const deaths = ["begun", "published", "listed", "committed", "hinted", undefined];
      for (const [n, death] of deaths.entries()) {
        const rows = ["a", "b"].map((k) => `${JSON.stringify({ n, k })}\n`).join("");
        writeFileSync(join(folder.path, `in/${n}.ndjson`), rows);
        const { code } = await streamkit(["process", "job.yaml", "--available-now"], {
          cwd: folder.path,
          env: { ...env, ...(death === undefined ? {} : { STREAMKIT_FAILPOINT: `iceberg-${death}` }) },
        });
        expect(code === 0).toBe(death === undefined);
      }
      await fetchAll(openStore(url, { baseFolder: "/", clock: systemClock, env }), fetched);
      const { rows } = await reader.scan(join(fetched, "db/t"));
      expect(numbers(rows)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
      expect(await strayFiles(join(fetched, "db/t"))).toEqual([]);
    });
  });

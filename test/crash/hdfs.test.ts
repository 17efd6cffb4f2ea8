/** kill -9 of process and data node while tables are written to HDFS: nothing lost, nothing twice. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { HDFS_FAILPOINTS } from "../../src/base/failpoint.ts";
import type { Store } from "../../src/warehouse/store.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { type HdfsService, startHdfs } from "../services/hdfs.ts";
import { emptyFolder } from "../support/binary.ts";
import { start } from "../support/running.ts";
import { until } from "../support/until.ts";
import { parquetRows } from "../support/warehouse.ts";
import { anyDeaths, type Death, runEpisode } from "./episode.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const LIVES = 15;
const TIMEOUT_MS = 300_000;

let hdfs: HdfsService;
beforeAll(async () => {
  hdfs = await startHdfs();
}, TIMEOUT_MS);
afterAll(() => hdfs[Symbol.asyncDispose]());

/** A warehouse of its own, and how it comes into a folder. */
function warehouse() {
  const url = `webhdfs://${hdfs.address}/${crypto.randomUUID()}`;
  const store: Store = openStore(url, { baseFolder: "/", clock: systemClock, env: process.env });
  const fetch = async (into: string): Promise<void> => {
    mkdirSync(into, { recursive: true });
    for (const { path } of await store.list("")) {
      mkdirSync(dirname(join(into, path)), { recursive: true });
      await store.download(path, join(into, path));
    }
  };
  return { warehouse: url, fetch, store };
}

describe("a process that is killed", () => {
  test(
    "at each step of a batch's way to HDFS",
    async () => {
      const deaths = [...HDFS_FAILPOINTS, "parquet-published", "commit-open", "partition-marked"].flatMap(
        (name): Death[] => [{ failpoint: name }, { failpoint: `${name}:3` }],
      );
      const episode = await runEpisode({ seed: SEED, deaths: () => deaths, elsewhere: warehouse() });
      expect(episode).toMatchObject({ wrong: [], survived: [] });
    },
    TIMEOUT_MS,
  );

  test(
    "anywhere",
    async () => {
      const deaths = (random: (below: number) => number) => anyDeaths(LIVES, random);
      const episode = await runEpisode({ seed: SEED + 1, deaths, elsewhere: warehouse() });
      expect(episode.wrong).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

test(
  "a data node that is killed again and again, while a job writes",
  async () => {
    const { warehouse: url, fetch, store } = warehouse();
    using folder = emptyFolder();
    const job = {
      name: "job",
      checkpoint: "state",
      batch: "50ms",
      sources: { rows: { from: "file:in.ndjson", schema: { n: "BIGINT" }, rate: 2000 } },
      sinks: [{ from: "rows", parquet: { warehouse: url, table: "t", partition_by: ["p=n % 3"] } }],
    };
    const count = 20_000;
    await Bun.write(join(folder.path, "job.json"), JSON.stringify(job));
    const lines = Array.from({ length: count }, (_, n) => `{"n":${n}}\n`);
    await Bun.write(join(folder.path, "in.ndjson"), lines.join(""));
    const args = ["process", join(folder.path, "job.json"), "--once"];
    let lives = 0;
    let code: number | undefined = 1;
    for (let kills = 0; code !== 0 && lives < 20; lives += 1) {
      await using running = await start(args);
      const ended = (): boolean => running.exitCode() !== undefined;
      const files = async (): Promise<number> => (await store.list("t")).length;
      while (kills < 3 && !ended()) {
        const before = await files();
        await until("more files, or the end", async () => ended() || (await files()) > before);
        await hdfs.killDataNode();
        kills += 1;
        await hdfs.startDataNode();
      }
      await until("the end of this life", ended).catch(() => running.kill("SIGINT"));
      ({ code } = await running.finished());
      // It gives up when HDFS is away for too long: the next life goes on.
      if (code !== 0) expect(running.stderr()).toMatch(/HDFS|stopped/);
    }
    expect(code).toBe(0);
    await fetch(join(folder.path, "wh"));
    const rows = await parquetRows(join(folder.path, "wh/t"));
    expect(rows).toHaveLength(count);
    expect(new Set(rows.map((row) => row["n"])).size).toBe(count);
  },
  TIMEOUT_MS,
);

/** kill -9 of the process while tables are written to S3, where nothing can be renamed. */

import { beforeAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { S3_FAILPOINTS } from "../../src/base/failpoint.ts";
import { openStore } from "../../src/warehouse/stores.ts";
import { type S3Service, sharedS3 } from "../services/s3.ts";
import { anyDeaths, type Death, runEpisode } from "./episode.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const LIVES = 15;
const TIMEOUT_MS = 300_000;

let s3: S3Service;
beforeAll(async () => {
  s3 = await sharedS3();
}, TIMEOUT_MS);

/** A bucket of its own, and how it comes into a folder. */
async function bucket() {
  const warehouse = `s3://b-${crypto.randomUUID()}`;
  await s3.createBucket(warehouse.slice("s3://".length));
  const store = openStore(warehouse, { baseFolder: "/", clock: systemClock, env: s3.env });
  const fetch = async (into: string): Promise<void> => {
    for (const { path } of await store.list("")) {
      mkdirSync(dirname(join(into, path)), { recursive: true });
      await store.download(path, join(into, path));
    }
  };
  return { warehouse, fetch, env: s3.env };
}

test(
  "at each step of a batch's way to S3",
  async () => {
    const deaths = [...S3_FAILPOINTS, "parquet-published", "commit-open", "partition-marked"].flatMap(
      (name): Death[] => [{ failpoint: name }, { failpoint: `${name}:3` }],
    );
    const episode = await runEpisode({ seed: SEED, deaths: () => deaths, elsewhere: await bucket() });
    expect(episode).toMatchObject({ wrong: [], survived: [] });
  },
  TIMEOUT_MS,
);

test(
  "anywhere",
  async () => {
    const deaths = (random: (below: number) => number) => anyDeaths(LIVES, random);
    const episode = await runEpisode({ seed: SEED + 1, deaths, elsewhere: await bucket() });
    expect(episode.wrong).toEqual([]);
  },
  TIMEOUT_MS,
);

/** kill -9 of the process at each step of a batch's way into Iceberg tables. */

import { beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ICEBERG_FAILPOINTS } from "../../src/base/failpoint.ts";
import { sharedPyIceberg } from "../services/iceberg.ts";
import type { Kill } from "./episode.ts";
import { anyIcebergDeaths, runIcebergEpisode } from "./iceberg-episode.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const LIVES = 30;
const TIMEOUT_MS = 300_000;

beforeAll(async () => {
  await sharedPyIceberg();
}, TIMEOUT_MS);

const atFailpoints = [1, 2, 3].flatMap((times) =>
  [...ICEBERG_FAILPOINTS, "sink-written" as const, "commit-open" as const, "committed" as const]
    // Each of the two tables is begun once.
    .filter((name) => name !== "iceberg-begun" || times === 1)
    .map((name): Kill => ({ failpoint: `${name}:${times}` })),
);

test(
  "killed at each failpoint, in each table's batch",
  async () => {
    const episode = await runIcebergEpisode({ seed: SEED, deaths: () => atFailpoints });
    expect(episode).toMatchObject({ wrong: [], survived: [], kills: atFailpoints.length });
  },
  TIMEOUT_MS,
);

test(
  `killed anywhere (seed ${SEED + 1})`,
  async () => {
    const deaths = (random: (below: number) => number) => anyIcebergDeaths(LIVES, random);
    expect((await runIcebergEpisode({ seed: SEED + 1, deaths })).wrong).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "the test sees a batch whose mark is gone, and a file that nothing names",
  async () => {
    const { wrong } = await runIcebergEpisode({
      seed: SEED,
      deaths: () => [{ failpoint: "iceberg-hinted:1" }],
      meddle: (warehouse) => {
        const metadata = join(warehouse, "picked/metadata");
        for (const name of readdirSync(metadata).filter((one) => one.endsWith(".metadata.json"))) {
          const file = join(metadata, name);
          writeFileSync(file, readFileSync(file, "utf8").replaceAll("streamkit.", "streamkat."));
        }
        writeFileSync(join(warehouse, "picked/data/stray.parquet"), "");
      },
    });
    expect(wrong.join("\n")).toContain("the table of picked: ");
    expect(wrong.join("\n")).toContain("no snapshot names stray.parquet");
  },
  TIMEOUT_MS,
);

test(
  "an older copy of the table is told, and left as it is",
  async () => {
    const { wrong } = await runIcebergEpisode({
      seed: SEED,
      deaths: () => [{ failpoint: "batch-ended:2" }],
      meddle: (warehouse) => rmSync(join(warehouse, "picked"), { recursive: true }),
    });
    expect(wrong.join("\n")).toContain("an older copy");
  },
  TIMEOUT_MS,
);

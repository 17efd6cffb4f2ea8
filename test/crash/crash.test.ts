/** kill -9 at every step of a batch and at any moment: nothing is lost, nothing comes twice. */

import { describe, expect, test } from "bun:test";
import { cpSync, existsSync, globSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FAILPOINTS } from "../../src/base/failpoint.ts";
import { anyDeaths, type Death, runEpisode } from "./episode.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const EPISODES = 8;
const LIVES = 31;
/** Of the lives some come to their end: a failpoint may be passed less often than its death asks for. */
const LEAST_KILLS = 200;
const TIMEOUT_MS = 120_000;

let kills = 0;

test(
  "killed at every failpoint",
  async () => {
    const deaths = FAILPOINTS.map((failpoint): Death => ({ failpoint }));
    const episode = await runEpisode({ seed: SEED, deaths: () => deaths });
    expect(episode).toMatchObject({ wrong: [], survived: [], kills: FAILPOINTS.length });
    kills += episode.kills;
  },
  TIMEOUT_MS,
);

for (let number = 1; number <= EPISODES; number += 1) {
  const seed = SEED + number;
  test(
    `killed anywhere (npm run torture -- --kills ${LIVES} --seed ${seed})`,
    async () => {
      const episode = await runEpisode({ seed, deaths: (random) => anyDeaths(LIVES, random) });
      expect(episode.wrong).toEqual([]);
      kills += episode.kills;
    },
    TIMEOUT_MS,
  );
}

test(`at least ${LEAST_KILLS} kills`, () => {
  expect(kills).toBeGreaterThanOrEqual(LEAST_KILLS);
});

describe("it is found out", () => {
  const wrongAfter = async (failpoint: string, meddle: (folder: string) => void): Promise<string> => {
    const deaths: Death[] = [{ failpoint }, { failpoint: "state-folded" }];
    const { wrong } = await runEpisode({
      seed: SEED,
      deaths: () => deaths,
      meddle: (folder, life) => life === 0 && meddle(folder),
    });
    return wrong.join("\n");
  };

  const slow = { timeout: TIMEOUT_MS };

  test("that a segment of the spool is lost", slow, async () => {
    const wrong = await wrongAfter("batch-read:3", (folder) => {
      const spool = join(folder, "state/segments/piped");
      for (const name of readdirSync(spool)) rmSync(join(spool, name));
    });
    expect(wrong).toMatch(/is gone|ended with 1/);
  });

  test("that a Parquet file stands there twice", slow, async () => {
    const wrong = await wrongAfter("batch-ended:3", (folder) => {
      const file = globSync(join(folder, "wh/piped_rows/**/*.parquet"))[0] ?? "";
      cpSync(file, file.replace("part-crash", "part-copy"));
    });
    expect(wrong).toContain("Parquet sink of piped_rows");
  });

  test("that the checkpoint is another one than the files'", slow, async () => {
    const wrong = await wrongAfter("batch-ended:3", (folder) => {
      expect(existsSync(join(folder, "state/plan.json"))).toBe(true);
      rmSync(join(folder, "state"), { recursive: true });
    });
    expect(wrong).not.toBe("");
  });
});

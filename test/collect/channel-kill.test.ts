/** kill -9 of a process that puts and delivers: what was safe comes out, in order, and once. */

import { describe, expect, test } from "bun:test";
import { closeSync, openSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { CHANNEL_FAILPOINTS } from "../../src/base/failpoint.ts";
import type { Kill } from "../crash/episode.ts";
import { anyChannelDeaths, torture, wrongOutput } from "./channel-torture.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const EPISODES = 10;
const LIVES = 32;
/** Of the lives some come to their end, on a fast machine more of them. */
const LEAST_KILLS = 200;
const TIMEOUT_MS = 120_000;

let kills = 0;

test(
  "killed at every failpoint",
  async () => {
    const deaths = CHANNEL_FAILPOINTS.map((failpoint): Kill => ({ failpoint }));
    const outcome = await torture({ seed: SEED, mode: "exact", deaths: () => deaths });
    expect(outcome).toMatchObject({ wrong: [], survived: [], kills: CHANNEL_FAILPOINTS.length });
    kills += outcome.kills;
  },
  TIMEOUT_MS,
);

for (let number = 1; number <= EPISODES; number += 1) {
  const seed = SEED + number;
  const mode = number % 3 === 0 ? "again" : "exact";
  test(
    `killed anywhere, to a file that is ${mode === "exact" ? "" : "not "}cut back (SEED=${seed - 1})`,
    async () => {
      const deaths = (random: (below: number) => number) => anyChannelDeaths(LIVES, random);
      const outcome = await torture({ seed, mode, deaths });
      expect(outcome.wrong).toEqual([]);
      expect(outcome.blocks).toBeGreaterThan(LIVES);
      kills += outcome.kills;
    },
    TIMEOUT_MS,
  );
}

test(`at least ${LEAST_KILLS} kills`, () => {
  expect(kills).toBeGreaterThanOrEqual(LEAST_KILLS);
});

describe("it is found out", () => {
  const wrongAfter = async (
    meddle: (channel: string, names: readonly string[]) => void,
    mode: "exact" | "away" = "away",
    failpoint = "channel-synced:4",
  ): Promise<string> => {
    const deaths: Kill[] = [{ failpoint }];
    const { wrong } = await torture({
      seed: SEED,
      mode,
      deaths: () => deaths,
      meddle: (folder) => {
        const channel = join(folder, "channel");
        meddle(
          channel,
          readdirSync(channel)
            .filter((name) => name.endsWith(".blocks"))
            .toSorted(),
        );
      },
    });
    return wrong.join("\n");
  };
  const flip = (path: string, offset: number): void => {
    const file = openSync(path, "r+");
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, offset);
    writeSync(file, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, offset);
    closeSync(file);
  };

  test("that the last segment is lost", async () => {
    const wrong = await wrongAfter((channel, names) => rmSync(join(channel, names.at(-1) ?? "")));
    expect(wrong).toContain("was safe, and is gone");
  });

  test("that a byte of the last segment is another", async () => {
    const wrong = await wrongAfter((channel, names) => flip(join(channel, names.at(-1) ?? ""), 40));
    expect(wrong).toContain("was safe, and is gone");
  });

  test("that the position is lost", async () => {
    const lose = (channel: string): void => rmSync(join(channel, "position"));
    // The first commit is made before anything is delivered.
    const wrong = await wrongAfter(lose, "exact", "channel-committed:2");
    expect(wrong).toContain("comes twice");
  });
});

describe("the check itself", () => {
  const check = (text: string, mode: "exact" | "again") => wrongOutput(text, [3], mode);
  test("takes what is right", () => {
    expect(check("0 0 x\n0 1 x\n0 2 x\n", "exact")).toEqual([]);
    expect(check("0 0 x\n0 1 x\n0 1 x\n0 2 x\n", "again")).toEqual([]);
    expect(check("0 0 x\n0 \n0 1 x\n0 2 x\n", "again")).toEqual([]);
  });
  test.each([
    ["0 0 x\n0 1 x\n0 1 x\n0 2 x\n", "exact"],
    ["0 0 x\n0 \n0 1 x\n0 2 x\n", "exact"],
    ["0 0 x\n0 9\n0 1 x\n0 2 x\n", "again"],
    ["0 0 x\n0 2 x\n", "again"],
    ["0 1 x\n0 0 x\n0 2 x\n", "again"],
    ["0 0 x\n0 1 x0 2 x\n", "exact"],
  ] as const)("finds %j in %s", (text, mode) => {
    expect(check(text, mode)).not.toEqual([]);
  });
});

/**
 * Power cuts and disks that fail, under the real binary: what was synced is enough to go on from, and an
 * error of the disk is got over or said. Nothing is lost, nothing comes twice.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Fault, type FaultyDisk, faultyDisk, whyNoFaultyDisk } from "../services/fuse/faulty-disk.ts";
import { emptyFolder } from "../support/binary.ts";
import { diskDeaths, LOSES_POWER } from "./disk-deaths.ts";
import { type Episode, runEpisode } from "./episode.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const TIMEOUT_MS = 180_000;
const FAULT_LIVES = 8;
const CUT_LIVES = 10;
const CUT_EPISODES = 4;
/** Some lives make fewer changes than go well before the fault. */
const LEAST_CUTS = 20;

const missing = whyNoFaultyDisk();

if (missing !== undefined)
  test(`disks that fail are not tried on this machine: ${missing}`, () => {
    process.stderr.write(`No disk that fails here: ${missing}\n`);
  });
else {
  const folder = emptyFolder();
  let disk: FaultyDisk;
  beforeAll(async () => {
    disk = await faultyDisk(folder.path);
  });
  afterAll(async () => {
    await disk[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  const episode = (kind: Fault["kind"], seed: number, lives: number): Promise<Episode> =>
    runEpisode({
      seed,
      disk,
      forgetsPipe: LOSES_POWER.has(kind),
      deaths: (random) => diskDeaths(kind, lives, random),
    });

  describe("a disk that is", () => {
    for (const kind of ["full", "half", "elsewhere", "broken", "slow", "torn"] as const)
      test(
        `${kind} for a moment (SEED=${SEED})`,
        async () => expect((await episode(kind, SEED, FAULT_LIVES)).wrong).toEqual([]),
        TIMEOUT_MS,
      );
  });

  let cuts = 0;
  for (let number = 1; number <= CUT_EPISODES; number += 1)
    test(
      `power cuts (SEED=${SEED}, ${number})`,
      async () => {
        const { wrong, kills } = await episode("power cut", SEED + number, CUT_LIVES);
        expect(wrong).toEqual([]);
        cuts += kills;
      },
      TIMEOUT_MS,
    );

  test(`at least ${LEAST_CUTS} cuts`, () => expect(cuts).toBeGreaterThanOrEqual(LEAST_CUTS));

  for (const kind of LOSES_POWER)
    test(
      `it is found out where a sync keeps nothing (${kind})`,
      async () => {
        using place = emptyFolder();
        await using forgetful = await faultyDisk(place.path);
        forgetful.forgetSyncs();
        const { wrong } = await runEpisode({
          seed: SEED,
          disk: forgetful,
          forgetsPipe: true,
          deaths: (random) => diskDeaths(kind, CUT_LIVES, random),
        });
        expect(wrong).not.toEqual([]);
      },
      TIMEOUT_MS,
    );
}

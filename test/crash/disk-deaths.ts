/** Lives that end by their disk, each at another of the changes that a life makes to it. */

import type { Fault } from "../services/fuse/faulty-disk.ts";
import type { Death, Random } from "./episode.ts";

/** About as many as a life of test/crash makes. */
const CHANGES_A_LIFE = 260;
export const DISK_FAULTS = ["power cut", "slow", "torn", "full", "half", "elsewhere", "broken"] as const;
/** After these, what the pipe gave and no batch has planned may be gone. */
export const LOSES_POWER: ReadonlySet<Fault["kind"]> = new Set(["power cut", "slow"]);
const MAX_IN_A_ROW = 4;
const MAX_SLOW_SYNCS = 12;

export function* diskDeaths(kind: Fault["kind"], lives: number, random: Random): Generator<Death> {
  for (let life = 0; life < lives; life += 1)
    yield {
      fault: {
        kind,
        after: random(CHANGES_A_LIFE),
        lasts: 1 + random(kind === "slow" ? MAX_SLOW_SYNCS : MAX_IN_A_ROW),
        seed: 1 + random(1_000_000_000),
      },
    };
}

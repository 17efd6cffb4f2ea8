/** Lives that end by their disk, each at another of the changes that a life makes to it. */

import type { Fault } from "../services/fuse/faulty-disk.ts";
import type { Death, Random } from "./episode.ts";

/** About as many as a life of test/crash makes. */
const CHANGES_A_LIFE = 260;
const MAX_IN_A_ROW = 4;

export function* diskDeaths(kind: Fault["kind"], lives: number, random: Random): Generator<Death> {
  for (let life = 0; life < lives; life += 1)
    yield {
      fault: {
        kind,
        after: random(CHANGES_A_LIFE),
        lasts: 1 + random(MAX_IN_A_ROW),
        seed: 1 + random(1_000_000_000),
      },
    };
}

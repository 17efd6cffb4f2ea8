/** npm run torture -- --disk: lives on a disk that fails, with the seed that repeats a failure. */

import { faultyDisk } from "../services/fuse/faulty-disk.ts";
import { emptyFolder } from "../support/binary.ts";
import { DISK_FAULTS, diskDeaths, LOSES_POWER } from "./disk-deaths.ts";
import { runEpisode } from "./episode.ts";
import { tortureFlags } from "./flags.ts";

const LIVES = 10;

const { kills: wanted, seed: firstSeed } = tortureFlags(2000);
using folder = emptyFolder();
await using disk = await faultyDisk(folder.path);
let lives = 0;
let rows = 0;
for (let seed = firstSeed; lives < wanted; seed += 1) {
  const kind = DISK_FAULTS[seed % DISK_FAULTS.length] ?? "broken";
  const livesNow = Math.min(LIVES, wanted - lives);
  const episode = await runEpisode({
    seed,
    disk,
    forgetsPipe: LOSES_POWER.has(kind),
    deaths: (random) => diskDeaths(kind, livesNow, random),
  });
  lives += livesNow;
  rows += episode.rows;
  process.stdout.write(`${lives} of ${wanted} lives, seed ${seed}, ${kind}, ${rows} rows\n`);
  if (episode.wrong.length === 0) continue;
  process.stdout.write(`WRONG with seed ${seed}:\n${episode.wrong.join("\n")}\n`);
  process.stdout.write(`To repeat it: npm run torture -- --disk --kills ${livesNow} --seed ${seed}\n`);
  process.exitCode = 1;
  break;
}

/** npm run torture -- --iceberg: kills on the way into Iceberg tables, with the seed that repeats one. */

import { tortureFlags } from "./flags.ts";
import { anyIcebergDeaths, runIcebergEpisode } from "./iceberg-episode.ts";

const MAX_LIVES = 25;

const { kills: wanted, seed: firstSeed } = tortureFlags(300);
let seed = firstSeed;
let kills = 0;

say(`${wanted} kills from seed ${seed}`);
while (kills < wanted) {
  const lives = Math.min(MAX_LIVES, wanted - kills);
  const episode = await runIcebergEpisode({ seed, deaths: (random) => anyIcebergDeaths(lives, random) });
  kills += episode.kills;
  say(`${kills} of ${wanted} kills, seed ${seed}`);
  if (episode.wrong.length > 0) {
    say(`WRONG with seed ${seed}:\n${episode.wrong.join("\n")}`);
    say(`To repeat it: npm run torture -- --iceberg --kills ${lives} --seed ${seed}`);
    process.exit(1);
  }
  seed += 1;
}
say(`${kills} kills, seeds ${firstSeed} to ${seed - 1}: every table held the batch answer of DuckDB as a
multiset, and no file that no snapshot names`);
process.exit(0);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

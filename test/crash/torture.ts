/** npm run torture: kills and restarts for as long as one likes, with the seed that repeats a failure. */

import { anyDeaths, runEpisode } from "./episode.ts";
import { tortureFlags } from "./flags.ts";

const MAX_LIVES = 31;

const { kills: wanted, seed: firstSeed } = tortureFlags(1000);
let seed = firstSeed;
const startedMs = performance.now();
let kills = 0;
let lives = 0;
let rows = 0;

say(`${wanted} kills from seed ${seed}`);
while (kills < wanted) {
  const livesNow = Math.min(MAX_LIVES, wanted - kills);
  const episode = await runEpisode({ seed, deaths: (random) => anyDeaths(livesNow, random) });
  kills += episode.kills;
  lives += livesNow + 1;
  rows += episode.rows;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  say(`${kills} of ${wanted} kills, seed ${seed}, ${rows} rows, ${seconds} s`);
  if (episode.wrong.length > 0) {
    say(`WRONG with seed ${seed}:\n${episode.wrong.join("\n")}`);
    say(`To repeat it: npm run torture -- --kills ${livesNow} --seed ${seed}`);
    process.exit(1);
  }
  seed += 1;
}
say(`${kills} kills in ${lives} lives, ${rows} rows, seeds ${firstSeed} to ${seed - 1}: every file and Parquet
sink held the batch answer of DuckDB as a multiset, nothing was lost from the spool, nothing left behind`);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** npm run torture -- --kafka: process and broker are killed as long as one likes; a seed repeats it. */

import { startKafka } from "../services/kafka.ts";
import { tortureFlags } from "./flags.ts";
import { anyKafkaDeaths, runKafkaEpisode } from "./kafka-episode.ts";

const MAX_LIVES = 30;
const BROKER_EVERY = 10;

const { kills: wanted, seed: firstSeed } = tortureFlags(300);
let seed = firstSeed;
const startedMs = performance.now();
let [kills, brokerKills, rows] = [0, 0, 0];

await using kafka = await startKafka();
say(`${wanted} kills from seed ${seed}`);
while (kills < wanted) {
  const lives = Math.min(MAX_LIVES, wanted - kills);
  const episode = await runKafkaEpisode({
    kafka,
    seed,
    deaths: (random) => anyKafkaDeaths(lives, BROKER_EVERY, random),
  });
  kills += episode.kills;
  brokerKills += episode.brokerKills;
  rows += episode.rows;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  say(`${kills} of ${wanted} kills, ${brokerKills} of the broker, seed ${seed}, ${rows} rows, ${seconds} s`);
  if (episode.wrong.length > 0) {
    say(`WRONG with seed ${seed}:\n${episode.wrong.join("\n")}`);
    say(`To repeat it: npm run torture -- --kafka --kills ${lives} --seed ${seed}`);
    process.exitCode = 1;
    break;
  }
  seed += 1;
}
if (process.exitCode === undefined)
  say(`Seeds ${firstSeed} to ${seed - 1}: every topic and Parquet table held the batch answer of DuckDB`);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** kill -9 of process and broker, from topic to topic and to Parquet: nothing lost, nothing twice. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { KAFKA_FAILPOINTS } from "../../src/base/failpoint.ts";
import { type KafkaService, startKafka } from "../services/kafka.ts";
import { anyKafkaDeaths, type KafkaDeath, runKafkaEpisode } from "./kafka-episode.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const EPISODES = 5;
const LIVES = 30;
const BROKER_EVERY = 10;
/** Of the lives some come to their end: a failpoint may be passed less often than its death asks for. */
const LEAST_KILLS = 100;
const LEAST_BROKER_KILLS = 10;
const TIMEOUT_MS = 300_000;

let kafka: KafkaService;
let kills = 0;
let brokerKills = 0;

beforeAll(async () => {
  kafka = await startKafka();
});
afterAll(async () => {
  await kafka[Symbol.asyncDispose]();
});

test(
  "killed at each of Kafka's failpoints, in both sinks' batches",
  async () => {
    const deaths = [1, 2].flatMap((times) =>
      KAFKA_FAILPOINTS.map((failpoint): KafkaDeath => ({ failpoint: `${failpoint}:${times}` })),
    );
    const episode = await runKafkaEpisode({ kafka, seed: SEED, deaths: () => deaths });
    expect(episode).toMatchObject({ wrong: [], survived: [] });
    expect(episode.kills).toBe(deaths.length);
    kills += episode.kills;
  },
  TIMEOUT_MS,
);

for (let number = 1; number <= EPISODES; number += 1) {
  const seed = SEED + number;
  test(
    `killed anywhere, and the broker too (npm run torture -- --kafka --kills ${LIVES} --seed ${seed})`,
    async () => {
      const episode = await runKafkaEpisode({
        kafka,
        seed,
        deaths: (random) => anyKafkaDeaths(LIVES, BROKER_EVERY, random),
      });
      expect(episode.wrong).toEqual([]);
      kills += episode.kills;
      brokerKills += episode.brokerKills;
    },
    TIMEOUT_MS,
  );
}

test(`at least ${LEAST_KILLS} kills, and ${LEAST_BROKER_KILLS} of the broker`, () => {
  expect(kills).toBeGreaterThanOrEqual(LEAST_KILLS);
  expect(brokerKills).toBeGreaterThanOrEqual(LEAST_BROKER_KILLS);
});

describe("it is found out", () => {
  const deaths: KafkaDeath[] = [{ failpoint: "kafka-committed" }, { failpoint: "kafka-committed:3" }];

  test(
    "that a record is there twice",
    async () => {
      const { wrong } = await runKafkaEpisode({
        kafka,
        seed: SEED,
        deaths: () => deaths,
        meddle: async (life, topics) => {
          const [first] = life === 0 ? await kafka.judge.read(topics.of("picked")) : [];
          if (first !== undefined)
            await kafka.judge.produce(topics.of("picked"), [{ value: first.value, key: first.key }]);
        },
      });
      expect(wrong.join("\n")).toContain("topic of picked");
    },
    TIMEOUT_MS,
  );

  test(
    "that the checkpoint is a new one",
    async () => {
      const { wrong } = await runKafkaEpisode({
        kafka,
        seed: SEED,
        deaths: () => deaths,
        meddle: (life, _topics, folder) => {
          if (life === 0) rmSync(join(folder, "state"), { recursive: true });
        },
      });
      expect(wrong.join("\n")).toContain("topic of picked");
    },
    TIMEOUT_MS,
  );
});

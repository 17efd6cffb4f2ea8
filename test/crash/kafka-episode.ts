/**
 * Topic to topic and topic to Parquet in one job, whose process and whose broker are killed as often as they
 * are told, while a producer goes on. At the end Kafka's own reader, of committed records, and a reader of
 * Parquet must find what DuckDB says of the input topic as a whole.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { FAILPOINTS, KAFKA_FAILPOINTS } from "../../src/base/failpoint.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { id, sql, stringStruct } from "../../src/duckdb/sql.ts";
import { WINDOW_MACROS } from "../../src/sql/window-macros.ts";
import { answersOf, difference } from "../equation/answers.ts";
import type { QuerySpec } from "../equation/streaming.ts";
import type { KafkaService } from "../services/kafka.ts";
import { bytesOf } from "../services/kafka-judge.ts";
import { parquetRows } from "../support/warehouse.ts";
import { linesFrom } from "./crash-job.ts";
import { type Life, type Random, randomBelow, spawned } from "./episode.ts";
import { limited } from "./limited.ts";

/** At a failpoint as `name:times`, so many milliseconds after the start, or that after the broker's death. */
export type KafkaDeath =
  | { readonly failpoint: string }
  | { readonly afterMs: number }
  | { readonly brokerAfterMs: number; readonly processAfterMs: number };

export interface KafkaEpisode {
  readonly kills: number;
  readonly brokerKills: number;
  /** Failpoints that were not passed so often. */
  readonly survived: readonly string[];
  readonly rows: number;
  /** Empty where every topic and table has the batch answer. */
  readonly wrong: readonly string[];
}

export interface KafkaEpisodeOptions {
  readonly kafka: KafkaService;
  readonly seed: number;
  readonly deaths: (random: Random) => Iterable<KafkaDeath>;
  /** A fault of the test's own between two lives, which must be found out. */
  readonly meddle?: (life: number, topics: Topics, folder: string) => Promise<void> | void;
}

const PARTITIONS = 3;
const LINES_A_LIFE = 90;
const MAX_PASSES = 2;
const SCHEMA = { id: "BIGINT", ts: "TIMESTAMP", k: "VARCHAR", v: "BIGINT" };

const QUERIES: Readonly<Record<string, QuerySpec>> = {
  picked: { sql: "SELECT id, k, v * 2 AS v FROM ticks WHERE v % 5 > 0" },
  sums: {
    sql: `SELECT k, window_start, count(*) AS n, sum(v)::BIGINT AS v
      FROM tumble(ticks, ts, INTERVAL 5 SECOND) GROUP BY ALL`,
  },
};

/** What a topic's batch passes; those of a spool it does not. */
const PASSED = [
  ...KAFKA_FAILPOINTS,
  ...KAFKA_FAILPOINTS,
  ...FAILPOINTS.filter((name) => /^(plan|source|batch|query|sink|commit|parquet|file-w)/.test(name)),
];

/** Every `brokerEvery`th life the broker dies too; of the others half at a failpoint, half at any moment. */
export function* anyKafkaDeaths(lives: number, brokerEvery: number, random: Random): Generator<KafkaDeath> {
  for (let life = 0; life < lives; life += 1) {
    if (life % brokerEvery === brokerEvery - 1)
      yield { brokerAfterMs: 300 + random(700), processAfterMs: random(4500) };
    else if (random(2) === 0)
      yield { failpoint: `${PASSED[random(PASSED.length)]}:${1 + random(MAX_PASSES)}` };
    else yield { afterMs: 250 + random(700) };
  }
}

interface Topics {
  readonly input: string;
  readonly of: (query: string) => string;
}

let episodes = 0;

export async function runKafkaEpisode(options: KafkaEpisodeOptions): Promise<KafkaEpisode> {
  const { kafka, seed, deaths, meddle } = options;
  const folder = mkdtempSync(join(tmpdir(), "streamkit-kafka-crash-"));
  episodes += 1;
  const name = `torture_${seed}_${episodes}`;
  const topics: Topics = { input: `${name}_in`, of: (query) => `${name}_${query}` };
  const random = randomBelow(seed);
  const wrong: string[] = [];
  const survived: string[] = [];
  let [kills, brokerKills, rows, life] = [0, 0, 0, -1];
  const produce = (): Promise<number> => {
    const lines = linesFrom(rows + 1, LINES_A_LIFE, random);
    rows += lines.length;
    return kafka.judge.produce(
      topics.input,
      lines.map((value) => ({ value, key: (JSON.parse(value) as { k: string }).k })),
    );
  };
  try {
    for (const topic of [topics.input, ...Object.keys(QUERIES).map(topics.of)])
      await kafka.createTopic(topic, { partitions: PARTITIONS });
    await Bun.write(join(folder, "job.yaml"), jobText(name, topics, kafka.brokers));
    for (const death of deaths(random)) {
      life += 1;
      // Half is there before the life, half comes while it runs.
      await produce();
      const producing = produce();
      const { wasKilled, code, stderr } = await live(folder, kafka, death);
      await producing;
      if ("brokerAfterMs" in death) brokerKills += 1;
      if (wasKilled) kills += 1;
      else if (code === 0 && "failpoint" in death) survived.push(death.failpoint);
      else wrong.push(`life ${life} (${JSON.stringify(death)}) ended with ${code}: ${stderr}`);
      if (wrong.length > 0) return { kills, brokerKills, survived, rows, wrong };
      await meddle?.(life, topics, folder);
    }
    const last = await limited(await spawned(folder, ["--once"], {}, "pipe"));
    if (last.code !== 0) wrong.push(`the last life ended with ${last.code}: ${last.stderr}`);
    else wrong.push(...(await wrongInTopics(folder, kafka, topics)));
    return { kills, brokerKills, survived, rows, wrong };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function jobText(name: string, topics: Topics, brokers: string): string {
  return stringify({
    name,
    checkpoint: "state",
    batch: "50ms",
    sources: {
      ticks: { from: { kafka: { brokers, topics: topics.input } }, schema: SCHEMA, watermark: "60s" },
    },
    queries: QUERIES,
    sinks: Object.keys(QUERIES).flatMap((query) => [
      { from: query, kafka: { brokers, topic: topics.of(query), key: "k" } },
      { from: query, parquet: { warehouse: "wh", table: query } },
    ]),
  });
}

async function live(folder: string, kafka: KafkaService, death: KafkaDeath): Promise<Life> {
  if ("failpoint" in death) {
    const env = { STREAMKIT_FAILPOINT: death.failpoint };
    return limited(await spawned(folder, ["--available-now"], env, "pipe"));
  }
  const child = await spawned(folder, [], {}, "pipe");
  const ended = limited(child);
  if ("afterMs" in death) await Bun.sleep(death.afterMs);
  else {
    await Bun.sleep(death.brokerAfterMs);
    await kafka.kill();
    const restarted = kafka.start();
    await Bun.sleep(death.processAfterMs);
    child.kill("SIGKILL");
    await restarted;
  }
  child.kill("SIGKILL");
  return ended;
}

async function wrongInTopics(folder: string, kafka: KafkaService, topics: Topics): Promise<string[]> {
  const read = async (topic: string): Promise<string[]> =>
    (await kafka.judge.read(topic)).map(({ value }) => bytesOf(value)?.toString() ?? "null");
  const input = join(folder, "input.ndjson");
  await Bun.write(input, (await read(topics.input)).map((line) => `${line}\n`).join(""));
  const database = await openDatabase({ threads: 1 });
  const wrong: string[] = [];
  try {
    await database.run(WINDOW_MACROS);
    await database.run(sql`CREATE TABLE ${id("ticks")} AS
      FROM read_json(${input}, format = 'newline_delimited',
        columns = ${stringStruct(Object.entries(SCHEMA))})`);
    for (const [name, answer] of await answersOf(database, QUERIES)) {
      const inTopic = difference(await read(topics.of(name)), answer);
      if (inTopic !== undefined) wrong.push(`topic of ${name}: ${inTopic}`);
      const stored = (await parquetRows(join(folder, "wh", name))).map((row) => JSON.stringify(row));
      const inParquet = difference(stored, answer);
      if (inParquet !== undefined) wrong.push(`Parquet of ${name}: ${inParquet}`);
    }
  } finally {
    database.close();
  }
  return wrong;
}

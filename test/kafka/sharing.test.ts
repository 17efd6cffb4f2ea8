/**
 * Several processes share the partitions of a topic: however many there are, and whichever dies or joins, the
 * rows that come out are those of the batch query.
 */

import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { bytesOf } from "../services/kafka-judge.ts";
import { emptyFolder } from "../support/binary.ts";
import { multiset, output, type Running, rowsOf, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { batchAnswer } from "./batch-answer.ts";

const PARTITIONS = 6;
const CHUNKS = 8;
const CHUNK = 4000;
const COLUMNS = { ts: "TIMESTAMP", symbol: "VARCHAR", price: "DOUBLE", volume: "BIGINT" };
const SCHEMA = Object.entries(COLUMNS)
  .map((column) => column.join(" "))
  .join(", ");
const SQL = `SELECT symbol, window_start, max(price) AS high, sum(volume)::BIGINT AS volume,
    count(*) AS quotes FROM tumble(STREAM, ts, INTERVAL 1 SECOND) GROUP BY ALL`;

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
}, 60_000);

/** One chunk of a stream of quotes; they follow each other in time. */
function chunk(number: number): string[] {
  const from = new Date(Date.UTC(2026, 0, 5) + number * CHUNK * 10).toISOString();
  const counts = ["--rate", "0", "--count", String(CHUNK), "--seed", String(number), "--symbols", "24"];
  return ["simulate", "quotes", ...counts, "--start", from, "--step", "10ms"];
}

interface Group {
  readonly folder: string;
  readonly topic: string;
  start(): Promise<Running>;
  feed(number: number): Promise<void>;
}

async function group(folder: string, name: string): Promise<Group> {
  const [topic, results] = [`shared-${name}`, `shared-${name}-out`];
  await kafka.createTopic(topic, { partitions: PARTITIONS });
  await kafka.createTopic(results, { partitions: 2 });
  const from = { kafka: { brokers: kafka.brokers, topics: topic, group: name, share: "symbol" } };
  const job = {
    name,
    batch: "100ms",
    checkpoint: "./state",
    sources: { ticks: { from, schema: COLUMNS } },
    queries: { high: SQL.replace("STREAM", "ticks") },
    sinks: [
      { from: "high", to: "file:out.ndjson" },
      { from: "high", kafka: { brokers: kafka.brokers, topic: results, key: "symbol" } },
    ],
  };
  writeFileSync(join(folder, "job.json"), JSON.stringify(job));
  return {
    folder,
    topic,
    start: () => start(["process", "job.json"], { cwd: folder }),
    async feed(number) {
      await output([...chunk(number), "--out", `kafka://${kafka.brokers}/${topic}`]);
    },
  };
}

/** Ends the input, and compares what all shards have written with the answer over the whole input. */
async function expectBatchAnswer({ folder, topic }: Group): Promise<void> {
  const ended = await streamkit(["process", "job.json", "--once"], { cwd: folder });
  expect({ code: ended.code, words: ended.stderr }).toMatchObject({ code: 0 });
  const chunks = [];
  for (let number = 0; number < CHUNKS; number += 1) chunks.push(await output(chunk(number)));
  const lines = chunks.join("");
  const sql = SQL.replace("STREAM", "input");
  const expected = await batchAnswer(folder, { lines, schema: SCHEMA, sql });
  const files = readdirSync(folder).filter((name) => /^out\.\d+\.ndjson$/.test(name));
  expect(files).toHaveLength(PARTITIONS);
  const written = files.flatMap((name) => rowsOf(readFileSync(join(folder, name), "utf8")));
  expect(multiset(written)).toEqual(expected);
  const records = await kafka.judge.read(`${topic}-out`);
  expect(multiset(records.map(({ value }) => JSON.parse(String(bytesOf(value))) as unknown))).toEqual(
    expected,
  );
}

/** Where the group has committed all that there is. */
async function caughtUp({ topic }: Group, name: string): Promise<void> {
  await until("the group has read everything", async () => {
    const ends = await kafka.judge.listOffsets(topic);
    const offsets = (await kafka.judge.groupOffsets(name)).filter((found) => found.topic === topic);
    return Object.entries(ends).every(
      ([partition, end]) =>
        end === 0 || offsets.some((at) => at.partition === Number(partition) && at.offset === end),
    );
  });
}

describe("the answer of the batch query", () => {
  for (const processes of [1, 2, 3])
    test(`comes from ${processes} at once`, async () => {
      using folder = emptyFolder();
      const name = `together${processes}`;
      const shared = await group(folder.path, name);
      const running: Running[] = [];
      try {
        for (let started = 0; started < processes; started += 1) running.push(await shared.start());
        for (let number = 0; number < CHUNKS; number += 1) await shared.feed(number);
        await caughtUp(shared, name);
        for (const process of running) process.kill("SIGTERM");
        for (const process of running) expect((await process.finished()).code).toBe(143);
      } finally {
        for (const process of running) await process[Symbol.asyncDispose]();
      }
      await expectBatchAnswer(shared);
    }, 120_000);

  test("comes also where one is killed, one joins and one leaves in the middle", async () => {
    using folder = emptyFolder();
    const name = "changing";
    const shared = await group(folder.path, name);
    await using first = await shared.start();
    await using second = await shared.start();
    for (let number = 0; number < 3; number += 1) await shared.feed(number);
    await using third = await shared.start();
    await shared.feed(3);
    first.kill("SIGKILL");
    for (let number = 4; number < 6; number += 1) await shared.feed(number);
    second.kill("SIGTERM");
    for (let number = 6; number < CHUNKS; number += 1) await shared.feed(number);
    await caughtUp(shared, name);
    third.kill("SIGTERM");
    expect((await third.finished()).code).toBe(143);
    await expectBatchAnswer(shared);
  }, 180_000);
});

test("a shared source needs a checkpoint that all reach", async () => {
  using folder = emptyFolder();
  const shared = await group(folder.path, "nowhere");
  const job = JSON.parse(readFileSync(join(folder.path, "job.json"), "utf8")) as Record<string, unknown>;
  writeFileSync(join(folder.path, "job.json"), JSON.stringify({ ...job, checkpoint: undefined }));
  const { code, stderr } = await streamkit(["process", "job.json"], { cwd: shared.folder });
  expect(code).toBe(2);
  expect(stderr).toContain("needs a checkpoint that all processes reach");
}, 60_000);

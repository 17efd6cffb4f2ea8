/** Limits of the source: records by rate and by partition, bytes it holds, and what is there now. */

import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { connectConsumer } from "../../src/kafka/client.ts";
import type { ConnectionOptions } from "../../src/kafka/options.ts";
import { openReader, type Start } from "../../src/kafka/reader.ts";
import { kafkaKind } from "../../src/sources/kafka.ts";
import type { KafkaPosition } from "../../src/sources/kafka-position.ts";
import type { Limit, Range, Source } from "../../src/sources/source.ts";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { emptyFolder } from "../support/binary.ts";
import { multiset, output, rowsOf } from "../support/running.ts";
import { until } from "../support/until.ts";
import { batchAnswer } from "./batch-answer.ts";
import { CANDLES, QUOTE_SCHEMA, rowsAt, writeJob } from "./source-runs.ts";

const START_MS = Date.UTC(2026, 0, 5, 14, 30);
const ALL: Limit = { maxBytes: 2 ** 20, maxLines: Number.POSITIVE_INFINITY };

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
}, 60_000);

async function topicOf(topic: string, records: number, partitions: number): Promise<void> {
  await kafka.createTopic(topic, { partitions });
  await kafka.judge.produce(
    topic,
    Array.from({ length: records }, (_, n) => ({ value: `{"n":${n}}`, partition: n % partitions })),
  );
}

interface Opened extends AsyncDisposable {
  readonly source: Source;
  /** What the next range takes of each partition; nothing where there is none. */
  take(limit?: Limit): Promise<readonly number[]>;
  passMs(durationMs: number): void;
}

/** The source on a clock that stands still. */
async function opened(options: Readonly<Record<string, unknown>>): Promise<Opened> {
  const folder = emptyFolder();
  let elapsedMs = 0;
  const source = await kafkaKind.open(kafkaKind.options.parse({ brokers: kafka.brokers, ...options }), {
    name: "ticks",
    job: "limits",
    format: { name: "json", blank: "record" },
    timeColumn: "ts",
    clock: { ...systemClock, monotonicMs: () => elapsedMs },
    committed: undefined,
    isDurable: false,
    segmentFolder: folder.path,
    baseFolder: folder.path,
    maxSegmentBytes: ALL.maxBytes,
    isBounded: false,
    hasHeader: false,
    delimiter: ",",
    freshSeed: () => 1,
    notify: () => undefined,
    isOwn: () => false,
  });
  const commit = async (range: Range): Promise<readonly number[]> => {
    await source.read(range);
    await source.commit(range);
    const [from, to] = [range.from, range.to] as unknown as [KafkaPosition, KafkaPosition];
    return Object.entries(to.next).map(([name, next]) => next - (from.next[name] ?? 0));
  };
  return {
    source,
    async take(limit = ALL) {
      const range = await source.plan(limit);
      return range === undefined ? [] : commit(range);
    },
    passMs(durationMs) {
      elapsedMs += durationMs;
    },
    async [Symbol.asyncDispose]() {
      await source.close();
      folder[Symbol.dispose]();
    },
  };
}

test("partition_rate: each partition gives what its time allows, a second's worth at most", async () => {
  await topicOf("limits-partition", 3000, 3);
  await using found = await opened({ topics: "limits-partition", partition_rate: 20 });
  expect(await found.take()).toEqual([]);
  // In small steps, until something has come of each.
  const sums = [0, 0, 0];
  let steps = 0;
  await until("records of all partitions", async () => {
    found.passMs(50);
    steps += 1;
    (await found.take()).forEach((records, index) => {
      sums[index] = (sums[index] ?? 0) + records;
    });
    return sums.every((sum) => sum > 0);
  });
  for (const sum of sums) expect(sum).toBeLessThanOrEqual(steps);
  found.passMs(5000);
  expect(await found.take()).toEqual([20, 20, 20]);
  expect(await found.take()).toEqual([]);
  for (let step = 0; step < 3; step += 1) {
    found.passMs(250);
    expect(await found.take()).toEqual([5, 5, 5]);
  }
  expect(found.source.hasBacklog()).toBe(false);
}, 60_000);

test("a limit of lines is shared by the partitions, and all together keep it", async () => {
  await topicOf("limits-lines", 300, 3);
  await using found = await opened({ topics: "limits-lines" });
  const sums = [0, 0, 0];
  await until("all records", async () => {
    const taken = await found.take({ ...ALL, maxLines: 7 });
    expect(taken.reduce((sum, records) => sum + records, 0)).toBeLessThanOrEqual(7);
    taken.forEach((records, index) => {
      sums[index] = (sums[index] ?? 0) + records;
    });
    return sums.every((sum) => sum === 100);
  });
}, 60_000);

test("rate: no batch has more than a second's worth, however much waits", async () => {
  using folder = emptyFolder();
  await topicOf("limits-rate", 1500, 2);
  const file = writeJob(folder.path, {
    from: `"kafka://${kafka.brokers}/limits-rate"`,
    source: "    rate: 400\n",
    schema: "{ n: BIGINT }",
    sql: "SELECT n FROM quotes",
  });
  const rows = rowsOf<{ batch: number }>(await output(["process", file, "--once", "--quiet"]));
  expect(rows.length).toBe(1500);
  const sizes = new Map<number, number>();
  for (const { batch } of rows) sizes.set(batch, (sizes.get(batch) ?? 0) + 1);
  expect(Math.max(...sizes.values())).toBeLessThanOrEqual(400);
}, 60_000);

test("what is held stays below its bound, and a partition found meanwhile holds up none", async () => {
  const topic = "limits-bytes";
  const maxBufferedBytes = 64 * 1024;
  await kafka.createTopic(topic, { partitions: 3 });
  const filler = "x".repeat(1000);
  await kafka.judge.produce(
    topic,
    Array.from({ length: 600 }, (_, n) => ({ value: `{"n":${n},"f":"${filler}"}`, partition: n % 3 })),
  );
  let skippedMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + skippedMs };
  const connection = kafkaKind.options.parse({ brokers: kafka.brokers, topics: topic }) as ConnectionOptions;
  const connected = await connectConsumer(
    { connection, baseFolder: ".", clock },
    {
      "group.id": "limits",
      "enable.partition.eof": true,
      "fetch.wait.max.ms": 10,
      "fetch.queue.backoff.ms": 2,
    },
  );
  const startOf = (partition: number): Start => ({
    topic,
    partition,
    next: 0,
    stopAt: undefined,
    topicId: undefined,
  });
  const reader = await openReader([startOf(0), startOf(1)], {
    connected,
    clock,
    maxBufferedBytes,
    onGap: "fail",
    notify: () => undefined,
    discover: async (read) => ({ starts: read.length < 3 ? [startOf(2)] : [], topics: new Set([topic]) }),
  });
  const form = { framing: "json", attributes: [], tombstones: "skip", maxBytes: maxBufferedBytes } as const;
  const numbers: number[] = [];
  let most = 0;
  await until("all records", async () => {
    most = Math.max(most, reader.bufferedBytes());
    const taken = await reader.take(form, () => 20);
    numbers.push(...rowsOf<{ n: number }>(String(taken?.bytes ?? "")).map(({ n }) => n));
    // Others wait then, paused, as there is no room.
    if (numbers.length >= 100) skippedMs = 10_000;
    return numbers.length === 600;
  });
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, n) => n));
  // It was full, and one batch of the client's goes over the bound at most.
  expect(most).toBeGreaterThan(maxBufferedBytes / 2);
  expect(most).toBeLessThan(2 * maxBufferedBytes);
  await reader.close();
  await connected.close();
}, 60_000);

test("--available-now, again and again, and --once at the end give the batch answer", async () => {
  using folder = emptyFolder();
  const topic = "limits-now";
  await kafka.createTopic(topic, { partitions: 3 });
  const lines: string[] = [];
  const more = async (count: number): Promise<void> => {
    const records = Array.from({ length: count }, (_, index) => {
      const n = lines.length + index;
      const ts = new Date(START_MS + 40 * n).toISOString().slice(0, -1);
      const value = JSON.stringify({ n, symbol: `S${n % 3}`, price: n / 8, ts });
      return { value, partition: n % 3 };
    });
    await kafka.judge.produce(topic, records);
    lines.push(...records.map(({ value }) => value));
  };
  const file = writeJob(folder.path, {
    from: `"kafka://${kafka.brokers}/${topic}"`,
    head: "checkpoint: ./state\n",
    source: "    time: ts\n",
    schema: QUOTE_SCHEMA,
    sql: CANDLES,
    sinks: '  - { from: out, to: "file:out.ndjson" }\n  - { from: late, to: "file:late.ndjson" }',
  });
  const out = () => rowsAt(join(folder.path, "out.ndjson"));
  await output(["process", file, "--available-now", "--quiet"]);
  for (const count of [10, 200, 333]) {
    await more(count);
    await output(["process", file, "--available-now", "--quiet"]);
  }
  // Windows that are open wait in the checkpoint.
  const closed = out().length;
  expect(closed).toBeGreaterThan(0);
  await output(["process", file, "--once", "--quiet"]);
  expect(out().length).toBeGreaterThan(closed);
  const expected = await batchAnswer(folder.path, {
    lines: `${lines.join("\n")}\n`,
    schema: "n BIGINT, symbol VARCHAR, price DOUBLE, ts TIMESTAMP",
    sql: CANDLES.replace("quotes", "input"),
  });
  expect(multiset(out())).toEqual(expected);
  expect(rowsAt(join(folder.path, "late.ndjson"))).toEqual([]);
}, 90_000);

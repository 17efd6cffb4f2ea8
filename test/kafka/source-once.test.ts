/** What `process --once` reads of Kafka: all that is there, and what is broken by its offset. */

import { beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import type { NewRecord } from "../services/kafka-judge.ts";
import { bytesOf } from "../services/kafka-judge.ts";
import { emptyFolder } from "../support/binary.ts";
import { multiset, output } from "../support/running.ts";
import { CANDLES, printedRows, QUOTE_SCHEMA, rowsAt, writeJob } from "./source-runs.ts";

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
});

const START_MS = Date.UTC(2026, 0, 5, 14, 30);

/** Each symbol is in one partition; the first partition has most. */
function quotes(count: number): NewRecord[] {
  return Array.from({ length: count }, (_, n) => {
    const number = n % 10 < 7 ? 0 : (n % 3) + 1;
    const ts = new Date(START_MS + n).toISOString().slice(0, -1);
    const value = JSON.stringify({ n, symbol: `S${number}`, price: n / 8, ts });
    return { key: `S${number}`, partition: number, value, timestamp: START_MS + n };
  });
}

test("partitions of unlike size give the rows of a file, and nothing is late", async () => {
  using folder = emptyFolder();
  await kafka.createTopic("once-skew", { partitions: 5 });
  const records = quotes(40_000);
  await kafka.judge.produce("once-skew", records);
  writeFileSync(
    join(folder.path, "in.ndjson"),
    records.map(({ value }) => `${String(bytesOf(value))}\n`).join(""),
  );
  const job = { schema: QUOTE_SCHEMA, sql: CANDLES };
  const rows = async (from: string): Promise<string[]> => {
    const late = join(folder.path, "late.ndjson");
    const sinks = '  - { from: out, to: "-" }\n  - { from: late, to: "file:late.ndjson" }';
    const file = writeJob(folder.path, { ...job, from, sinks });
    const text = await output(["process", file, "--once", "--quiet"], { cwd: folder.path });
    expect(rowsAt(late)).toEqual([]);
    return multiset(printedRows(text));
  };
  const expected = await rows('"file:in.ndjson"');
  expect(expected.length).toBe(40 * 4);
  expect(await rows(`"kafka://${kafka.brokers}/once-skew"`)).toEqual(expected);
});

test("transactions: what is committed is read; marks and an open one do not hold the end", async () => {
  using folder = emptyFolder();
  const topic = "once-transactions";
  await kafka.createTopic(topic);
  const send = (from: number, outcome: "commit" | "abort" | "open") =>
    kafka.judge.produceInTransaction(
      topic,
      Array.from({ length: 3 }, (_, index) => ({ value: `{"n":${from + index}}` })),
      { id: topic, outcome },
    );
  await send(0, "commit");
  await send(3, "abort");
  await send(6, "commit");
  await send(9, "abort");
  const numbers = async (isolation: string): Promise<unknown[]> => {
    const from = `"kafka://${kafka.brokers}/${topic}?isolation=${isolation}"`;
    const file = writeJob(folder.path, { from, schema: "{ n: BIGINT }", sql: "SELECT n FROM quotes" });
    return printedRows(await output(["process", file, "--once", "--quiet"])).map(({ n }) => n);
  };
  const all = Array.from({ length: 12 }, (_, n) => n);
  const committed = [0, 1, 2, 6, 7, 8];
  expect(await numbers("read_committed")).toEqual(committed);
  expect(await numbers("read_uncommitted")).toEqual(all);
  await send(12, "open");
  expect(await numbers("read_committed")).toEqual(committed);
  await kafka.judge.endTransaction(topic, "abort");
});

test("attributes stand beside their record, broken ones between; a dead letter has its offset", async () => {
  using folder = emptyFolder();
  const topic = "once-attributes";
  await kafka.createTopic(topic);
  const key = 'a,"b"';
  const texts = ['{"n":1}', '{"n":', "", '{\n"n":\r\n2}', null, " ", '{"n":3}'];
  await kafka.judge.produce(topic, [
    ...texts.map((value, index) => ({
      value,
      key: [key, "", null, "line\nfeed"][index % 4] ?? null,
      timestamp: START_MS + index,
      headers: [["h", `"${index}"\n`]] as const,
    })),
    { value: { base64: "/wD+" }, key: null, timestamp: START_MS },
    { value: '{"n":4}', key: "last", timestamp: START_MS + 8 },
  ]);
  const from = (tombstones: string): string =>
    `{ kafka: { brokers: "${kafka.brokers}", topics: ${topic}, tombstones: ${tombstones}, attributes: ` +
    "{ key: k, timestamp: ts, topic: t, partition: p, offset: o, headers: h } } }";
  const run = async (tombstones: string): Promise<Record<string, unknown>[]> => {
    const file = writeJob(folder.path, {
      from: from(tombstones),
      schema: "{ n: BIGINT }",
      source: "    time: ts\n",
      sql: "SELECT n, k, epoch_ms(ts) AS ms, t, p, o, h FROM quotes",
      sinks: '  - { from: out, to: "-" }\n  - { from: dead_letters, to: "file:dead.ndjson" }',
    });
    return printedRows(await output(["process", file, "--once", "--quiet"], { cwd: folder.path }));
  };
  const row = (n: number | null, o: number, k: string | null): Record<string, unknown> => {
    const h = o > 6 ? [] : [{ name: "h", value: `"${o}"\n` }];
    return { n, k, ms: START_MS + o, t: topic, p: 0, o, h };
  };
  expect(await run("skip")).toEqual([
    row(1, 0, key),
    row(2, 3, "line\nfeed"),
    row(3, 6, null),
    row(4, 8, "last"),
  ]);
  const dead = rowsAt(join(folder.path, "dead.ndjson"));
  expect(dead.map((letter) => [letter["origin"], Number(letter["byte_offset"])])).toEqual(
    [1, 2, 5, 7].map((offset) => [`${topic}/0`, offset]),
  );
  expect((await run("keep")).map(({ n, o }) => [n, Number(o)])).toEqual([
    [1, 0],
    [2, 3],
    [null, 4],
    [3, 6],
    [4, 8],
  ]);
});

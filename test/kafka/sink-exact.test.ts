/** Keys, headers and times arrive as the query has them, and come back so. */

import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { bytesOf } from "../services/kafka-judge.ts";
import { emptyFolder } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";
import { sinkJob } from "./sink-job.ts";
import { rowsAt, writeJob } from "./source-runs.ts";

const TIMEOUT_MS = 90_000;

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
}, 60_000);

const TEXTS = ["\\x41", "\\x4", "\\xFF\\x00", "plain", "", " ", "ü€😀", "line\nfeed", "\\", '"q"'];

async function copied(topic: string, to: string): Promise<void> {
  using folder = emptyFolder();
  const bytes = (text: string) =>
    `CASE WHEN starts_with(${text}, '\\x') THEN ${text}::BLOB ELSE encode(${text}) END`;
  const file = writeJob(folder.path, {
    from:
      `{ kafka: { brokers: "${kafka.brokers}", topics: ${topic}, tombstones: keep, ` +
      "attributes: { key: k, headers: hs, timestamp: sent } } }",
    schema: "{ n: BIGINT }",
    sql:
      `SELECT n, ${bytes("k")} AS k, ${bytes("hs[1].value")} AS h, ` +
      "hs[2].value AS missing, sent FROM quotes",
    sinks:
      `  - { from: out, kafka: { brokers: "${kafka.brokers}", topic: ${to}, key: k, timestamp: sent, ` +
      "value: n, headers: { h: h, none: missing } } }",
  });
  const { code, stderr } = await streamkit(["process", file, "--once"], { cwd: folder.path });
  expect({ code, stderr }).toMatchObject({ code: 0 });
}

describe("a text is its own bytes", () => {
  test(
    "in keys and headers alike, whatever it looks like",
    async () => {
      using job = await sinkJob({ kafka: { key: "k", headers: { h: "k" }, value: "v" } });
      const rows = TEXTS.map((k, v) => ({ k, v, ts: "2026-01-05T14:30:00Z" }));
      expect(await job.once(rows)).toMatchObject({ code: 0 });
      const records = await kafka.judge.read(job.topic);
      expect(records.map(({ key }) => key)).toEqual(TEXTS);
      expect(records.map(({ headers }) => headers)).toEqual(TEXTS.map((text) => [["h", text]]));
    },
    TIMEOUT_MS,
  );

  test(
    "and a BLOB is its own: keys, headers and values",
    async () => {
      const bytes = "unhex('00ff5c78410a')";
      using job = await sinkJob({ kafka: { key: bytes, headers: { h: bytes }, value: bytes } });
      expect(await job.once([{ k: "a", v: 1, ts: "2026-01-05T14:30:00Z" }])).toMatchObject({ code: 0 });
      const [record] = await kafka.judge.read(job.topic);
      const found = [record?.key, record?.value, record?.headers[0]?.[1]].map((part) =>
        bytesOf(part ?? null)?.toString("hex"),
      );
      expect(found).toEqual(["00ff5c78410a", "00ff5c78410a", "00ff5c78410a"]);
    },
    TIMEOUT_MS,
  );

  test(
    "a topic that is read and written again is the same",
    async () => {
      const [from, to] = [`exact-${process.pid}`, `exact-copy-${process.pid}`];
      for (const topic of [from, to]) await kafka.createTopic(topic);
      const odd = [...TEXTS, { base64: Buffer.from([255, 0, 10]).toString("base64") }];
      await kafka.judge.produce(
        from,
        odd.map((text, n) => ({
          key: text,
          value: `{"n":${n}}`,
          headers: [["h", text]],
          timestamp: n * 1000,
        })),
      );
      await copied(from, to);
      const parts = async (topic: string) =>
        (await kafka.judge.read(topic)).map(({ key, headers, timestamp }) => ({ key, headers, timestamp }));
      expect(await parts(to)).toEqual(await parts(from));
      using folder = emptyFolder();
      const file = writeJob(folder.path, {
        from:
          `{ kafka: { brokers: "${kafka.brokers}", topics: ${from}, ` +
          "attributes: { key: k, headers: hs } } }",
        schema: "{ n: BIGINT }",
        sql: "SELECT n, k, hs[1].value AS h FROM quotes",
        sinks: '  - { from: out, to: "file:out.ndjson" }',
      });
      expect(await streamkit(["process", file, "--once"], { cwd: folder.path })).toMatchObject({ code: 0 });
      const rows = rowsAt(join(folder.path, "out.ndjson"));
      const all = (name: string) => rows.map((row) => row[name]);
      expect(all("k")).toEqual(all("h"));
      expect(all("k")).toContain("line\nfeed");
    },
    TIMEOUT_MS,
  );
});

test(
  "times: 1970 itself, before it, and now",
  async () => {
    using job = await sinkJob({ kafka: { timestamp: "ts", value: "v" } });
    const times = ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59.998Z", "1960-02-29T12:00:00Z", null];
    expect(await job.once(times.map((ts, v) => ({ k: "a", v, ts })))).toMatchObject({ code: 0 });
    const found = (await kafka.judge.read(job.topic)).map(({ timestamp }) => timestamp);
    expect(found.slice(0, 3)).toEqual([0, -2, Date.parse("1960-02-29T12:00:00Z")]);
    expect(found[3]).toBeGreaterThan(Date.parse("2026-01-01T00:00:00Z"));
    using folder = emptyFolder();
    const file = writeJob(folder.path, {
      from:
        `{ kafka: { brokers: "${kafka.brokers}", topics: ${job.topic}, attributes: { timestamp: sent }, ` +
        'start: { timestamp: "1950-01-01T00:00:00Z" } } }',
      source: "    format: lines\n",
      sql: "SELECT sent FROM quotes WHERE sent < TIMESTAMP '2000-01-01'",
      sinks: '  - { from: out, to: "file:out.ndjson" }',
    });
    expect(await streamkit(["process", file, "--once"], { cwd: folder.path })).toMatchObject({ code: 0 });
    expect(rowsAt(join(folder.path, "out.ndjson")).map(({ sent }) => sent)).toEqual([
      "1970-01-01T00:00:00.000Z",
      "1969-12-31T23:59:59.998Z",
      "1960-02-29T12:00:00.000Z",
    ]);
  },
  TIMEOUT_MS,
);

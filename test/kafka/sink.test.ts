/** What the sink `kafka` writes: keys, partitions, headers, values, deletes, as the judge reads them. */

import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { streamkit } from "../support/running.ts";
import { type JobParts, type SinkJob, sinkJob } from "./sink-job.ts";

let kafka: KafkaService;

beforeAll(async () => {
  kafka = await sharedKafka();
});

async function written(job: SinkJob) {
  return kafka.judge.read(job.topic);
}

/** The records of a job that was given these rows, each list in a run of its own. */
async function recordsOf(parts: JobParts, ...runs: readonly (readonly unknown[])[]) {
  using job = await sinkJob(parts);
  for (const rows of runs) {
    const { code, stderr } = await job.once(rows);
    if (code !== 0) throw new Error(stderr);
  }
  return await written(job);
}

function objectOf(value: unknown): Record<string, unknown> {
  return JSON.parse(typeof value === "string" ? value : "null") as Record<string, unknown>;
}

/** In one line that names the place. */
async function expectRefused(job: SinkJob, key: string, line: RegExp, words: string): Promise<void> {
  const { code, stderr } = await streamkit(["check", job.file]);
  const number =
    1 +
    readFileSync(job.file, "utf8")
      .split("\n")
      .findIndex((text) => line.test(text));
  expect(stderr).toContain(`${job.file}:${number}:`);
  expect(stderr).toContain(` ${key}: `);
  expect(stderr).toContain(words);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(code).toBe(2);
}

const AT = "2026-01-05T14:30:00.123Z";

describe("a record's parts are SQL", () => {
  test("key, partition, timestamp, headers and value", async () => {
    const records = await recordsOf(
      {
        partitions: 4,
        kafka: {
          key: "k",
          partition: "CASE WHEN v < 4 THEN v END",
          timestamp: "ts",
          headers: { version: "'1'", double: "v * 2", "odd \"name'": "nullif(k, 'b')" },
          value: "upper(k) || '\n' || v",
        },
      },
      [
        { k: "a", v: 3, ts: AT },
        { k: "b", v: 0, ts: AT },
        { k: "c", v: 9, ts: null },
      ],
    );
    const before = Date.now();
    const byKey = new Map(records.map((record) => [record.key, record]));
    expect(byKey.get("a")).toMatchObject({
      partition: 3,
      timestamp: Date.parse(AT),
      value: "A\n3",
      headers: [
        ["version", "1"],
        ["double", "6"],
        ["odd \"name'", "a"],
      ],
    });
    expect(byKey.get("b")).toMatchObject({
      partition: 0,
      headers: [
        ["version", "1"],
        ["double", "0"],
      ],
    });
    const now = byKey.get("c")?.timestamp ?? 0;
    expect(now).toBeGreaterThan(before - 120_000);
    expect(now).toBeLessThanOrEqual(before);
    expect(records).toHaveLength(3);
  });

  test("a key chooses the partition as Kafka's own client would", async () => {
    const keys = Array.from({ length: 60 }, (_, index) => `key-${index}`);
    using job = await sinkJob({ partitions: 7, kafka: { key: "k" } });
    expect((await job.once(keys.map((k, v) => ({ k, v, ts: AT })))).code).toBe(0);
    const ours = new Map((await written(job)).map(({ key, partition }) => [key, partition]));
    await kafka.judge.produce(
      job.topic,
      keys.map((key) => ({ key, value: "judge" })),
    );
    const judged = (await written(job)).filter(({ value }) => value === "judge");
    expect(judged).toHaveLength(60);
    for (const { key, partition } of judged) expect(ours.get(key)).toBe(partition);
  });

  test("odd keys and values arrive as they are", async () => {
    const odd = ["", " ", "line\nfeed", "c\rr", "täglich ✓ 🚀", `"quoted" 'and' \\`, "\t", "\\x41", "[1,2]"];
    const records = await recordsOf({ kafka: { key: "k", value: "k", headers: { h: "k" } } }, [
      ...odd.map((k, v) => ({ k, v, ts: AT })),
      { k: null, v: 1, ts: AT },
    ]);
    expect(records.map(({ key }) => key)).toEqual([...odd, null]);
    expect(records.map(({ value }) => value)).toEqual([...odd, null]);
    const headers = records.map(({ headers: [first] }) => first?.[1]);
    expect(headers.toSpliced(7, 1)).toEqual([...odd.toSpliced(7, 1), undefined]);
  });
});

describe("values follow the contract", () => {
  test("append mode: bare rows, no key", async () => {
    const records = await recordsOf({}, [{ k: "a", v: 1, ts: AT }], [], [{ k: null, v: 2, ts: AT }]);
    expect(records.map(({ key, value }) => [key, value])).toEqual([
      [null, `{"k":"a","v":1,"ts":"${AT}"}`],
      [null, `{"k":null,"v":2,"ts":"${AT}"}`],
    ]);
  });

  const COUNTS = "SELECT k, count(*) AS n FROM rows GROUP BY k HAVING max(v) < 10";

  test("update mode: the row's key, `_op` and `_batch`; a delete is an object", async () => {
    const records = await recordsOf(
      { mode: "update", sql: COUNTS },
      [{ k: "a", v: 1, ts: AT }],
      [
        { k: "a", v: 2, ts: AT },
        { k: "ü", v: 1, ts: AT },
      ],
      [{ k: "a", v: 10, ts: AT }],
    );
    expect(records.filter(({ key }) => key === "ü")).toHaveLength(1);
    const values = records.map(({ value }) => objectOf(value));
    const a = values.filter(({ k }) => k === "a");
    expect(a.map(({ n, _op: op }) => [n, op]).slice(0, 2)).toEqual([
      [1, "upsert"],
      [2, "upsert"],
    ]);
    expect(a[2]?.["_op"]).toBe("delete");
    expect(a.every(({ _batch: batch }) => Number.isInteger(batch))).toBe(true);
    const batches = values.map(({ _batch: batch }) => Number(batch));
    expect(batches).toEqual(batches.toSorted((a, b) => a - b));
  });

  test("update mode: a delete is a tombstone where that is asked for", async () => {
    const records = await recordsOf(
      { mode: "update", sql: COUNTS, kafka: { deletes: "tombstone" } },
      [{ k: "a", v: 1, ts: AT }],
      [{ k: "a", v: 10, ts: AT }],
    );
    expect(records.map(({ key }) => key)).toEqual(["a", "a"]);
    expect(records[1]?.value).toBeNull();
  });

  test("several key columns are an object of JSON", async () => {
    const sql = "SELECT k, v, count(*) AS n FROM rows GROUP BY k, v";
    const records = await recordsOf({ mode: "update", sql }, [{ k: 'a"\n', v: 1, ts: AT }]);
    expect(objectOf(records[0]?.key)).toEqual({ k: 'a"\n', v: 1 });
  });

  test("complete mode: all rows each time", async () => {
    const sql = "SELECT k, count(*) AS n FROM rows GROUP BY k";
    const records = await recordsOf(
      { mode: "complete", sql },
      [{ k: "a", v: 1, ts: AT }],
      [{ k: "b", v: 1, ts: AT }],
    );
    const values = records.map(({ value }) => objectOf(value));
    expect(values.map(({ k, n, _op: op }) => [k, n, op])).toEqual([
      ["a", 1, "upsert"],
      ["a", 1, "upsert"],
      ["b", 1, "upsert"],
    ]);
  });
});

test("a batch of 300,000 rows is one transaction, in order", async () => {
  const sql = "SELECT v * 300000 + i AS n FROM rows, range(300000) AS many(i)";
  const records = await recordsOf({ sql, kafka: { value: "n" } }, [{ k: "a", v: 0, ts: AT }]);
  expect(records).toHaveLength(300_000);
  expect(records.every(({ value }, index) => value === String(index))).toBe(true);
});

test("without a checkpoint rows are written without transactions", async () => {
  using job = await sinkJob({ checkpoint: undefined });
  const { code } = await job.once([{ k: "a", v: 1, ts: AT }], { flags: ["--once"] });
  expect(code).toBe(0);
  expect(await written(job)).toHaveLength(1);
  const transactions = await kafka.judge.listTransactions();
  expect(transactions.filter(({ id }) => id.includes(job.topic))).toEqual([]);
  expect(await kafka.judge.groupOffsets(job.group)).toEqual([]);
});

describe("what is wrong is told", () => {
  for (const option of ["key", "partition", "timestamp", "value"])
    test(`check: SQL of ${option}, with file, line and key`, async () => {
      using job = await sinkJob({ kafka: { [option]: "nonsense + 1" } });
      await expectRefused(job, `sinks.0.kafka.${option}`, new RegExp(`^ +${option}: nonsense`), "nonsense");
    });

  test("check: SQL of a header, with file, line and key", async () => {
    using job = await sinkJob({ kafka: { headers: { fine: "k", h: "oops(" } } });
    await expectRefused(job, "sinks.0.kafka.headers.h", /^ +h: oops/, "syntax error");
  });

  test("check: SQL in a URL", async () => {
    using job = await sinkJob({ kafka: { key: "nonsense" } });
    const url = `to: kafka://${kafka.brokers}/${job.topic}?key=nonsense`;
    writeFileSync(job.file, readFileSync(job.file, "utf8").replace(/kafka:\n[\s\S]*$/, `${url}\n`));
    await expectRefused(job, "sinks.0.to", /^ +to: kafka/, "nonsense");
  });

  test("check: unknown options", async () => {
    using other = await sinkJob({ kafka: { keys: "k" } });
    const { code, stderr } = await streamkit(["check", other.file]);
    expect(code).toBe(2);
    expect(stderr).toContain("keys");
  });

  test("a topic that is not there", async () => {
    using job = await sinkJob();
    writeFileSync(job.file, readFileSync(job.file, "utf8").replace(`topic: ${job.topic}`, "topic: nowhere"));
    const { code, stderr } = await job.once([{ k: "a", v: 1, ts: AT }]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`has no topic "nowhere" to write to`);
    expect(await kafka.judge.listTopics()).not.toContain("nowhere");
  });

  test("SQL that fails at a row ends the job, and nothing of the batch is there", async () => {
    using job = await sinkJob({ kafka: { partition: "k" } });
    const { code, stderr } = await job.once([
      { k: "0", v: 1, ts: AT },
      { k: "no number", v: 1, ts: AT },
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("no number");
    expect(stderr).not.toContain("trying again");
    expect(await written(job)).toEqual([]);
  });

  test("a partition that is not there", async () => {
    using job = await sinkJob({ kafka: { partition: "7" } });
    const { code, stderr } = await job.once([{ k: "a", v: 1, ts: AT }]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/1 of 1 record were? not taken by the topic|1 of 1 record .*not taken/);
    expect(stderr).not.toContain("trying again");
  });

  for (const bytes of [200_000, 2_000_000])
    test(`a record of ${bytes} bytes where the topic takes fewer`, async () => {
      using job = await sinkJob({
        topicConfig: { "max.message.bytes": "100000" },
        kafka: { value: `k || repeat('x', ${bytes} * (v % 2))` },
      });
      const { code, stderr } = await job.once([
        { k: "a", v: 2, ts: AT },
        { k: "b", v: 1, ts: AT },
      ]);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/too large/i);
      expect(stderr).not.toContain("trying again");
      expect(await written(job)).toEqual([]);
    });
});

/** What a topic does not take: what never will be ends with one line, what may be is tried for so long. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type KafkaService, startKafka } from "../services/kafka.ts";
import { bytesOf, judgeOf } from "../services/kafka-judge.ts";
import { freePorts } from "../services/ports.ts";
import { start } from "../support/running.ts";
import { until } from "../support/until.ts";
import { type JobParts, type SinkJob, sinkJob } from "./sink-job.ts";

const TIMEOUT_MS = 120_000;
const AT = "2026-01-05T14:30:00Z";

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await startKafka();
}, 60_000);
afterAll(() => kafka[Symbol.asyncDispose]());

const row = (v: number, k: string | null = "a") => ({ k, v, ts: AT });

async function values(job: SinkJob): Promise<(string | undefined)[]> {
  return (await kafka.judge.read(job.topic)).map(({ value }) => bytesOf(value)?.toString());
}

interface Refused extends JobParts {
  readonly says: readonly string[];
}

const REFUSED: Readonly<Record<string, Refused>> = {
  "a time that lies too far ahead": {
    kafka: { timestamp: "ts + INTERVAL 300 YEAR" },
    says: ["Invalid timestamp", "2326-01-05T14:30:00.000Z", "window_start"],
  },
  "a time that the topic holds for too old": {
    topicConfig: { "message.timestamp.before.max.ms": "1000" },
    kafka: { timestamp: "ts - INTERVAL 30 YEAR" },
    says: ["Invalid timestamp", "1996-01-05T14:30:00.000Z", "message.timestamp.before.max.ms"],
  },
  "the millisecond before 1970, which is Kafka's word for none": {
    kafka: { timestamp: "TIMESTAMP '1969-12-31 23:59:59.999'" },
    says: ["Invalid timestamp", "1969-12-31T23:59:59.999Z"],
  },
  "no key, where a compacted topic needs one": {
    topicConfig: { "cleanup.policy": "compact" },
    kafka: { key: "NULL" },
    says: ["a compacted topic (cleanup.policy) takes no record without a key"],
  },
  "a partition below 0": {
    kafka: { partition: "-2" },
    says: ["the partition -2, which the topic does not have"],
  },
  "a value that is too large": {
    kafka: { key: "k", value: "repeat('x', 2000000)" },
    says: ['the key "a", 20000', "max.message.bytes is 1048588"],
  },
  "headers that are too large": {
    topicConfig: { "max.message.bytes": "2000" },
    kafka: { headers: { h: "repeat('x', 3000)" } },
    says: ["too large", "max.message.bytes is 2000"],
  },
};

describe("what the topic never takes ends the job with one line that says why", () => {
  for (const [what, { says, ...parts }] of Object.entries(REFUSED))
    for (const checkpoint of ["state", undefined])
      test(
        `${what}${checkpoint === undefined ? ", without a checkpoint" : ""}`,
        async () => {
          using job = await sinkJob({ key: undefined, ...parts, checkpoint } as JobParts, kafka);
          const { code, stderr } = await job.once([row(1)]);
          expect(code).not.toBe(0);
          for (const words of says) expect(stderr).toContain(words);
          expect(stderr).toContain("1 of 1 record were not taken by the topic");
          expect(stderr).not.toContain("rying again");
          expect(await values(job)).toEqual([]);
        },
        TIMEOUT_MS,
      );
});

describe("what the topic takes", () => {
  test(
    "records up to its own limit, however much larger or smaller that is than usual",
    async () => {
      const value = "k || repeat('x', v)";
      using large = await sinkJob(
        { topicConfig: { "max.message.bytes": "9000000" }, kafka: { value } },
        kafka,
      );
      expect((await large.once([row(8_900_000), row(1), row(3_000_000)])).code).toBe(0);
      expect((await values(large)).map((text) => text?.length)).toEqual([8_900_001, 2, 3_000_001]);
      // Batches of small ones are larger than the topic takes.
      using small = await sinkJob({ topicConfig: { "max.message.bytes": "2000" }, kafka: { value } }, kafka);
      expect((await small.once(Array.from({ length: 3000 }, (_, v) => row(v % 500)))).code).toBe(0);
      expect(await values(small)).toHaveLength(3000);
    },
    TIMEOUT_MS,
  );
});

describe("what the topic may take later", () => {
  test(
    "too few replicas: it is said, and for how long it is tried",
    async () => {
      const [first = 0, controller = 0, second = 0] = await freePorts(3);
      const voters = {
        "controller.quorum.voters": `1@127.0.0.1:${controller}`,
        "broker.session.timeout.ms": "9000",
      };
      const listen = (port: number) => `PLAINTEXT://127.0.0.1:${port}`;
      const clusterId = crypto.randomUUID();
      await using leader = await startKafka({
        clusterId,
        config: {
          ...voters,
          listeners: `${listen(first)},CONTROLLER://127.0.0.1:${controller}`,
          "advertised.listeners": listen(first),
          "default.replication.factor": "2",
        },
      });
      await using follower = await startKafka({
        clusterId,
        config: {
          ...voters,
          "process.roles": "broker",
          "node.id": "2",
          listeners: listen(second),
          "advertised.listeners": listen(second),
        },
      });
      const service = { ...leader, brokers: `127.0.0.1:${first}` };
      const judge = judgeOf({ "bootstrap.servers": service.brokers });
      using job = await sinkJob(
        {
          topicConfig: { "min.insync.replicas": "2" }, // Transactions would need the other broker too.
          checkpoint: undefined,
          kafka: { value: "k || v", retry_for: "8s" },
        },
        { ...service, createTopic: (name, options) => judge.createTopic(name, options) },
      );
      expect(await job.once([row(1)])).toMatchObject({ code: 0 });
      await follower.kill();
      await until("the follower is missed", async () => (await judge.inSyncReplicas(job.topic)) === 1);
      job.put([row(2)]);
      await using process = await start(["process", job.file, "--available-now"]);
      const { code, stderr } = await process.finished();
      expect(stderr).toMatch(/takes nothing.*Trying for 8s \(retry_for\)/);
      expect(stderr).toContain(`The topic "${job.topic}" has taken nothing of a batch for 8s (retry_for)`);
      expect(stderr).not.toContain("    at ");
      expect(code).toBe(1);
      await follower.start();
      expect(await job.once()).toMatchObject({ code: 0 });
      expect((await judge.read(job.topic)).map(({ value }) => bytesOf(value)?.toString())).toEqual([
        "a1",
        "a1",
        "a2",
      ]);
    },
    TIMEOUT_MS,
  );

  for (const checkpoint of ["state", undefined])
    test(
      `a topic that is deleted is told${checkpoint === undefined ? ", without a checkpoint" : ""}`,
      async () => {
        using job = await sinkJob({ kafka: { value: "k || v" }, checkpoint }, kafka);
        job.put([row(1)]);
        await using process = await start(["process", job.file, "--batch", "50ms"]);
        await until("the first row is there", async () => (await values(job)).length === 1);
        await kafka.judge.deleteTopic(job.topic);
        // Though nothing is written.
        await until("it is told", () => process.stderr().includes(`The topic "${job.topic}" is gone`));
        job.put([row(2)]);
        const { code, stderr } = await process.finished();
        expect(code).toBe(1);
        expect(stderr).toMatch(/is gone from Kafka, and the batch under way can't be written|has no topic/);
        expect(stderr).not.toContain("    at ");
      },
      TIMEOUT_MS,
    );

  test(
    "a topic that is made again in time is written on",
    async () => {
      using job = await sinkJob({ kafka: { value: "k || v" } }, kafka);
      job.put([row(1)]);
      await using process = await start(["process", job.file, "--batch", "50ms"]);
      await until("the first row is there", async () => (await values(job)).length === 1);
      await kafka.judge.deleteTopic(job.topic);
      await until("it is told", () => process.stderr().includes(`The topic "${job.topic}" is gone`));
      await kafka.createTopic(job.topic);
      await until("it is back", () => process.stderr().includes(`The topic "${job.topic}" is back`));
      job.put([row(2)]);
      await until("the next row is there", async () => (await values(job)).includes("a2"));
      process.kill("SIGTERM");
      expect((await process.finished()).code).toBe(143);
      expect(await values(job)).toEqual(["a2"]);
    },
    TIMEOUT_MS,
  );
});

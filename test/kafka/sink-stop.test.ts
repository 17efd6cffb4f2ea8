/**
 * A signal while the broker is away ends the process within a moment, long before its deadline; the batch is
 * not committed, and the next start writes it once.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KafkaService, startKafka } from "../services/kafka.ts";
import { bytesOf } from "../services/kafka-judge.ts";
import { emptyFolder } from "../support/binary.ts";
import { type Running, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { expectSums, sharedJob, someRows } from "./shared-job.ts";
import { freshName, type SinkJob, sinkJob } from "./sink-job.ts";

const TIMEOUT_MS = 120_000;
const SIGNALS = { SIGTERM: 143, SIGINT: 130 } as const;

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await startKafka();
}, 60_000);
afterAll(async () => {
  await kafka[Symbol.asyncDispose]();
});

function row(v: number) {
  return [{ k: "a", v, ts: "2026-01-05T14:30:00Z" }];
}

async function values(job: SinkJob): Promise<unknown[]> {
  const records = await kafka.judge.read(job.topic);
  return records.map(({ value }) => (JSON.parse(bytesOf(value)?.toString() ?? "null") as { v: number }).v);
}

/** A job that has written a row, and has another one for a broker that is away. */
async function stuck(job: SinkJob): Promise<Running> {
  job.put(row(1));
  const process = await start(["process", job.file, "--batch", "50ms"]);
  await until("the first row is there", async () => (await values(job)).length === 1);
  await kafka.kill();
  job.put(row(2));
  await until("the batch's write misses the broker", () => process.stderr().includes("is away"));
  return process;
}

describe("with the broker away", () => {
  for (const [signal, code] of Object.entries(SIGNALS))
    test(
      `${signal} ends at once, and the next start writes the batch once`,
      async () => {
        using job = await sinkJob({}, kafka);
        await using process = await stuck(job);
        process.kill(signal as NodeJS.Signals);
        const ended = await process.finished();
        expect(ended.code).toBe(code);
        expect(ended.stderr).toContain("could not be written when the job was stopped");
        expect(ended.stderr).not.toContain("    at ");
        await kafka.start();
        expect(await job.once()).toMatchObject({ code: 0 });
        expect(await values(job)).toEqual([1, 2]);
      },
      TIMEOUT_MS,
    );

  test(
    "a broker that does not answer when the job begins: a signal ends that too",
    async () => {
      using job = await sinkJob({}, kafka);
      kafka.pause();
      try {
        job.put(row(1));
        await using process = await start(["process", job.file, "--batch", "50ms"]);
        await until("it has begun", () => existsSync(join(job.folder, "state", "checkpoint.duckdb")));
        process.kill("SIGTERM");
        expect((await process.finished()).code).toBe(143);
      } finally {
        kafka.resume();
      }
      expect(await job.once()).toMatchObject({ code: 0 });
      expect(await values(job)).toEqual([1]);
    },
    TIMEOUT_MS,
  );

  test(
    "a process of a shared job ends too, and goes on with the next start",
    async () => {
      using job = await sharedJob({ service: kafka, hasTopic: true });
      await using process = await job.start();
      await job.feed(someRows(0, 1000));
      await job.caughtUp();
      await kafka.kill();
      await until("the broker is missed", () => process.stderr().includes("is away"));
      process.kill("SIGTERM");
      expect((await process.finished()).code).toBe(143);
      await kafka.start();
      await expectSums(job, someRows(0, 1000));
      expect(await job.inTopic()).toEqual(job.written());
    },
    TIMEOUT_MS,
  );

  test(
    "`tail` ends too, and what was not acknowledged comes at the next start",
    async () => {
      using folder = emptyFolder();
      const log = join(folder.path, "a.log");
      const topic = freshName("tailed");
      await kafka.createTopic(topic);
      const args = ["tail", log, "--position", join(folder.path, "position")];
      const copy = join(folder.path, "copy");
      args.push("--out", `kafka://${kafka.brokers}/${topic}`, "--out", `file:${copy}`);
      const lines = async () =>
        (await kafka.judge.read(topic)).map(({ value }) => bytesOf(value)?.toString());
      writeFileSync(log, "one\n");
      {
        await using tail = await start(args);
        await until("the first line is there", async () => (await lines()).length === 1);
        await until("its position is kept", () => existsSync(join(folder.path, "position")));
        kafka.pause();
        try {
          appendFileSync(log, "two\n");
          // Outputs get it in their order.
          await until("it is on its way", () => readFileSync(copy, "utf8").endsWith("two\n"));
          tail.kill("SIGTERM");
          const ended = await tail.finished();
          expect(ended.code).toBe(143);
          expect(ended.stderr).toContain("did not end within 5s after SIGTERM and was given up");
        } finally {
          kafka.resume();
        }
      }
      expect(await streamkit([...args, "--once"])).toMatchObject({ code: 0 });
      expect([...new Set(await lines())]).toEqual(["one", "two"]);
    },
    TIMEOUT_MS,
  );
});

/** A topic that is made anew under a job: none of its records is taken for one of the old topic. */

import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { emptyFolder } from "../support/binary.ts";
import { start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { rowsAt, writeJob } from "./source-runs.ts";

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
}, 60_000);

const numbers = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => from + at);

const produce = (topic: string, partitions: number, from: number, count: number) =>
  kafka.judge.produce(
    topic,
    numbers(from, count).map((n) => ({ value: JSON.stringify({ n }), partition: n % partitions })),
  );

async function makeAnew(topic: string, partitions: number): Promise<void> {
  await kafka.judge.deleteTopic(topic);
  await kafka.createTopic(topic, { partitions });
}

function jobOver(folder: string, topics: string, onGap: "fail" | "skip") {
  const file = writeJob(folder, {
    from: `{ kafka: { brokers: "${kafka.brokers}", topics: ${topics}, on_gap: ${onGap} } }`,
    head: "batch: 20ms\ncheckpoint: ./state\n",
    schema: "{ n: BIGINT }",
    sql: "SELECT n FROM quotes",
    sinks: '  - { from: out, to: "file:out.ndjson" }',
  });
  const rows = () =>
    rowsAt(join(folder, "out.ndjson"))
      .map(({ n }) => Number(n))
      .toSorted((a, b) => a - b);
  const finish = () => streamkit(["process", file, "--available-now"], { cwd: folder });
  return { file, rows, finish };
}

describe("while the job runs", () => {
  // More partitions than before, as many, and fewer.
  for (const after of [1, 3, 5])
    test(`on_gap: skip takes each record of the new topic once: 3 partitions, then ${after}`, async () => {
      using folder = emptyFolder();
      const [topic, other] = [`anew-${after}`, `beside-${after}`];
      await kafka.createTopic(topic, { partitions: 3 });
      await kafka.createTopic(other);
      await produce(topic, 3, 0, 90);
      const { file, rows, finish } = jobOver(folder.path, `[${topic}, ${other}]`, "skip");
      {
        await using job = await start(["process", file]);
        await until(
          () => `the old topic's records: ${job.stderr()}`,
          () => rows().length === 90,
        );
        await makeAnew(topic, after);
        await produce(topic, after, 1000, 900);
        await produce(other, 1, 5000, 10);
        await until(
          () => `the new topic's records: ${rows().length} ${job.stderr()}`,
          () => rows().length >= 1000,
        );
        job.kill("SIGINT");
        const { stderr } = await job.finished();
        expect(stderr).toContain("was deleted and made anew after it had been read up to offset 30");
      }
      expect((await finish()).code).toBe(0);
      expect(rows()).toEqual([...numbers(0, 90), ...numbers(1000, 900), ...numbers(5000, 10)]);
    }, 120_000);

  test("on_gap: fail writes nothing of it, and skip then takes all of it", async () => {
    using folder = emptyFolder();
    const topic = "anew-fail";
    await kafka.createTopic(topic);
    await produce(topic, 1, 0, 100);
    const { file, rows } = jobOver(folder.path, topic, "fail");
    await using job = await start(["process", file]);
    await until(
      () => `the old topic's records: ${job.stderr()}`,
      () => rows().length === 100,
    );
    await makeAnew(topic, 1);
    await produce(topic, 1, 1000, 300);
    const { code, stderr } = await job.finished();
    expect(code).toBe(1);
    expect(stderr).toContain("after it had been read up to offset 100: it has 0 to 299 now");
    expect(rows()).toEqual(numbers(0, 100));
    expect((await jobOver(folder.path, topic, "skip").finish()).code).toBe(0);
    expect(rows()).toEqual([...numbers(0, 100), ...numbers(1000, 300)]);
  }, 120_000);
});

describe("after a crash", () => {
  for (const failpoint of ["plan-written", "sink-written", "batch-written"])
    test(`the batch that ${failpoint} left is not read from the new topic`, async () => {
      using folder = emptyFolder();
      const topic = `anew-${failpoint}`;
      await kafka.createTopic(topic);
      await produce(topic, 1, 0, 20);
      const { file, rows } = jobOver(folder.path, topic, "skip");
      const run = (env: Record<string, string>) =>
        streamkit(["process", file, "--available-now"], {
          cwd: folder.path,
          env: { ...process.env, ...env } as Record<string, string>,
        });
      await run({ STREAMKIT_FAILPOINT: failpoint });
      await makeAnew(topic, 1);
      await produce(topic, 1, 1000, 20);
      for (let round = 0; round < 2; round += 1) {
        const { code, stderr } = await run({});
        expect({ code, stderr }).toMatchObject({ code: 0 });
      }
      expect(rows().filter((n) => n >= 1000)).toEqual(numbers(1000, 20));
    }, 120_000);
});

/**
 * What happens to topics while a job reads them: new partitions, new topics, deleted ones, and a broker that
 * is killed, paused, or for a moment knows nothing. Whatever it is, each record is read once.
 */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type KafkaService, startKafka } from "../services/kafka.ts";
import { freePorts } from "../services/ports.ts";
import { emptyFolder } from "../support/binary.ts";
import { type Running, start } from "../support/running.ts";
import { until } from "../support/until.ts";
import { rowsAt, writeJob } from "./source-runs.ts";

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await startKafka();
}, 60_000);
afterAll(() => kafka[Symbol.asyncDispose]());

let produced = 0;
/** The next numbers, as many as there are partitions named. */
async function produce(topic: string, partitions: readonly number[]): Promise<void> {
  const records = partitions.map((partition, index) => ({ value: `{"n":${produced + index}}`, partition }));
  await kafka.judge.produce(topic, records);
  produced += records.length;
}

interface LiveJob extends AsyncDisposable {
  readonly job: Running;
  /** Waits until every number from `first` on is there. */
  readAll(): Promise<void>;
  /** Every number from `first` on, none twice. */
  checkRows(): void;
}

/** A job over topics, as `from:` names them, whose numbers begin with the next one. */
async function live(from: string): Promise<LiveJob> {
  const folder = emptyFolder();
  const first = produced;
  const file = writeJob(folder.path, {
    from: `{ kafka: { brokers: "${kafka.brokers}", ${from} } }`,
    head: "batch: 20ms\ncheckpoint: ./state\n",
    schema: "{ n: BIGINT }",
    sql: "SELECT n FROM quotes",
    sinks: '  - { from: out, to: "file:out.ndjson" }',
  });
  const job = await start(["process", file]);
  const numbers = () => rowsAt(join(folder.path, "out.ndjson")).map(({ n }) => Number(n));
  const checkRows = (): void =>
    expect(numbers().toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: produced - first }, (_, index) => first + index),
    );
  return {
    job,
    checkRows,
    async readAll() {
      const words = () => `${numbers().length} of ${produced - first} records: ${job.stderr()}`;
      await until(`all records ${words()}`, () => numbers().length >= produced - first || ended(job));
      checkRows();
    },
    async [Symbol.asyncDispose]() {
      await job[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

const ended = (job: Running): boolean => job.exitCode() !== undefined;

const says = ({ job }: LiveJob, text: string): number => job.stderr().split(text).length - 1;

const BURST = Array.from({ length: 400 }, (_, index) => index % 4);

test("new partitions, and new topics that a pattern matches, are read from their start", async () => {
  await kafka.createTopic("grow-a", { partitions: 2 });
  await using running = await live('pattern: "grow-.*"');
  await produce("grow-a", [0, 1, 0, 1]);
  await running.readAll();
  await kafka.judge.addPartitions("grow-a", 4);
  await kafka.createTopic("grow-b", { partitions: 2 });
  await kafka.createTopic("other-grow-b");
  await kafka.judge.produce("other-grow-b", [{ value: '{"n":-1}' }]);
  await produce("grow-b", [0, 1, 0, 1]);
  // They are found while much is under way.
  await until("new partitions are found", async () => {
    await produce("grow-a", BURST);
    return says(running, "New partitions: ") > 0;
  });
  await running.readAll();
  // And on.
  await produce("grow-b", [0, 1]);
  await produce("grow-a", [0, 3]);
  await running.readAll();
  running.job.kill("SIGINT");
  await running.job.finished();
  running.checkRows();
}, 90_000);

test("a broker that is killed and started again, and one that is paused", async () => {
  await kafka.createTopic("away", { partitions: 2 });
  await using running = await live("topics: away");
  const missed = async (breaking: () => Promise<void> | void): Promise<void> => {
    const before = says(running, "is away");
    await breaking();
    await until(`the job misses the broker ${running.job.stderr()}`, () => says(running, "is away") > before);
  };
  for (let round = 1; round <= 3; round += 1) {
    await produce("away", [0, 1, 0, 1]);
    await running.readAll();
    await produce("away", [1, 0, 1]);
    await missed(kafka.kill);
    await kafka.start();
  }
  await produce("away", [0, 1]);
  await running.readAll();
  // A question that is not answered for eight seconds is seen.
  await missed(kafka.pause);
  kafka.resume();
  await produce("away", [0, 1]);
  await running.readAll();
  expect(says(running, `${kafka.brokers} is back`)).toBe(says(running, "is away"));
  expect(running.job.stderr()).not.toContain("is gone");
  running.job.kill("SIGINT");
  await running.job.finished();
  running.checkRows();
}, 120_000);

test("a broker that for a moment knows no topic does not make one a deleted topic", async () => {
  await kafka.createTopic("unknown", { partitions: 2 });
  await using running = await live("topics: unknown");
  await produce("unknown", [0, 1]);
  await running.readAll();
  await kafka.kill();
  {
    // Another broker at the same address, which has nothing.
    const [port] = await freePorts(1);
    const controller = `127.0.0.1:${port}`;
    await using _empty = await startKafka({
      config: {
        listeners: `PLAINTEXT://${kafka.brokers},CONTROLLER://${controller}`,
        "advertised.listeners": `PLAINTEXT://${kafka.brokers}`,
        "controller.quorum.voters": `1@${controller}`,
      },
    });
    await until("the job misses its topic", () => says(running, 'does not know the topic "unknown"') > 0);
  }
  await kafka.start();
  await produce("unknown", [0, 1, 0, 1]);
  await running.readAll();
  expect(running.job.stderr()).not.toContain("is gone");
}, 90_000);

test("a topic that is deleted ends the job with the choices; on_gap: skip goes on without it", async () => {
  for (const topic of ["deleted-a", "deleted-b"]) await kafka.createTopic(topic);
  await using failing = await live("topics: [deleted-a, deleted-b]");
  await using skipping = await live("topics: [deleted-a, deleted-b], on_gap: skip");
  await produce("deleted-a", [0]);
  await produce("deleted-b", [0]);
  await failing.readAll();
  await skipping.readAll();
  await kafka.judge.deleteTopic("deleted-a");
  const { code, stderr } = await failing.job.finished();
  expect(code).toBe(1);
  expect(stderr).toContain('The topic "deleted-a" is gone from Kafka. Either make it again');
  await until("the other goes on", () => says(skipping, "going on without it") > 0);
  await produce("deleted-b", [0, 0]);
  await skipping.readAll();
  // Made again, it is a new topic.
  await kafka.createTopic("deleted-a");
  await produce("deleted-a", [0]);
  await skipping.readAll();
}, 90_000);

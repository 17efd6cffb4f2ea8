/** Records that are gone before they were read: the job says what is lost, and the choices. */

import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { emptyFolder } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";
import { rowsAt, writeJob } from "./source-runs.ts";

let kafka: KafkaService;
let topics = 0;
beforeAll(async () => {
  kafka = await sharedKafka();
}, 60_000);

const record = (n: number) => ({ value: JSON.stringify({ n }), key: `k${n}`, partition: 0 });
const numbers = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => from + at);
const produce = (topic: string, from: number, count: number) =>
  kafka.judge.produce(topic, numbers(from, count).map(record));

/** Reads ten records, and leaves the checkpoint at offset 10. */
async function readTen(folder: string): Promise<string> {
  topics += 1;
  const topic = `gaps-${topics}`;
  await kafka.createTopic(topic);
  await produce(topic, 0, 10);
  expect((await read(folder, topic, "fail")).code).toBe(0);
  expect(rowsAt(join(folder, "out.ndjson")).map(({ n }) => n)).toEqual(numbers(0, 10));
  return topic;
}

function read(folder: string, topic: string, onGap: "fail" | "skip") {
  const file = writeJob(folder, {
    from: `{ kafka: { brokers: "${kafka.brokers}", topics: ${topic}, on_gap: ${onGap} } }`,
    schema: "{ n: BIGINT }",
    sql: "SELECT n FROM quotes",
    sinks: '  - { from: out, to: "file:out.ndjson" }',
  });
  return streamkit(["process", file, "--checkpoint", "state", "--available-now"], { cwd: folder });
}

describe("records that retention took", () => {
  test("end the job with what is lost and the choices; on_gap: skip goes on", async () => {
    using folder = emptyFolder();
    const topic = await readTen(folder.path);
    await produce(topic, 10, 10);
    expect(await kafka.judge.deleteRecords(topic, 0, 15)).toBe(15);
    const failed = await read(folder.path, topic, "fail");
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(
      `5 records of ${topic}/0 from offset 10 on are gone: it has 15 to 19 now`,
    );
    expect(failed.stderr).toContain("on_gap: skip");
    const skipped = await read(folder.path, topic, "skip");
    expect(skipped.code).toBe(0);
    expect(skipped.stderr).toContain(`5 records of ${topic}/0 from offset 10 on are gone`);
    const expected = [...numbers(0, 10), ...numbers(15, 5)];
    expect(rowsAt(join(folder.path, "out.ndjson")).map(({ n }) => n)).toEqual(expected);
  }, 60_000);
});

describe("a topic that was deleted and made anew", () => {
  test("is known by its identity, also where it has more records than were read", async () => {
    using folder = emptyFolder();
    const topic = await readTen(folder.path);
    await kafka.judge.deleteTopic(topic);
    await kafka.createTopic(topic);
    await produce(topic, 100, 30);
    const failed = await read(folder.path, topic, "fail");
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(`${topic}/0 was deleted and made anew`);
    expect((await read(folder.path, topic, "skip")).code).toBe(0);
    const expected = [...numbers(0, 10), ...numbers(100, 30)];
    expect(rowsAt(join(folder.path, "out.ndjson")).map(({ n }) => n)).toEqual(expected);
  }, 60_000);
});

/** The broker and its judge do what tests of the Kafka source and sink count on. */

import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "../support/binary.ts";
import { until } from "../support/until.ts";
import { type KafkaService, sharedKafka, startKafka } from "./kafka.ts";
import type { NewRecord } from "./kafka-judge.ts";

const texts = (count: number): NewRecord[] =>
  Array.from({ length: count }, (_, index) => ({ value: `record ${index}` }));
const valuesOf = (records: readonly { readonly value: unknown }[]): unknown[] =>
  records.map(({ value }) => value);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("the judge at the broker that all tests share", () => {
  let kafka: KafkaService;
  beforeAll(async () => {
    kafka = await sharedKafka();
  });

  test("the judge reads what it wrote, byte for byte", async () => {
    await kafka.createTopic("bytes", { partitions: 2 });
    const written = [
      { partition: 0, key: "k", value: "grüße\n", timestamp: 1_700_000_000_000, headers: [["h", "v"]] },
      { partition: 0, key: null, value: null, timestamp: 1_700_000_000_001, headers: [["n", null]] },
      { partition: 1, key: "", value: { base64: "/wD+" }, timestamp: 1_000, headers: [] },
    ] as const;
    expect(await kafka.judge.produce("bytes", written)).toBe(3);
    const stored = written.map((record, index) => ({
      ...record,
      offset: index % 2,
      timestampType: "CreateTime",
    }));
    expect(await kafka.judge.read("bytes")).toEqual(stored as never);
    expect(await kafka.judge.listOffsets("bytes")).toEqual({ 0: 2, 1: 1 });
    expect(await kafka.judge.listOffsets("bytes", 1_700_000_000_001)).toEqual({ 0: 1, 1: -1 });
  });

  test("what was aborted or is open is there for read_uncommitted alone", async () => {
    await kafka.createTopic("transactions");
    const { judge } = kafka;
    await judge.produceInTransaction("transactions", [{ value: "a" }], { id: "t", outcome: "commit" });
    await judge.produceInTransaction("transactions", [{ value: "b" }], { id: "t", outcome: "abort" });
    await judge.produceInTransaction("transactions", [{ value: "c" }], {
      id: "t",
      outcome: "open",
      offsets: { group: "with-t", offsets: [{ topic: "bytes", partition: 0, offset: 1, metadata: "m" }] },
    });
    expect(valuesOf(await judge.read("transactions"))).toEqual(["a"]);
    expect(valuesOf(await judge.read("transactions", "read_uncommitted"))).toEqual(["a", "b", "c"]);
    expect(await judge.groupOffsets("with-t")).toEqual([]);
    await judge.produceInTransaction("transactions", [{ value: "d" }], { id: "t", outcome: "open" });
    await judge.endTransaction("t", "commit");
    expect(valuesOf(await judge.read("transactions"))).toEqual(["a", "c", "d"]);
    const [committed] = await judge.groupOffsets("with-t");
    expect(committed).toMatchObject({ topic: "bytes", partition: 0, offset: 1, metadata: "m" });
  });

  test("topics grow, shrink at their start, forget and go", async () => {
    const { judge } = kafka;
    await kafka.createTopic("administered");
    await judge.produce("administered", texts(10));
    expect(await judge.deleteRecords("administered", 0, 4)).toBe(4);
    expect(await judge.listOffsets("administered", "earliest")).toEqual({ 0: 4 });
    await judge.addPartitions("administered", 3);
    expect(await judge.partitionCount("administered")).toBe(3);
    await judge.setGroupOffsets("readers", [{ topic: "administered", partition: 0, offset: 5 }]);
    expect(await judge.describeGroup("readers")).toEqual({ state: "Empty", members: [] });
    await judge.deleteGroup("readers");
    await judge.setQuota({ "client-id": "slow" }, { producer_byte_rate: 1000 });
    await judge.setQuota({ "client-id": "slow" }, { producer_byte_rate: null });
    await judge.deleteTopic("administered");
    expect(await judge.listTopics()).not.toContain("administered");
  });

  test("what goes wrong in the Java client is an error here", async () => {
    const refused = kafka.judge.deleteTopic("absent");
    expect(await refused.catch(String)).toContain("UnknownTopicOrPartition");
  });
});

describe("a broker of a test's own", () => {
  test("keeps its data over a crash and a clean stop, and its connections over a pause", async () => {
    await using kafka = await startKafka({ heapMb: 256, config: { "message.max.bytes": "50000" } });
    await kafka.createTopic("kept");
    await kafka.judge.produce("kept", texts(1000));
    const { pid } = kafka;
    await kafka.kill();
    expect(isAlive(pid)).toBe(false);
    await kafka.start();
    expect(kafka.pid).not.toBe(pid);
    expect(await kafka.judge.read("kept")).toHaveLength(1000);

    await kafka.stop();
    await kafka.start();
    kafka.pause();
    const reading = kafka.judge.read("kept");
    const first = await Promise.race([reading, Bun.sleep(300).then(() => "paused")]);
    expect(first).toBe("paused");
    kafka.resume();
    expect(await reading).toHaveLength(1000);

    const tooLarge = kafka.judge.produce("kept", [{ value: "x".repeat(60_000) }]);
    expect(await tooLarge.catch(String)).toContain("RecordTooLarge");
    await kafka[Symbol.asyncDispose]();
    expect(isAlive(kafka.pid)).toBe(false);
    expect(existsSync(kafka.folder)).toBe(false);
  });

  test("dies with the process that started it, however that ends", async () => {
    const script = `
      const { startKafka } = await import(${JSON.stringify(join(import.meta.dirname, "kafka.ts"))});
      const kafka = await startKafka();
      kafka.pause();
      await Bun.write(Bun.stdout, JSON.stringify([kafka.pid, kafka.folder]));
      process.kill(process.pid, "SIGKILL");`;
    const { stdout } = await run(process.execPath, ["-e", script]);
    const [pid, folder] = JSON.parse(stdout) as [number, string];
    await until("the end of the broker", () => !isAlive(pid));
    await until("the end of its folder", () => !existsSync(folder));
  });

  test("that does not start shows its log", async () => {
    const failed = await startKafka({ config: { "num.io.threads": "none" } }).catch(String);
    expect(failed).toContain("num.io.threads");
  });
});

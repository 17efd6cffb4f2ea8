/** Checkpoints and topics of one story, or of two: what goes on, and what is refused in words. */

import { beforeAll, describe, expect, test } from "bun:test";
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { start } from "../support/running.ts";
import { until } from "../support/until.ts";
import { type JobParts, type SinkJob, sinkJob } from "./sink-job.ts";

let kafka: KafkaService;

beforeAll(async () => {
  kafka = await sharedKafka();
});

const row = (v: number) => [{ k: "a", v, ts: "2026-01-05T14:30:00Z" }];

async function values(job: SinkJob): Promise<unknown[]> {
  const records = await kafka.judge.read(job.topic);
  return records.map(({ value }) =>
    typeof value === "string" ? (JSON.parse(value) as { v: number }).v : value,
  );
}

async function done(job: SinkJob, rows: number | readonly unknown[]): Promise<void> {
  const { code, stderr } = await job.once(typeof rows === "number" ? row(rows) : rows);
  if (code !== 0) throw new Error(stderr);
}

test("a batch whose commit the checkpoint has not seen is not written again", async () => {
  using job = await sinkJob();
  await done(job, 1);
  expect((await job.once(row(2), { env: { STREAMKIT_FAILPOINT: "kafka-committed" } })).code).not.toBe(0);
  expect(await values(job)).toEqual([1, 2]);
  await done(job, 3);
  expect(await values(job)).toEqual([1, 2, 3]);
});

test("an open transaction of a killed process is given up", async () => {
  using job = await sinkJob();
  await done(job, 1);
  for (const failpoint of ["kafka-produced", "kafka-offsets-sent"])
    expect((await job.once(row(2), { env: { STREAMKIT_FAILPOINT: failpoint } })).code).not.toBe(0);
  expect(await values(job)).toEqual([1]);
  // Both files of rows are there.
  await done(job, 3);
  expect(await values(job)).toEqual([1, 2, 2, 3]);
});

test("a new checkpoint under the same name writes everything again", async () => {
  using job = await sinkJob();
  await done(job, 1);
  await done(job, 2);
  rmSync(join(job.folder, "state"), { recursive: true });
  await done(job, 3);
  expect(await values(job)).toEqual([1, 2, 1, 2, 3]);
});

for (const missed of [[2], [2, 3, 4]])
  test(`a copy of the checkpoint that is older by ${missed.length} batches is refused`, async () => {
    using job = await sinkJob();
    await done(job, 1);
    cpSync(join(job.folder, "state"), join(job.folder, "copy"), { recursive: true });
    for (const v of missed) await done(job, v);
    rmSync(join(job.folder, "state"), { recursive: true });
    renameSync(join(job.folder, "copy"), join(job.folder, "state"));
    const { code, stderr } = await job.once(row(5));
    expect(code).not.toBe(0);
    expect(stderr).toContain(`The topic "${job.topic}" has batch`);
    expect(stderr).toContain("it is an older copy");
    expect(
      stderr
        .trim()
        .split("\n")
        .filter((line) => line.startsWith("streamkit:")),
    ).toHaveLength(1);
    expect(await values(job)).toEqual([1, ...missed]);
  });

test("a topic whose mark is older than the checkpoint is refused", async () => {
  using job = await sinkJob();
  for (const v of [1, 2, 3]) await done(job, v);
  const [mark] = await kafka.judge.groupOffsets(job.group);
  if (mark === undefined) throw new Error("There is no mark");
  await kafka.judge.setGroupOffsets(job.group, [{ ...mark, offset: mark.offset - 1 }]);
  const { code, stderr } = await job.once(row(4));
  expect(code).not.toBe(0);
  expect(stderr).toContain("the topic is an older copy");
  await kafka.judge.setGroupOffsets(job.group, [mark]);
  await done(job, 5);
  expect(await values(job)).toEqual([1, 2, 3, 4, 5]);
});

test("a checkpoint is refused after another one has written", async () => {
  using job = await sinkJob();
  await done(job, 1);
  renameSync(join(job.folder, "state"), join(job.folder, "first"));
  await done(job, 2);
  rmSync(join(job.folder, "state"), { recursive: true });
  renameSync(join(job.folder, "first"), join(job.folder, "state"));
  const { code, stderr } = await job.once(row(3));
  expect(code).not.toBe(0);
  expect(stderr).toContain("was last written by another checkpoint of this job");
});

test("the mark stands in no group that somebody may read with", async () => {
  using job = await sinkJob();
  await done(job, 1);
  expect(await kafka.judge.groupOffsets(job.topic)).toEqual([]);
  // Somebody else's, in a group that is called as the job is.
  await kafka.judge.setGroupOffsets(job.topic, [{ topic: job.topic, partition: 0, offset: 9, metadata: "" }]);
  await done(job, 2);
  expect(await values(job)).toEqual([1, 2]);
});

describe("a mark that was overwritten after a crash", () => {
  const crashed = { env: { STREAMKIT_FAILPOINT: "kafka-committed" } };
  const offsets = (topic: string, metadata: string) => [{ topic, partition: 0, offset: 7, metadata }];
  const others = {
    "by a consumer of that group": "",
    "by a consumer that says something with its offsets": "host 3, batch 7",
    "by another checkpoint of the job": "00000000-0000-4000-8000-000000000000 q",
  };
  for (const [who, metadata] of Object.entries(others))
    test(`${who}: the batch is looked for in the topic`, async () => {
      using job = await sinkJob();
      expect((await job.once(row(1), crashed)).code).not.toBe(0);
      await kafka.judge.setGroupOffsets(job.group, offsets(job.topic, metadata));
      await done(job, 2);
      expect(await values(job)).toEqual([1, 2]);
    });

  test("a consumer's offset does not stop a job that has written before", async () => {
    using job = await sinkJob();
    await done(job, 1);
    await kafka.judge.setGroupOffsets(job.group, offsets(job.topic, ""));
    await done(job, 2);
    expect((await job.once(row(3), crashed)).code).not.toBe(0);
    await kafka.judge.setGroupOffsets(job.group, offsets(job.topic, ""));
    await done(job, 4);
    expect(await values(job)).toEqual([1, 2, 3, 4]);
  });
});

test("a mark of a former version, in the group of the job's name, tells what is there", async () => {
  using job = await sinkJob();
  await done(job, 1);
  expect((await job.once(row(2), { env: { STREAMKIT_FAILPOINT: "kafka-committed" } })).code).not.toBe(0);
  const [mark] = await kafka.judge.groupOffsets(job.group);
  if (mark === undefined) throw new Error("There is no mark");
  await kafka.judge.setGroupOffsets(job.topic, [mark]);
  await kafka.judge.deleteGroup(job.group);
  await done(job, 3);
  expect(await values(job)).toEqual([1, 2, 3]);
  expect((await kafka.judge.groupOffsets(job.group)).length).toBe(1);
});

test("a mark that the broker has forgotten is no fault", async () => {
  using job = await sinkJob();
  await done(job, 1);
  await kafka.judge.deleteGroup(job.group);
  await done(job, 2);
  expect(await values(job)).toEqual([1, 2]);
});

describe("a crash, and the broker forgets the mark", () => {
  /** How a batch is written for the second time, after a crash at a failpoint. */
  async function afterCrash(failpoint: string, parts: JobParts, rows: readonly (readonly unknown[])[]) {
    using job = await sinkJob(parts);
    const [first = [], second = []] = rows;
    if (rows.length > 1) await done(job, first);
    expect((await job.once(rows.length > 1 ? second : first, crash(failpoint))).code).not.toBe(0);
    await kafka.judge.deleteGroup(job.group).catch(() => undefined);
    const { code, stderr } = await job.once();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const records = await kafka.judge.read(job.topic);
    const wasFound = stderr.includes(`holds all records of batch`);
    return { wasFound, records: records.map(({ key, value }) => [key, value]) };
  }
  const crash = (failpoint: string) => ({ env: { STREAMKIT_FAILPOINT: failpoint } });
  const VALUE = { key: "k", value: "v" };
  const old = (k: string | null, v: number) => ({ k, v, ts: "2020-01-05T14:30:00Z" });

  test("after the commit: the batch is found, and not written again", async () => {
    const { wasFound, records } = await afterCrash("kafka-committed", { kafka: VALUE }, [row(1), row(2)]);
    expect(records).toEqual([
      ["a", "1"],
      ["a", "2"],
    ]);
    expect(wasFound).toBe(true);
  });

  test("also where it was the first one", async () => {
    const { wasFound, records } = await afterCrash("kafka-committed", { kafka: VALUE }, [row(1)]);
    expect({ wasFound, records }).toEqual({ wasFound: true, records: [["a", "1"]] });
  });

  for (const failpoint of ["kafka-produced", "kafka-offsets-sent"])
    test(`at ${failpoint}: it is written, also where the batch before had the same rows`, async () => {
      const { wasFound, records } = await afterCrash(failpoint, { kafka: VALUE }, [row(1), row(1)]);
      expect(records).toEqual([
        ["a", "1"],
        ["a", "1"],
      ]);
      expect(wasFound).toBe(false);
    });

  const ODD = [old("", 1), old(null, 2), old("line\nfeed", 3), old('"q"', 4), old("\\x41", 5), old("ü", 6)];
  for (const partitions of [1, 3])
    test(`odd keys, times of their own, ${partitions} partitions`, async () => {
      const kafka = { ...VALUE, timestamp: "CASE WHEN v % 2 = 0 THEN ts END" };
      const { wasFound, records } = await afterCrash("kafka-committed", { partitions, kafka }, [ODD]);
      expect(records).toHaveLength(ODD.length);
      expect(wasFound).toBe(true);
    });

  test("many records, and tombstones", async () => {
    const sql = "SELECT k || '-' || i AS id, count(*) AS n FROM rows, range(50000) AS m(i) GROUP BY ALL";
    const having = `${sql} HAVING max(v) < 9`;
    const parts = { sql: having, mode: "update", kafka: { deletes: "tombstone" } };
    const { wasFound, records } = await afterCrash("kafka-committed", parts, [row(1), row(9)]);
    expect(records).toHaveLength(100_000);
    expect(records.filter(([, value]) => value === null)).toHaveLength(50_000);
    expect(wasFound).toBe(true);
  });
});

test("of two processes with copies of a checkpoint the older is shut out, with one line", async () => {
  using job = await sinkJob();
  await done(job, 1);
  const text = readFileSync(job.file, "utf8");
  cpSync(join(job.folder, "state"), join(job.folder, "copy"), { recursive: true });
  const copy = join(job.folder, "copy.yaml");
  writeFileSync(copy, text.replace("checkpoint: state", "checkpoint: copy"));
  const runs = (file: string) => start(["process", file, "--batch", "50ms"]);
  await using older = await runs(job.file);
  await until("the older process runs", () => older.stderr().includes("going on after batch"));
  await using newer = await runs(copy);
  await until("the newer process runs", () => newer.stderr().includes("going on after batch"));
  job.put(row(2));
  const { code, stderr } = await older.finished();
  expect(code).not.toBe(0);
  expect(stderr).toContain("has shut this one out");
  expect(stderr).not.toContain("    at ");
  expect(newer.exitCode()).toBeUndefined();
  await until("the newer process writes", async () => (await values(job)).includes(2));
  newer.kill("SIGTERM");
  expect((await newer.finished()).code).toBe(143);
  expect(await values(job)).toEqual([1, 2]);
});

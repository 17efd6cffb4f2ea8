/** Members of a shared job that come, go, sleep and fail: each row is still answered once, by one of them. */

import { beforeAll, describe, expect, test } from "bun:test";
import { messageOf } from "../../src/base/error.ts";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { type Running, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { assignments, expectSums, owns, type SharedJob, sharedJob, someRows, sumsOf } from "./shared-job.ts";

const TIMEOUT_MS = 120_000;

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
}, 60_000);

async function ended(process: Running): Promise<void> {
  process.kill("SIGTERM");
  expect((await process.finished()).code).toBe(143);
}

async function members(job: SharedJob): Promise<number> {
  try {
    return (await kafka.judge.describeGroup(job.name)).members.length;
  } catch (error) {
    if (messageOf(error).includes("not found")) return 0;
    throw error;
  }
}

test(
  "one that was stopped for longer than its session gives back what it had, and nothing is lost or twice",
  async () => {
    using job = await sharedJob({ hasTopic: true });
    await using first = await job.start();
    await using second = await job.start();
    const parts = [someRows(0, 2000), someRows(2000, 2000), someRows(4000, 2000)];
    // Of three partitions one has two, the other one.
    await Promise.all([owns(first, /^\d(, \d)?$/), owns(second, /^\d(, \d)?$/)]);
    await job.feed(parts[0] ?? []);
    await job.caughtUp();
    first.kill("SIGSTOP");
    await job.feed(parts[1] ?? []);
    await owns(second, "0, 1, 2");
    // The sleeper still holds its checkpoints: nobody goes on with them before it has let them go.
    await until("the other one says that it waits", () => second.stderr().includes("is still open in"));
    const waits = [...second.stderr().matchAll(/Partition \d is still open in/g)].map(([words]) => words);
    expect(waits).toEqual([...new Set(waits)]);
    first.kill("SIGCONT");
    await job.caughtUp();
    await until("both share again", async () => (await members(job)) === 2);
    await job.feed(parts[2] ?? []);
    await job.caughtUp();
    await ended(first);
    await ended(second);
    await expectSums(job, parts.flat());
    expect(await job.inTopic()).toEqual(job.written());
  },
  TIMEOUT_MS,
);

test(
  "more processes than partitions: one without any waits, and takes over when another one dies",
  async () => {
    using job = await sharedJob({ sources: { ticks: 2 } });
    const running = [await job.start(), await job.start(), await job.start()];
    try {
      await until("all three are members", async () => (await members(job)) === 3);
      const has = (process: Running): string => assignments(process).at(-1) ?? "";
      await until("each partition is one's own", () =>
        ["0", "1", "none"].every((own) => running.some((process) => has(process) === own)),
      );
      await job.feed(someRows(0, 2000));
      await job.caughtUp();
      const idle = running.find((process) => has(process) === "none");
      const busy = running.filter((process) => process !== idle);
      if (idle === undefined) throw new Error("None is idle");
      busy[0]?.kill("SIGKILL");
      await owns(idle, /^[01]$/);
      await job.feed(someRows(2000, 2000));
      await job.caughtUp();
      await ended(idle);
      await ended(busy[1] as Running);
      await expectSums(job, someRows(0, 4000));
    } finally {
      for (const process of running) await process[Symbol.asyncDispose]();
    }
  },
  TIMEOUT_MS,
);

test(
  "one that is stopped leaves the group before it ends: others need not wait for its session",
  async () => {
    using job = await sharedJob();
    await using first = await job.start();
    await owns(first, "0, 1, 2");
    await using second = await job.start();
    await until("both share", async () => (await members(job)) === 2);
    await owns(second, /^\d/);
    first.kill("SIGINT");
    expect((await first.finished()).code).toBe(130);
    expect(await members(job)).toBe(1);
    await owns(second, "0, 1, 2");
    await ended(second);
    expect(await members(job)).toBe(0);
  },
  TIMEOUT_MS,
);

describe("topics", () => {
  const JOINED = `SELECT a.k, a.v, b.v AS other FROM ticks a JOIN others b
    ON a.k = b.k AND b.ts BETWEEN a.ts - INTERVAL 1 SECOND AND a.ts`;

  test(
    "two of the same partitions are joined",
    async () => {
      using job = await sharedJob({
        sources: { ticks: 3, others: 3 },
        sql: JOINED,
        query: { state: { keep: "10s" } },
      });
      const [ticks, others] = [someRows(0, 1000), someRows(0, 1000).map((row) => ({ ...row, v: -row.v }))];
      await using first = await job.start();
      await using second = await job.start();
      await until("both share", async () => (await members(job)) === 2);
      await job.feed(ticks);
      await job.feed(others, "others");
      await job.caughtUp();
      await ended(first);
      await ended(second);
      expect(await job.once()).toMatchObject({ code: 0 });
      const expected = ticks.flatMap((a) =>
        others
          .filter((b) => a.k === b.k && b.ts <= a.ts && Date.parse(a.ts) - Date.parse(b.ts) <= 1000)
          .map((b) => JSON.stringify({ k: a.k, v: a.v, other: b.v })),
      );
      expect(job.written()).toEqual(expected.toSorted());
    },
    TIMEOUT_MS,
  );

  test("two of unequal partitions are refused in one line", async () => {
    using job = await sharedJob({
      sources: { ticks: 3, others: 2 },
      sql: JOINED,
      query: { state: { keep: "10s" } },
    });
    const { code, stderr } = await job.once();
    expect(code).toBe(1);
    expect(stderr).toContain(`need the same number of partitions`);
    expect(stderr).toContain(`${job.topics["ticks"]} 3, ${job.topics["others"]} 2`);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});

test("check says that the job's queries can be shared, and why", async () => {
  using job = await sharedJob();
  const { code, stdout } = await streamkit(["check", job.file]);
  expect(code).toBe(0);
  expect(stdout).toContain("shared      by k: each process reads some partitions");
  expect(stdout).toContain(
    "shared      its answer splits by ticks.k, and rows of one value are in one partition",
  );
});

test(
  "an error in one partition ends the process with one line, and it leaves the group",
  async () => {
    const poison = "CASE WHEN v = 1500 THEN 'poison' ELSE '1' END";
    using job = await sharedJob({
      sql: `SELECT k, CAST(${poison} AS BIGINT) AS x FROM ticks`,
      query: { on_error: "stop" },
    });
    await using first = await job.start();
    await job.feed(someRows(0, 1000));
    await job.caughtUp();
    await job.feed(someRows(1000, 1000));
    const { code, stderr } = await first.finished();
    expect(code).toBe(1);
    const told = stderr.split("\n").filter((line) => line.includes("poison"));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^streamkit: Partition [012]: .*'poison'/);
    expect(stderr).not.toContain("    at ");
    expect(await members(job)).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "partitions that are added while it runs end it, before a key is answered in two of them",
  async () => {
    using job = await sharedJob({ sources: { ticks: 2 } });
    await using first = await job.start();
    await using second = await job.start();
    await until("both share", async () => (await members(job)) === 2);
    await job.feed(someRows(0, 1000));
    await job.caughtUp();
    await kafka.judge.addPartitions(job.topics["ticks"] ?? "", 3);
    await job.feed(someRows(1000, 2000));
    const ends = [await first.finished(), await second.finished()];
    for (const { code, stderr } of ends) {
      expect({ code, stderr }).toMatchObject({ code: 1 });
      expect(stderr).toContain("keys have moved to others");
      expect(stderr).toContain("take share out of the source");
    }
    // Windows of the time before the new partitions may be there, and no row of the time after.
    const answer = new Set(await sumsOf(job, someRows(0, 1000)));
    expect(job.written().filter((row) => !answer.has(row))).toEqual([]);
    const { code, stderr } = await job.once();
    expect(code).toBe(1);
    expect(stderr).toContain("of 2 partitions, and there are 3 now");
  },
  TIMEOUT_MS,
);

test(
  "a dashboard of one process shows what its own partitions give, and stays up over a rebalance",
  async () => {
    using job = await sharedJob();
    await using first = await job.start("--serve", "0");
    const urlOf = (process: Running): string | undefined =>
      /dashboard at (\S+)/.exec(process.stderr())?.[1]?.replace(/\/$/, "");
    await until("the dashboard is told", () => urlOf(first) !== undefined);
    await job.feed(someRows(0, 2000));
    await job.caughtUp();
    const rowsSeen = async (): Promise<number> => {
      const answer = await fetch(`${urlOf(first)}/api/snapshot`);
      const { state } = (await answer.json()) as { state: { totals: { inputRows: number } } };
      return state.totals.inputRows;
    };
    await until("all rows are seen", async () => (await rowsSeen()) === 2000);
    await using second = await job.start();
    await until("both share", async () => (await members(job)) === 2);
    await owns(second, /^\d/);
    await job.feed(someRows(2000, 2000));
    await job.caughtUp();
    expect(await rowsSeen()).toBeGreaterThan(2000);
    expect(await rowsSeen()).toBeLessThan(4000);
    await ended(second);
    await ended(first);
    await expectSums(job, someRows(0, 4000));
  },
  TIMEOUT_MS,
);

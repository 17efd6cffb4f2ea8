/**
 * `--once` of a shared job ends when all partitions are done, whoever did them: those of one that dies are
 * left to the others.
 */

import { beforeAll, expect, test } from "bun:test";
import { sharedKafka } from "../services/kafka.ts";
import { multiset, type Running, rowsOf } from "../support/running.ts";
import { until } from "../support/until.ts";
import { assignments, expectSums, owns, type SharedJob, sharedJob, someRows, sumsOf } from "./shared-job.ts";

const TIMEOUT_MS = 120_000;
const WAITS = /The partitions of this process are done, others have (.*): waiting/;

beforeAll(async () => {
  await sharedKafka();
}, 60_000);

test(
  "several at once, more than there are partitions, end together with the whole answer",
  async () => {
    using job = await sharedJob({ sources: { ticks: 2 } });
    await job.feed(someRows(0, 3000));
    const ends = await Promise.all([job.once(), job.once(), job.once()]);
    for (const { code, stderr } of ends) expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(job.written()).toEqual(await sumsOf(job, someRows(0, 3000)));
    // And again with nothing new.
    await expectSums(job, someRows(0, 3000));
  },
  TIMEOUT_MS,
);

/** One that goes on for ever, and one that has done its part and waits for it. */
async function waiting(job: SharedJob, flag: string): Promise<{ busy: Running; done: Running }> {
  await job.feed(someRows(0, 3000));
  const busy = await job.start();
  await owns(busy, "0, 1, 2");
  const done = await job.start(flag);
  await until(`it waits:\n${done.stderr()}`, () => WAITS.test(done.stderr()));
  return { busy, done };
}

for (const flag of ["--once", "--available-now"])
  test(
    `${flag}: one that has done its own waits for another, and takes over when that dies`,
    async () => {
      using job = await sharedJob();
      const { busy, done } = await waiting(job, flag);
      try {
        const [, others] = WAITS.exec(done.stderr()) ?? [];
        expect(others).toBe(assignments(busy).at(-1) ?? "");
        busy.kill("SIGKILL");
        const { code, stderr } = await done.finished();
        expect({ code, stderr }).toMatchObject({ code: 0 });
        expect(assignments(done).at(-1)).toBe("0, 1, 2");
        expect(stderr.match(new RegExp(WAITS, "g"))).toHaveLength(1);
        if (flag === "--once") expect(job.written()).toEqual(await sumsOf(job, someRows(0, 3000)));
        else await expectSums(job, someRows(0, 3000));
      } finally {
        await busy[Symbol.asyncDispose]();
        await done[Symbol.asyncDispose]();
      }
    },
    TIMEOUT_MS,
  );

test(
  "Ctrl-C ends the waiting",
  async () => {
    using job = await sharedJob();
    const { busy, done } = await waiting(job, "--once");
    try {
      done.kill("SIGINT");
      expect((await done.finished()).code).toBe(130);
      await owns(busy, "0, 1, 2");
      busy.kill("SIGTERM");
      expect((await busy.finished()).code).toBe(143);
      await expectSums(job, someRows(0, 3000));
    } finally {
      await busy[Symbol.asyncDispose]();
      await done[Symbol.asyncDispose]();
    }
  },
  TIMEOUT_MS,
);

test(
  "lines on standard output name the partition: each has batches of its own",
  async () => {
    using job = await sharedJob();
    await job.feed(someRows(0, 1000));
    const { code, stdout } = await job.once("--set", "sinks.0.to=-");
    expect(code).toBe(0);
    const lines = rowsOf<{ query: string; partition: number; batch: number; row: unknown }>(stdout);
    expect(new Set(lines.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2]));
    expect(multiset(lines.map(({ row }) => row))).toEqual(await sumsOf(job, someRows(0, 1000)));
  },
  TIMEOUT_MS,
);

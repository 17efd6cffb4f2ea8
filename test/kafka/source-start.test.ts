/** Where a new checkpoint begins, and that a start that can't be is told where it stands in the job file. */

import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { printedRows, rowsAt, writeJob } from "./source-runs.ts";

const START_MS = Date.UTC(2026, 0, 5, 14, 30);
const TOPIC = "start";

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
  await kafka.createTopic(TOPIC, { partitions: 2 });
  await produce(0, 20);
}, 60_000);

/** Odd numbers into partition 1; each of its own second. */
const produce = (from: number, count: number, topic = TOPIC) =>
  kafka.judge.produce(
    topic,
    Array.from({ length: count }, (_, index) => {
      const n = from + index;
      return { value: `{"n":${n}}`, partition: n % 2, timestamp: START_MS + 1000 * n };
    }),
  );

const job = (folder: string, begin: string, topic = TOPIC): string =>
  writeJob(folder, {
    from: `{ kafka: { brokers: "${kafka.brokers}", topics: ${topic}, start: ${begin} } }`,
    schema: "{ n: BIGINT }",
    sql: "SELECT n FROM quotes",
  });

/** Over a topic of ten numbers, a job that begins behind them. */
async function latestJob(folder: string, topic: string): Promise<string> {
  await kafka.createTopic(topic, { partitions: 2 });
  await produce(0, 10, topic);
  return writeJob(folder, {
    from: `"kafka://${kafka.brokers}/${topic}?start=latest"`,
    head: "batch: 20ms\ncheckpoint: ./state\n",
    schema: "{ n: BIGINT }",
    sql: "SELECT n FROM quotes",
    sinks: '  - { from: out, to: "file:out.ndjson" }',
  });
}

describe("a new checkpoint begins", () => {
  const numbers = async (begin: string): Promise<number[]> => {
    using folder = emptyFolder();
    const rows = printedRows(await output(["process", job(folder.path, begin), "--once", "--quiet"]));
    return rows.map(({ n }) => Number(n)).toSorted((a, b) => a - b);
  };
  const from = (first: number): number[] => Array.from({ length: 20 - first }, (_, index) => first + index);

  test("with the first record", async () => expect(await numbers("earliest")).toEqual(from(0)));
  test("at a time, with its zone or in UTC", async () => {
    expect(await numbers('{ timestamp: "2026-01-05T14:30:07Z" }')).toEqual(from(7));
    expect(await numbers("{ timestamp: 2026-01-05T15:30:07.001+01:00 }")).toEqual(from(8));
    expect(await numbers("{ timestamp: 2026-01-05T14:30:19 }")).toEqual([19]);
  });
  test("behind all that is there, where a time is later", async () => {
    expect(await numbers("{ timestamp: 2026-01-05T14:30:20Z }")).toEqual([]);
    expect(await numbers("latest")).toEqual([]);
  });
  test("at offsets, and with the first record of the other partitions", async () => {
    const odd = from(0).filter((n) => n % 2 === 1);
    expect(await numbers(`{ offsets: { ${TOPIC}/0: 9, ${TOPIC}/1: 10 } }`)).toEqual([18]);
    expect(await numbers(`{ offsets: { ${TOPIC}/0: 10 } }`)).toEqual(odd);
  });
  test("with what comes; and what comes while it is stopped is not jumped over", async () => {
    using folder = emptyFolder();
    const topic = "start-latest";
    const file = await latestJob(folder.path, topic);
    const seen = () => rowsAt(join(folder.path, "out.ndjson")).map(({ n }) => Number(n));
    let produced = 10;
    {
      await using job = await start(["process", file]);
      await until("the job reads what comes", async () => {
        produced += await produce(produced, 2, topic);
        return seen().length > 0;
      });
      job.kill("SIGINT");
      expect((await job.finished()).code).toBe(130);
    }
    produced += await produce(produced, 6, topic);
    await output(["process", file, "--available-now", "--quiet"]);
    // Each partition has a latest record of its own: what comes between two looks is before one of them.
    for (const partition of [0, 1]) {
      const all = seen()
        .filter((n) => n % 2 === partition)
        .toSorted((a, b) => a - b);
      const first = Math.max(all[0] ?? 0, 10);
      expect(all).toEqual(
        Array.from({ length: (produced - first + 1) >> 1 }, (_, index) => first + 2 * index),
      );
    }
  }, 60_000);
  test("where it was opened first, though nothing came then", async () => {
    using folder = emptyFolder();
    const topic = "start-silent";
    const file = await latestJob(folder.path, topic);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await using job = await start(["process", file]);
      await until("it is open", () => existsSync(join(folder.path, "state/segments/quotes/opening.json")));
      job.kill(signal);
      await job.finished();
    }
    await produce(10, 10, topic);
    await output(["process", file, "--available-now", "--quiet"]);
    const seen = rowsAt(join(folder.path, "out.ndjson")).map(({ n }) => Number(n));
    expect(seen.toSorted((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    await output(["process", file, "--available-now", "--quiet", "--reset-checkpoint"]);
    expect(rowsAt(join(folder.path, "out.ndjson"))).toEqual([]);
  }, 60_000);
});

describe("a start that can't be is told at its key", () => {
  const told = async (begin: string): Promise<string> => {
    using folder = emptyFolder();
    job(folder.path, begin);
    const { code, stderr } = await streamkit(["process", "job.yaml", "--once"], { cwd: folder.path });
    expect(code).toBe(2);
    const lines = stderr.split("\n").filter((line) => line.includes("job.yaml"));
    expect(lines.length).toBe(1);
    return lines[0] ?? "";
  };
  const cases: readonly (readonly [begin: string, key: string, says: string])[] = [
    ["newest", "", 'one of earliest, latest is expected, found "newest"'],
    ["{ timestamp: noon }", ".timestamp", 'a time like 2026-01-05T14:30:00Z is expected, found "noon"'],
    ["{ timestamps: 1 }", "", 'unknown key "timestamps"; did you mean "timestamp"?'],
    ["{ offsets: { start: 3 } }", ".offsets.start", "a partition is expected, written TOPIC/PARTITION"],
    ["{ offsets: { start/0: -1 } }", ".offsets.start/0", "a number from 0 on is expected, found -1"],
    ["{ offsets: { start/0: last } }", ".offsets.start/0", 'a number is expected, found "last"'],
    ["{ offsets: { other/0: 1 } }", ".offsets.other/0", "a partition of start is expected, found 1"],
    // Only the broker knows these.
    ["{ offsets: { start/2: 1 } }", ".offsets.start/2", "there is no such partition: start has 2"],
    ["{ offsets: { start/1: 11 } }", ".offsets.start/1", "start/1 has the offsets 0 to 10, found 11"],
  ];
  for (const [begin, key, says] of cases)
    test(begin, async () => {
      const line = await told(begin);
      expect(line).toMatch(/job\.yaml:4:\d+: sources\.quotes\.from\.kafka\.start/);
      expect(line).toContain(`kafka.start${key}`);
      expect(line).toContain(says);
    });
});

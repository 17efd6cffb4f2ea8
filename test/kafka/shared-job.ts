/** A job whose partitions several processes share: its topics, its runs, what it has written. */

import { expect } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { bytesOf } from "../services/kafka-judge.ts";
import { emptyFolder, type RunResult } from "../support/binary.ts";
import { multiset, type Running, rowsOf, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { batchAnswer } from "./batch-answer.ts";
import { freshName } from "./sink-job.ts";

export interface Row {
  readonly ts: string;
  readonly k: string;
  readonly v: number;
}

export interface SharedJob extends Disposable {
  readonly name: string;
  readonly folder: string;
  readonly file: string;
  /** By source. */
  readonly topics: Readonly<Record<string, string>>;
  /** Puts rows into a source's topic, by their key. */
  feed(rows: readonly Row[], source?: string): Promise<void>;
  start(...flags: string[]): Promise<Running>;
  once(...flags: string[]): Promise<RunResult>;
  /** What all partitions have written, as a multiset. */
  written(): string[];
  /** What the topic of results holds. */
  inTopic(): Promise<string[]>;
  /** Where everything that is there has been read, and told to the group. */
  caughtUp(): Promise<void>;
}

export interface SharedParts {
  /** By source, the number of its topic's partitions. */
  readonly sources?: Readonly<Record<string, number>>;
  readonly sql?: string;
  readonly query?: Readonly<Record<string, unknown>>;
  /** Writes to a topic too, in two partitions. */
  readonly hasTopic?: boolean;
  /** Left out = the shared one. */
  readonly service?: KafkaService;
}

const SHARED_SCHEMA = { ts: "TIMESTAMP", k: "VARCHAR", v: "BIGINT" };
const SUMS = `SELECT k, window_start, count(*) AS n, sum(v)::BIGINT AS v
    FROM tumble(STREAM, ts, INTERVAL 1 SECOND) GROUP BY ALL`;

const SCHEMA = Object.entries(SHARED_SCHEMA)
  .map((column) => column.join(" "))
  .join(", ");
const KEYS = 12;

/** Rows of many keys that follow each other in time; `from` is the number of the first. */
export function someRows(from: number, count: number): Row[] {
  return Array.from({ length: count }, (_, index) => {
    const v = from + index;
    return { ts: new Date(Date.UTC(2026, 0, 5) + v * 10).toISOString(), k: `key-${v % KEYS}`, v };
  });
}

export async function sharedJob(parts: SharedParts = {}): Promise<SharedJob> {
  const kafka = parts.service ?? (await sharedKafka());
  const { brokers } = kafka;
  const { sources = { ticks: 3 }, sql = SUMS.replace("STREAM", "ticks") } = parts;
  const name = freshName("group");
  const temporary = emptyFolder();
  const folder = temporary.path;
  const file = join(folder, "job.json");
  const topics: Record<string, string> = {};
  for (const [source, partitions] of Object.entries(sources)) {
    const topic = `${name}_${source}`;
    topics[source] = topic;
    await kafka.createTopic(topic, { partitions });
  }
  const results = `${name}_out`;
  if (parts.hasTopic === true) await kafka.createTopic(results, { partitions: 2 });
  const job = {
    name,
    batch: "50ms",
    checkpoint: "./state",
    sources: Object.fromEntries(
      Object.entries(topics).map(([source, topic]) => [
        source,
        { from: { kafka: { brokers, topics: topic, share: "k" } }, schema: SHARED_SCHEMA },
      ]),
    ),
    queries: { sums: { sql, ...parts.query } },
    sinks: [
      { from: "sums", to: "file:out.ndjson" },
      ...(parts.hasTopic === true ? [{ from: "sums", kafka: { brokers, topic: results, key: "k" } }] : []),
    ],
  };
  writeFileSync(file, JSON.stringify(job, null, 2));
  return {
    name,
    folder,
    file,
    topics,
    async feed(rows, source = "ticks") {
      const records = rows.map((row) => ({ key: row.k, value: JSON.stringify(row) }));
      await kafka.judge.produce(topics[source] ?? "", records);
    },
    start: (...flags) => start(["process", "job.json", ...flags], { cwd: folder }),
    once: (...flags) => streamkit(["process", "job.json", "--once", ...flags], { cwd: folder }),
    written() {
      const files = readdirSync(folder).filter((found) => /^out\.\d+\.ndjson$/.test(found));
      return multiset(files.flatMap((found) => rowsOf(readFileSync(join(folder, found), "utf8"))));
    },
    async inTopic() {
      const records = await kafka.judge.read(results);
      return multiset(
        records.map(({ value }) => JSON.parse(bytesOf(value)?.toString() ?? "null") as unknown),
      );
    },
    async caughtUp() {
      await until(`${name} has read everything`, async () => {
        const done = await kafka.judge.groupOffsets(name);
        for (const topic of Object.values(topics)) {
          const ends = await kafka.judge.listOffsets(topic);
          for (const [partition, end] of Object.entries(ends)) {
            const at = done.find((found) => found.topic === topic && found.partition === Number(partition));
            if (end > 0 && at?.offset !== end) return false;
          }
        }
        return true;
      });
    },
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  };
}

/** The partitions that a process was told to be its own, each time it was told. */
export function assignments(process: Running): string[] {
  return [...process.stderr().matchAll(/Partitions of this process: (.*) of \d+/g)].map(
    ([, own]) => own ?? "",
  );
}

/** Resolves when the process has been told so for the last time. */
export function owns(process: Running, own: string | RegExp): Promise<void> {
  return until(`a process has the partitions ${String(own)}:\n${process.stderr()}`, () => {
    const last = assignments(process).at(-1);
    return last !== undefined && (typeof own === "string" ? last === own : own.test(last));
  });
}

/** What the batch query gives. */
export function sumsOf(job: SharedJob, rows: readonly Row[]): Promise<string[]> {
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  return batchAnswer(job.folder, { lines, schema: SCHEMA, sql: SUMS.replace("STREAM", "input") });
}

/** Closes what is open, and compares. */
export async function expectSums(job: SharedJob, rows: readonly Row[]): Promise<void> {
  const { code, stderr } = await job.once();
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(job.written()).toEqual(await sumsOf(job, rows));
}

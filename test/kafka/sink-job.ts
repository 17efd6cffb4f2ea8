/** A job that writes to a topic, its folder and its runs, for the tests of Kafka's sink. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { emptyFolder, type RunResult } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";

export interface SinkJob extends Disposable {
  readonly folder: string;
  readonly file: string;
  /** The job's name too. */
  readonly topic: string;
  /** Where the marks of its batches stand. */
  readonly group: string;
  /** The job of this folder, over all files that were put into it, until all is written. */
  once(rows?: readonly unknown[], options?: RunWith): Promise<RunResult>;
  /** One more file for the source. */
  put(rows: readonly unknown[]): void;
}

interface RunWith {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface JobParts {
  readonly sql?: string;
  readonly mode?: string;
  /** Options of the sink. */
  readonly kafka?: Readonly<Record<string, unknown>>;
  readonly partitions?: number;
  readonly topicConfig?: Readonly<Record<string, string>>;
  /** Undefined = none. */
  readonly checkpoint?: string | undefined;
  readonly schema?: Readonly<Record<string, string>>;
}

let topics = 0;

/** A topic's or job's name that nothing else has. */
export function freshName(prefix: string): string {
  topics += 1;
  return `${prefix}_${process.pid}_${topics}`;
}

const SCHEMA = { k: "VARCHAR", v: "BIGINT", ts: "TIMESTAMP" };

/** `service`: a broker of the test's own, which it may stop. */
export async function sinkJob(parts: JobParts = {}, service?: KafkaService): Promise<SinkJob> {
  const kafka = service ?? (await sharedKafka());
  const topic = freshName("out");
  const { partitions = 1, topicConfig = {}, checkpoint = "state" } = parts;
  await kafka.createTopic(topic, { partitions, config: topicConfig });
  const temporary = emptyFolder();
  const folder = temporary.path;
  mkdirSync(join(folder, "in"));
  const file = join(folder, "job.yaml");
  const query = parts.mode === undefined ? {} : { mode: parts.mode };
  writeFileSync(
    file,
    stringify({
      name: topic,
      ...("checkpoint" in parts && parts.checkpoint === undefined ? {} : { checkpoint }),
      sources: { rows: { from: "file:in/*.ndjson", schema: parts.schema ?? SCHEMA } },
      queries: { q: { sql: parts.sql ?? "SELECT * FROM rows", ...query } },
      sinks: [{ from: "q", kafka: { brokers: kafka.brokers, topic, ...parts.kafka } }],
    }),
  );
  let files = 0;
  const put = (rows: readonly unknown[]): void => {
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
    writeFileSync(join(folder, `in/${String(files).padStart(4, "0")}.ndjson`), text);
    files += 1;
  };
  return {
    folder,
    file,
    topic,
    group: `streamkit-${topic}`,
    put,
    async once(rows, { flags = ["--available-now"], env = {} } = {}) {
      if (rows !== undefined) put(rows);
      return streamkit(["process", file, ...flags], {
        env: { ...process.env, ...env } as Record<string, string>,
      });
    },
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  };
}

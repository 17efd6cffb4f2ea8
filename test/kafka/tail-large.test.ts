/** `tail` to a topic that is too small for some lines: those are cut to fit, and the others arrive. */

import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { bytesOf } from "../services/kafka-judge.ts";
import { emptyFolder } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";
import { freshName } from "./sink-job.ts";

const TIMEOUT_MS = 120_000;

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
}, 60_000);

interface Tailed {
  readonly lines: readonly string[];
  /** The topic's; Kafka's own default if left out. */
  readonly limitBytes?: number;
  readonly parameters?: string;
  /** Through a pipeline, or as the command writes by itself. */
  readonly isPipeline?: boolean;
}

async function tailed({ lines, limitBytes, parameters = "", isPipeline = false }: Tailed) {
  using folder = emptyFolder();
  const topic = freshName("tail-large");
  const config = limitBytes === undefined ? {} : { "max.message.bytes": String(limitBytes) };
  await kafka.createTopic(topic, { config });
  const log = join(folder.path, "a.log");
  writeFileSync(log, lines.map((line) => `${line}\n`).join(""));
  const out = `kafka://${kafka.brokers}/${topic}${parameters}`;
  const pipeline = join(folder.path, "pipeline.yaml");
  writeFileSync(pipeline, `sources: { a: { from: "tail:${log}" } }\nsinks: [{ to: "${out}" }]\n`);
  const args = isPipeline
    ? ["tail", "--pipeline", pipeline, "--once"]
    : ["tail", log, "--once", "--position", join(folder.path, "position"), "--out", out];
  const { code, stderr } = await streamkit(args, { cwd: folder.path });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const values = (await kafka.judge.read(topic)).map(({ value }) => bytesOf(value)?.toString() ?? "");
  return { values, stderr };
}

const LONG = "x".repeat(2_000_000);

describe("a line that the topic is too small for", () => {
  test(
    "is cut to fit Kafka's default",
    async () => {
      const { values, stderr } = await tailed({ lines: ["a", LONG, "b", "c"] });
      expect(values.map((value) => value.slice(0, 2))).toEqual(["a", "xx", "b", "c"]);
      expect(values[1]?.length).toBeGreaterThan(1_048_000);
      expect(stderr).toContain("max.message.bytes 1048588");
    },
    TIMEOUT_MS,
  );

  test(
    "is cut to fit in a pipeline too",
    async () => {
      const { values } = await tailed({ lines: ["a", LONG, "b"], isPipeline: true });
      expect(values.map((value) => value.slice(0, 2))).toEqual(["a", "xx", "b"]);
    },
    TIMEOUT_MS,
  );

  test(
    "is cut to fit a small topic, at a whole character, to the last byte; many lines are no matter",
    async () => {
      const many = Array.from({ length: 5000 }, (_, n) => `line ${n}`);
      const { values } = await tailed({ lines: ["ü".repeat(4000), ...many, LONG, "z"], limitBytes: 3000 });
      expect(values.slice(1, -2)).toEqual(many);
      expect(values[0]).toMatch(/^ü{1400,1470}$/);
      expect(values.at(-2)).toMatch(/^x{2800,2939}$/);
      expect(values.at(-1)).toBe("z");
    },
    TIMEOUT_MS,
  );

  test(
    "goes through whole where it is compressed enough, and is cut where it is not",
    async () => {
      const noise = Array.from({ length: 60_000 }, (_, n) =>
        ((n * 2654435761) % 4294967296).toString(36),
      ).join("");
      const { values } = await tailed({
        lines: ["a", "x".repeat(900_000), noise, "b"],
        limitBytes: 100_000,
        parameters: "?compression.type=zstd",
      });
      expect(values.map((value) => value.length).filter((length) => length === 900_000)).toHaveLength(1);
      expect(values).toContain("a");
      expect(values).toContain("b");
    },
    TIMEOUT_MS,
  );
});

/** `simulate --out kafka://…`: every line once, keyed, in the order of its key; and how it ends. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KafkaService, type SecureKafkaService, sharedKafka, startKafka } from "../services/kafka.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";
import { freshName } from "./sink-job.ts";

let kafka: KafkaService;

beforeAll(async () => {
  kafka = await sharedKafka();
});

async function topic(partitions = 3): Promise<string> {
  const name = freshName("simulated");
  await kafka.createTopic(name, { partitions });
  return name;
}

const COUNT = 5000;
const STREAM = ["--count", String(COUNT), "--rate", "0", "--seed", "7", "--start", "2026-01-05"];

const KINDS: readonly (readonly [string[], (line: string) => string | undefined])[] = [
  [["quotes"], (line) => (JSON.parse(line) as { symbol: string }).symbol],
  [["trades"], (line) => (JSON.parse(line) as { symbol: string }).symbol],
  [["quotes", "--format", "csv"], (line) => line.split(",")[1]],
  [["trades", "--format", "csv"], (line) => line.split(",")[2]],
  [["access-log"], (line) => line.split(" ")[0]],
];

for (const [args, keyOf] of KINDS)
  test(`${args.join(" ")}: all lines once, keys right, no header, in order`, async () => {
    const name = await topic();
    await output(["simulate", ...args, ...STREAM, "--out", `kafka://${kafka.brokers}/${name}`]);
    const lines = (await output(["simulate", ...args, ...STREAM])).split("\n").filter((line) => line !== "");
    if (args.includes("csv")) lines.shift();
    expect(lines).toHaveLength(COUNT);
    const records = await kafka.judge.read(name);
    expect(records).toHaveLength(COUNT);
    const byKey = (pairs: readonly (readonly [unknown, unknown])[]): Record<string, unknown[]> => {
      const found: Record<string, unknown[]> = {};
      for (const [key, line] of pairs) (found[String(key)] ??= []).push(line);
      return found;
    };
    expect(byKey(records.map(({ key, value }) => [key, value]))).toEqual(
      byKey(lines.map((line) => [keyOf(line), line])),
    );
  });

test("--out twice: two topics and a file hold the same", async () => {
  const [one, two] = [await topic(1), await topic(1)];
  using folder = emptyFolder();
  const file = join(folder.path, "out.ndjson");
  const urls = [one, two].map((name) => `kafka://${kafka.brokers}/${name}`);
  const outs = [...urls, `file:${file}`].flatMap((url) => ["--out", url]);
  await output(["simulate", "quotes", ...STREAM, ...outs]);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  for (const name of [one, two])
    expect((await kafka.judge.read(name)).map(({ value }) => value)).toEqual(lines);
});

describe("what is wrong is one line", () => {
  const oneLine = async (url: string): Promise<string> => {
    const { code, stderr } = await streamkit(["simulate", "quotes", "--count", "9", "--out", url]);
    expect(code).not.toBe(0);
    // Beside a warning while it may heal.
    const errors = stderr
      .trim()
      .split("\n")
      .filter((line) => !line.endsWith("Trying for 8 s"));
    expect(errors).toHaveLength(1);
    return errors[0] ?? "";
  };

  test("a wrong host or port", async () => {
    expect(await oneLine("kafka://127.0.0.1:1/t")).toContain("127.0.0.1:1");
    expect(await oneLine("kafka://no-such-host.invalid:9092/t")).toContain("no-such-host.invalid:9092");
  }, 60_000);

  test("a topic that is not there", async () => {
    const told = await oneLine(`kafka://${kafka.brokers}/nowhere_at_all`);
    expect(told).toContain('has no topic "nowhere_at_all" to write to');
  });
});

test("a signal ends it, and all that was counted is there", async () => {
  const name = await topic(1);
  using folder = emptyFolder();
  const file = join(folder.path, "out.ndjson");
  const outs = ["--out", `file:${file}`, "--out", `kafka://${kafka.brokers}/${name}`];
  await using running = await start(["simulate", "quotes", "--rate", "20000", ...outs]);
  await until("records arrive", async () => (await kafka.judge.listOffsets(name))["0"] !== 0);
  running.kill("SIGINT");
  const { stderr } = await running.finished();
  expect(stderr).not.toContain("not taken");
  const lines = readFileSync(file, "utf8").trim().split("\n");
  expect((await kafka.judge.read(name)).map(({ value }) => value)).toEqual(lines);
});

describe("--kafka-options", () => {
  let secure: SecureKafkaService;
  beforeAll(async () => {
    secure = await startKafka({ secure: true });
  });
  afterAll(async () => {
    await secure[Symbol.asyncDispose]();
  });

  const run = (file: string, name: string, env: Record<string, string>) =>
    streamkit(
      [
        "simulate",
        "quotes",
        ...STREAM,
        "--out",
        `kafka://${secure.sasl.saslSsl}/${name}`,
        "--kafka-options",
        file,
      ],
      { env: { ...process.env, ...env } as Record<string, string> },
    );

  test("TLS and SCRAM with the password from the environment, which is never said", async () => {
    using folder = emptyFolder();
    const file = join(folder.path, "kafka.yaml");
    const name = freshName("secure");
    await secure.createTopic(name);
    writeFileSync(join(folder.path, "ca.pem"), readFileSync(secure.sasl.caFile));
    writeFileSync(
      file,
      `tls: { ca: ca.pem }
sasl: { mechanism: SCRAM-SHA-512, username: ${secure.sasl.user}, password: "\${KAFKA_PASSWORD}" }
config: { compression.type: zstd }
`,
    );
    const { code, stderr } = await run(file, name, { KAFKA_PASSWORD: secure.sasl.password });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(await secure.judge.read(name)).toHaveLength(COUNT);

    const refused = await run(file, name, { KAFKA_PASSWORD: "not-the-password" });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("refuses us");
    expect(refused.stderr).not.toContain("not-the-password");
    const unset = await streamkit([
      "simulate",
      "quotes",
      "--out",
      `kafka://${secure.sasl.saslSsl}/${name}`,
      "--kafka-options",
      file,
    ]);
    expect(unset.code).toBe(2);
    expect(unset.stderr).toContain("KAFKA_PASSWORD is not set");
  });

  test("what is wrong in the file is told at its place", async () => {
    using folder = emptyFolder();
    const file = join(folder.path, "kafka.yaml");
    for (const [text, said] of [
      ["tsl: true", "tsl"],
      ["sasl: { mechanism: MAGIC }", "sasl.mechanism"],
      ["tls: [", "kafka.yaml:"],
    ] as const) {
      writeFileSync(file, text);
      const { code, stderr } = await run(file, "t", {});
      expect(code).toBe(2);
      expect(stderr).toContain(said);
      expect(stderr).toContain(file);
    }
    expect((await run(join(folder.path, "none.yaml"), "t", {})).code).toBe(2);
    expect(await output(["simulate", "--help"])).toContain("--kafka-options");
  });
});

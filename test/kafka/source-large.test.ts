/** Values, keys and headers of any size that the topic takes are rows, beside small ones. */

import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import type { NewRecord } from "../services/kafka-judge.ts";
import { emptyFolder } from "../support/binary.ts";
import { streamkit } from "../support/running.ts";
import { rowsAt, writeJob } from "./source-runs.ts";

const TIMEOUT_MS = 120_000;
const MIB = 2 ** 20;

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
}, 60_000);

interface Read {
  readonly name: string;
  readonly records: readonly NewRecord[];
  readonly attributes?: string;
  /** Of the source, like a format. */
  readonly source?: string;
  readonly schema?: string;
  readonly select: string;
}

async function read({ name, records, attributes = "{}", source = "", schema, select }: Read) {
  using folder = emptyFolder();
  const topic = `large-${name}-${process.pid}`;
  await kafka.createTopic(topic, { partitions: 2, config: { "max.message.bytes": "20000000" } });
  await kafka.judge.produce(topic, records, { "max.request.size": "20000000", "buffer.memory": "90000000" });
  const file = writeJob(folder.path, {
    from: `{ kafka: { brokers: "${kafka.brokers}", topics: ${topic}, attributes: ${attributes} } }`,
    source,
    ...(schema === undefined ? {} : { schema }),
    sql: `SELECT ${select} FROM quotes`,
    sinks: '  - { from: out, to: "file:out.ndjson" }\n  - { from: dead_letters, to: "file:dead.ndjson" }',
  });
  const { code, stderr } = await streamkit(["process", file, "--once"], { cwd: folder.path });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(rowsAt(join(folder.path, "dead.ndjson")).map(({ reason }) => reason)).toEqual([]);
  return rowsAt(join(folder.path, "out.ndjson")).toSorted((a, b) => Number(a["n"]) - Number(b["n"]));
}

const SIZES = [10, MIB - 20, MIB, MIB + 1, 3 * MIB, 15 * MIB];
const text = (size: number): string => "x".repeat(size);

describe("values", () => {
  for (const type of ["BIGINT", "DECIMAL(30, 2)"])
    test(
      `of JSON beside a ${type}`,
      async () => {
        const records = SIZES.map((size, n) => ({
          value: JSON.stringify({ n, s: text(size) }),
          partition: n % 2,
        }));
        const schema = `{ n: "${type}", s: VARCHAR }`;
        const rows = await read({ name: type.slice(0, 3), records, schema, select: "n, length(s) AS size" });
        expect(rows.map(({ size }) => size)).toEqual(SIZES);
      },
      TIMEOUT_MS,
    );

  test(
    "of CSV and of lines",
    async () => {
      const csv = SIZES.map((size, n) => ({ value: `${n},${text(size)}` }));
      const source = "    format: csv\n";
      const schema = "{ n: BIGINT, s: VARCHAR }";
      const rows = await read({ name: "csv", records: csv, source, schema, select: "n, length(s) AS size" });
      expect(rows.map(({ size }) => size)).toEqual(SIZES);
      const records = SIZES.map((size) => ({ value: text(size) }));
      const lines = await read({
        name: "lines",
        records,
        source: "    format: lines\n",
        select: "length(line) AS n",
      });
      expect(lines.map(({ n }) => n)).toEqual(SIZES);
    },
    TIMEOUT_MS,
  );
});

test(
  "keys and headers, of text and of bytes",
  async () => {
    const bytes = (size: number) => ({ base64: Buffer.alloc(size, 255).toString("base64") });
    const records: NewRecord[] = [10, 600_000, 3 * MIB].flatMap((size, at) => [
      { value: `{"n":${4 * at}}`, key: text(size) },
      { value: `{"n":${4 * at + 1}}`, key: bytes(size) },
      { value: `{"n":${4 * at + 2}}`, headers: [["h", text(size)]] },
      {
        value: `{"n":${4 * at + 3}}`,
        headers: [
          ["h", bytes(size)],
          ["none", null],
          ["h", "again"],
        ],
      },
    ]);
    const rows = await read({
      name: "keys",
      records,
      attributes: "{ key: k, headers: hs }",
      schema: "{ n: BIGINT }",
      select: "n, length(k) AS key, length(hs[1].value) AS header, len(hs) AS headers",
    });
    const sizes = [10, 600_000, 3 * MIB];
    expect(rows.map(({ key, header }) => key ?? header)).toEqual(
      sizes.flatMap((size) => [size, 4 * size, size, 4 * size]),
    );
    expect(rows.map(({ headers }) => headers)).toEqual([0, 0, 1, 3, 0, 0, 1, 3, 0, 0, 1, 3]);
  },
  TIMEOUT_MS,
);

/** The disk of the segments runs full in the middle: the job says so and ends; with room it goes on. */

import { beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KafkaService, sharedKafka } from "../services/kafka.ts";
import { smallDisk } from "../services/small-disk.ts";
import { emptyFolder } from "../support/binary.ts";
import { multiset, output, rowsOf, streamkit } from "../support/running.ts";
import { batchAnswer } from "./batch-answer.ts";

const TOPIC = "full-disk";
const QUOTES = 150_000;
const SIMULATED = [
  "quotes",
  "--rate",
  "0",
  "--count",
  String(QUOTES),
  "--seed",
  "3",
  "--start",
  "2026-01-05",
];
const SQL = `SELECT symbol, window_start, max(price) AS high, sum(volume) AS volume
  FROM tumble(STREAM, ts, INTERVAL 1 SECOND) GROUP BY ALL`;
const COLUMNS = { ts: "TIMESTAMP", symbol: "VARCHAR", price: "DOUBLE", volume: "BIGINT" };
const SCHEMA = Object.entries(COLUMNS)
  .map((column) => column.join(" "))
  .join(", ");

let kafka: KafkaService;
beforeAll(async () => {
  kafka = await sharedKafka();
  await kafka.createTopic(TOPIC, { partitions: 3 });
  await output(["simulate", ...SIMULATED, "--out", `kafka://${kafka.brokers}/${TOPIC}`]);
}, 60_000);

test("a full disk costs nothing", async () => {
  using folder = emptyFolder();
  using disk = smallDisk(join(folder.path, "state/segments"), 3);
  const job = {
    name: "full",
    checkpoint: "./state",
    sources: {
      ticks: {
        from: { kafka: { brokers: kafka.brokers, topics: TOPIC } },
        schema: COLUMNS,
      },
    },
    queries: { high: SQL.replace("STREAM", "ticks") },
    sinks: [{ from: "high", to: "file:out.ndjson" }],
  };
  writeFileSync(join(folder.path, "job.json"), JSON.stringify(job));
  const run = () => streamkit(["process", "job.json", "--once"], { cwd: folder.path });

  const full = await run();
  expect(full.code).toBe(1);
  expect(full.stderr).toContain("can't be written");
  expect(full.stderr).toContain("No space left on device");
  expect(full.stderr).not.toContain("    at ");

  disk.grow(200);
  const again = await run();
  expect(again.stderr).not.toContain("late");
  expect(again.code).toBe(0);
  const lines = await output(["simulate", ...SIMULATED]);
  const sql = SQL.replace("STREAM", "input");
  const expected = await batchAnswer(folder.path, { lines, schema: SCHEMA, sql });
  const rows = rowsOf(readFileSync(join(folder.path, "out.ndjson"), "utf8"));
  expect(multiset(rows)).toEqual(expected);
}, 60_000);

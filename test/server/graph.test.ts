/** A job's graph and what went wrong in it, as the API tells of a job that runs. */

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LateRows, LetterKind } from "../../src/engine/batch-progress.ts";
import * as schemas from "../../src/server/api/schemas.ts";
import { openProblems } from "../../src/server/problems.ts";
import { until } from "../support/until.ts";
import { batchOf } from "./batch-of.ts";

const MAIN = join(import.meta.dir, "../../src/main.ts");
const folder = mkdtempSync(join(tmpdir(), "streamkit-graph-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const JOB = `
name: shop
batch: 50ms
checkpoint: ./state
sources:
  sales:
    from: "file:in/*.ndjson"
    format: json
    schema: { ts: TIMESTAMP, item: VARCHAR, n: BIGINT }
    time: ts
    watermark: 0s
queries:
  good: SELECT * FROM sales WHERE n > 0
  minutes:
    sql: SELECT item, window_start, sum(n) AS n FROM tumble(good, ts, INTERVAL 1 MINUTE) GROUP BY ALL
    mode: update
sinks:
  - { from: minutes, to: "file:out/minutes.ndjson" }
  - { from: dead_letters, to: "file:out/dead.ndjson" }
  - { from: good, parquet: { warehouse: "file:tables", table: shop.good } }
`;

async function running() {
  const child = Bun.spawn([process.execPath, MAIN, "process", "job.yaml", "--serve", "0"], {
    cwd: folder,
    stdout: "ignore",
    stderr: "pipe",
  });
  let said = "";
  const reading = (async () => {
    for await (const chunk of child.stderr) said += Buffer.from(chunk).toString();
  })();
  const address = (): string | undefined => /dashboard at (\S+)/.exec(said)?.[1];
  await until("it says where the dashboard is", () => address() !== undefined);
  return {
    get: async (path: string): Promise<unknown> => (await fetch(`${address()}/api/v1/${path}`)).json(),
    async ask(sql: string) {
      const body = JSON.stringify({ sql });
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${address()}/api/v1/sql`, { method: "POST", headers, body });
      return schemas.sqlSchema.parse(await answer.json());
    },
    async end() {
      child.kill("SIGTERM");
      await child.exited;
      await reading;
    },
  };
}

function write(file: string, lines: readonly string[]): void {
  writeFileSync(join(folder, "in", file), lines.map((line) => `${line}\n`).join(""));
}

test("a job is a graph; its dead letters and late rows outlive a restart", async () => {
  mkdirSync(join(folder, "in"));
  writeFileSync(join(folder, "job.yaml"), JOB);
  write("1.ndjson", [
    '{"ts":"2026-01-05T10:00:00Z","item":"a","n":1}',
    "broken",
    '{"ts":"2026-01-05T10:02:00Z","item":"b","n":2}',
  ]);
  const job = await running();
  const letters = async () => schemas.lettersSchema.parse(await job.get("dead-letters")).letters;
  await until("the broken line is told of", async () => (await letters()).length > 0);
  write("2.ndjson", ['{"ts":"2026-01-05T09:00:00Z","item":"a","n":1}']);
  const late = async () => schemas.lateSchema.parse(await job.get("late")).late;
  await until("the late row is told of", async () => (await late()).length > 0);
  const graph = schemas.graphSchema.parse(await job.get("graph"));
  expect(graph.edges).toEqual([
    { from: "sales", to: "good" },
    { from: "good", to: "minutes" },
    { from: "minutes", to: "sink:1" },
    { from: "sales", to: "dead_letters" },
    { from: "dead_letters", to: "sink:2" },
    { from: "good", to: "sink:3" },
  ]);
  expect(graph.nodes.map(({ id, kind, type }) => [id, kind, type])).toEqual([
    ["sales", "source", "files"],
    ["good", "query", "append"],
    ["minutes", "query", "update"],
    ["sink:1", "sink", "file"],
    ["dead_letters", "dead_letters", "append"],
    ["sink:2", "sink", "file"],
    ["sink:3", "sink", "parquet"],
  ]);
  expect(graph.nodes[0]).toMatchObject({ rows: 1, lateRows: 1, deadLetters: 1 });
  expect(graph.nodes[1]?.sql?.trim()).toBe("SELECT * FROM sales WHERE n > 0");
  const { table } = graph.nodes.at(-1) ?? {};
  expect(table).toBe("shop.good");
  const stored = async () =>
    (await job.ask(`SELECT item, n FROM ${table} WHERE ts < TIMESTAMP '2026-01-05 10:01:00' ORDER BY ts`))
      .rows;
  await until("older rows are in the warehouse", async () => (await stored()).length === 2);
  expect(await stored()).toEqual([
    { item: "a", n: 1 },
    { item: "a", n: 1 },
  ]);
  await job.end();

  const again = await running();
  const kept = schemas.lettersSchema.parse(await again.get("dead-letters"));
  expect(kept.letters).toMatchObject([
    { source: "sales", query: null, count: 1, line: "broken", byteOffset: 47 },
  ]);
  const keptLate = schemas.lateSchema.parse(await again.get("late"));
  expect(keptLate.late).toMatchObject([{ source: "sales", rows: 1, leftOutOf: ["minutes"] }]);
  await again.end();
});

test("letters of one kind are one entry, and of too many kinds the last stay", () => {
  const problems = openProblems(2);
  const add = (batch: number, letters: readonly LetterKind[], late: readonly LateRows[] = []): void =>
    problems.add({ ...batchOf(batch, { query: "q", key: [], columns: [], rows: [] }), letters, late });
  add(1, [letter("a", 2), letter("b", 1)]);
  add(2, [letter("a", 3)], [lateRows(5, 100)]);
  expect(problems.letters.map(({ kind, count, batch }) => [kind, count, batch])).toEqual([
    ["b", 1, 1],
    ["a", 5, 2],
  ]);
  add(3, [letter("c", 1)], [lateRows(1, 50)]);
  expect(problems.letters.map(({ kind }) => kind)).toEqual(["a", "c"]);
  expect(problems.late).toMatchObject([{ source: "s", rows: 6, earliestMs: 50, batch: 3 }]);
});

function letter(kind: string, count: number): LetterKind {
  return { source: "s", query: null, kind, count, reason: kind, origin: null, byteOffset: null, line: null };
}

function lateRows(rows: number, earliestMs: number): LateRows {
  return { source: "s", rows, earliestMs, watermarkMs: 200, delayMs: 0, leftOutOf: ["q"] };
}

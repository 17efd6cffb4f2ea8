/**
 * Input of many segments: the next is read while one is executed. Nothing is lost or doubled, killed or not.
 */

import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readPlanFile } from "../../src/checkpoint/batch-plan-file.ts";
import { emptyFolder } from "../support/binary.ts";
import { output, shell, start, streamkit } from "../support/running.ts";
import { until } from "../support/until.ts";

const ROWS = 700_000;
const QUOTES = `simulate quotes --rate 0 --count ${ROWS} --seed 3 --start 2026-01-05T14:30:00Z --step 1ms`;
const CLOSED = `SELECT symbol, window_start, count(*) AS quotes, arg_max(price, ts) AS close,
  sum(volume)::BIGINT AS volume FROM tumble(ticks, ts, INTERVAL 1 SECOND) GROUP BY ALL`;
const JOB = `
checkpoint: state
batch: 0
sources:
  ticks:
    from: "file:../ticks.ndjson"
    schema: { ts: TIMESTAMP, symbol: VARCHAR, price: DOUBLE, volume: BIGINT }
queries:
  closed: "${CLOSED.replaceAll("\n", " ")}"
sinks:
  - { from: closed, to: "file:closed.ndjson" }
  - { from: ticks, parquet: { warehouse: wh, table: quotes } }
`;

function jobFolder(parent: string, name: string): string {
  const folder = join(parent, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "job.yaml"), JOB);
  return folder;
}

const closedRows = (folder: string): string[] =>
  readFileSync(join(folder, "closed.ndjson"), "utf8").trim().split("\n").toSorted();

function batchUnderWay(folder: string): number {
  return (readPlanFile(join(folder, "state")) as { batch: number } | undefined)?.batch ?? 0;
}

test("a file of several segments, killed in each of its batches, gives what one run gives", async () => {
  using parent = emptyFolder();
  await shell(`$S ${QUOTES} > ticks.ndjson`, { cwd: parent.path });
  const whole = jobFolder(parent.path, "whole");
  expect(await streamkit(["process", "job.yaml", "--once"], { cwd: whole })).toMatchObject({ code: 0 });
  const killed = jobFolder(parent.path, "killed");
  let kills = 0;
  for (let batch = 1; batch <= 4; batch += 1) {
    await using run = await start(["process", join(killed, "job.yaml"), "--once"]);
    await until(
      `batch ${batch} to begin\n${run.stderr()}`,
      () => batchUnderWay(killed) >= batch || run.exitCode() !== undefined,
    );
    if (run.exitCode() === undefined) kills += 1;
    run.kill("SIGKILL");
  }
  expect(kills).toBeGreaterThan(2);
  expect(await streamkit(["process", "job.yaml", "--once"], { cwd: killed })).toMatchObject({ code: 0 });
  expect(closedRows(killed)).toEqual(closedRows(whole));
  const figures =
    "SELECT count(*) AS rows, sum(volume)::BIGINT AS volume, count(DISTINCT ts) AS times FROM quotes";
  const [ours, theirs] = await Promise.all(
    [killed, whole].map((cwd) =>
      output(["query", figures, "--warehouse", "wh", "--format", "json"], { cwd }),
    ),
  );
  expect(ours).toBe(theirs ?? "");
  expect(JSON.parse(ours ?? "")).toMatchObject([{ rows: ROWS, times: ROWS }]);
}, 120_000);

test("a pipe of several segments gives what DuckDB gives over the file", async () => {
  using parent = emptyFolder();
  await shell(`$S ${QUOTES} > ticks.ndjson`, { cwd: parent.path });
  const sql = CLOSED.replace("ticks", "input");
  const { code } = await shell(`cat ticks.ndjson | $S process --sql "${sql}" > out.ndjson`, {
    cwd: parent.path,
  });
  expect(code).toBe(0);
  const batch = `SELECT symbol, time_bucket(INTERVAL 1 SECOND, ts) AS window_start, count(*) AS quotes,
    arg_max(price, ts) AS close, sum(volume)::BIGINT AS volume FROM read_json('ticks.ndjson',
    columns = {ts: 'TIMESTAMP', symbol: 'VARCHAR', price: 'DOUBLE', volume: 'BIGINT'}) GROUP BY ALL`;
  const expected = await output(["query", batch, "--format", "ndjson"], { cwd: parent.path });
  const rows = readFileSync(join(parent.path, "out.ndjson"), "utf8").trim().split("\n").toSorted();
  expect(rows).toEqual(expected.trim().split("\n").toSorted());
}, 120_000);

/** A job goes on after its input had ended: what the end closed stays closed, and the rest is as ever. */

import { expect, test } from "bun:test";
import { readdirSync, renameSync } from "node:fs";
import path from "node:path";
import { openDatabase } from "../../src/duckdb/database.ts";
import { INFINITY_US, literal, sql } from "../../src/duckdb/sql.ts";
import { emptyFolder } from "../support/binary.ts";
import { runIn, writtenIn } from "../world/bounded-runs/bounded.ts";

/** One of each way to keep a state that the watermark ends. */
const QUERIES: Readonly<Record<string, string>> = {
  merged: "SELECT k, window_start, count(*) AS n FROM tumble(s, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
  sliding: `SELECT window_start, sum(id)::BIGINT AS n
    FROM hop(s, ts, INTERVAL 1 MINUTE, INTERVAL 3 MINUTE) GROUP BY ALL`,
  sessions: `SELECT k, window_start, window_end, count(*) AS n
    FROM session(s, ts, INTERVAL 1 MINUTE, k) GROUP BY ALL`,
  kept: "SELECT window_start, list(id ORDER BY id) AS ids FROM tumble(s, ts, INTERVAL 1 HOUR) GROUP BY ALL",
  different: "SELECT DISTINCT ts, k FROM s",
  met: `SELECT a.id, b.id AS other
    FROM s a JOIN s b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL 10 SECOND`,
  alone: `SELECT a.id FROM s a
    LEFT JOIN s b ON a.id = b.id + 1 AND b.ts BETWEEN a.ts - INTERVAL 9 SECOND AND a.ts WHERE b.id IS NULL`,
  ends: "SELECT window_end AS till, count(*) AS n FROM tumble(s, ts, INTERVAL 1 MINUTE) GROUP BY ALL",
  counted: "SELECT window_start, count(*) AS n FROM tumble(ends, till, INTERVAL 1 HOUR) GROUP BY ALL",
};
const NAMES = Object.keys(QUERIES);

const JOB = `
checkpoint: state
sources:
  s: { from: "file:in/*.ndjson", schema: { ts: TIMESTAMP, k: VARCHAR, id: BIGINT }, watermark: 10s }
queries:
${NAMES.map((name) => `  ${name}: ${JSON.stringify(QUERIES[name])}`).join("\n")}
sinks:
${NAMES.map((name) => `  - { from: ${name}, to: "file:out/${name}.ndjson" }`).join("\n")}
  - { from: late, to: "file:out/late.ndjson" }
`;

const row = (time: string, k: string, id: number): string => `${JSON.stringify({ ts: time, k, id })}\n`;
const DAYS = ["2026-01-05", "2026-01-06", "2026-01-07"];
const day = (number: number): string =>
  ["10:00:05", "10:00:10", "10:02:00", "10:59:58"]
    .map((time, index) => row(`${DAYS[number]}T${time}Z`, index % 2 === 0 ? "a" : "b", number * 10 + index))
    .join("");

async function answersOf(lives: readonly string[], until: "once" | "stopped") {
  using folder = emptyFolder();
  let lateRows = 0;
  for (const [index, text] of lives.entries()) {
    await Bun.write(path.join(folder.path, `in/${index}.ndjson`), text);
    const checkpointFolder = path.join(folder.path, "state");
    lateRows += (await runIn(folder.path, JOB, { checkpointFolder, until })).lateRows;
  }
  return { lateRows, rows: new Map([...NAMES, "late"].map((name) => [name, writtenIn(folder.path, name)])) };
}

const sorted = (rows: readonly string[] | undefined): readonly string[] => (rows ?? []).toSorted();

test("--once on one day after the other gives what --once gives on all of them", async () => {
  const whole = await answersOf([DAYS.map((_, number) => day(number)).join("")], "once");
  const parts = await answersOf(
    DAYS.map((_, number) => day(number)),
    "once",
  );
  expect(whole.lateRows + parts.lateRows).toBe(0);
  for (const name of NAMES) {
    expect(whole.rows.get(name)?.length).toBeGreaterThan(0);
    expect({ name, rows: sorted(parts.rows.get(name)) }).toEqual({
      name,
      rows: sorted(whole.rows.get(name)),
    });
  }
}, 60_000);

test("no window is given twice: rows of one that the end closed are late, told and kept apart", async () => {
  const afterwards = [
    row("2026-01-05T10:59:59Z", "b", 90), // in windows of a minute and an hour that are closed
    row("2026-01-05T11:00:01Z", "b", 91), // in their next, but still in reach of a session, a join and a hop
    row("2026-01-05T11:30:00Z", "b", 92),
  ].join("");
  const { lateRows, rows } = await answersOf([day(0), afterwards], "once");
  const windows = (name: string) =>
    (rows.get(name) ?? []).map((text) => JSON.parse(text) as { window_start: string });
  for (const name of ["merged", "sliding", "kept", "counted"]) {
    const starts = windows(name).map((window) =>
      JSON.stringify([window.window_start, (window as { k?: string }).k]),
    );
    expect(new Set(starts).size).toBe(starts.length);
  }
  expect(windows("merged").at(-1)?.window_start).toBe("2026-01-05T11:30:00.000Z");
  expect(rows.get("merged")?.join()).toContain('"2026-01-05T11:00:00.000Z"');
  expect(rows.get("kept")?.at(-1)).toContain("[91,92]");
  // The last one only for the hour of the minutes that end in it.
  expect(lateRows).toBe(3);
  expect(rows.get("late")?.map((text) => (JSON.parse(text) as { id: number }).id)).toEqual([90, 91, 92]);
}, 60_000);

test("the watermark of the events goes on: a row behind it is late, a day later as well", async () => {
  const behind = row("2026-01-05T23:00:00Z", "a", 95);
  const { lateRows, rows } = await answersOf([day(1), behind + day(2)], "once");
  expect(lateRows).toBe(1);
  expect(rows.get("late")?.join()).toContain('"id":95');
  expect(rows.get("merged")?.join()).not.toContain("2026-01-05");
}, 60_000);

test("a checkpoint of a former version, whose watermark is the end, goes on", async () => {
  using folder = emptyFolder();
  const checkpointFolder = path.join(folder.path, "state");
  const life = async (number: number) => {
    await Bun.write(path.join(folder.path, `in/${number}.ndjson`), day(number));
    return runIn(folder.path, JOB, { checkpointFolder });
  };
  await life(0);
  const database = await openDatabase({ threads: 1 });
  await database.run(sql`ATTACH ${literal(path.join(checkpointFolder, "checkpoint.duckdb"))} AS former`);
  const [found] = await database.rows(sql`SELECT json FROM former.progress`);
  interface Progress {
    readonly sources: { readonly s: { watermarkUs: string } };
    readonly watermarksUs: Record<string, string>;
    hasEnded?: boolean;
    closedUs?: Record<string, string>;
  }
  const { hasEnded, closedUs, ...progress } = JSON.parse(String(found?.["json"])) as Progress;
  expect(hasEnded).toBe(true);
  for (const name of ["merged", "sessions", "met"]) expect(closedUs?.[name]).toBeDefined();
  progress.sources.s.watermarkUs = String(INFINITY_US);
  for (const key of Object.keys(progress.watermarksUs)) progress.watermarksUs[key] = String(INFINITY_US);
  await database.run(sql`UPDATE former.progress SET json = ${JSON.stringify(progress)}`);
  await database.run(sql`DETACH former`);
  database.close();
  expect(await runIn(folder.path, JOB, { checkpointFolder })).toMatchObject({ batches: 0 });
  expect(await life(1)).toMatchObject({ lateRows: 0 });
  const whole = await answersOf([day(0), day(1)], "once");
  for (const name of NAMES)
    expect({ name, rows: writtenIn(folder.path, name) }).toEqual({ name, rows: whole.rows.get(name) ?? [] });
}, 60_000);

test("keep: goes by the events, not by the end of an input", async () => {
  using folder = emptyFolder();
  const job = `
checkpoint: state
sources: { s: { from: "file:in/*.ndjson", schema: { ts: TIMESTAMP, i: INTEGER } } }
queries: { q: SELECT * FROM s }
sinks: [ { from: q, parquet: { warehouse: wh, table: t, partition_by: [dt=ts::DATE], keep: 2d } } ]
`;
  const partitions = async (date: string): Promise<readonly string[]> => {
    await Bun.write(path.join(folder.path, "new"), `{"ts":"${date} 00:00:00","i":1}\n`);
    await Bun.write(path.join(folder.path, "in/.made"), "");
    renameSync(path.join(folder.path, "new"), path.join(folder.path, `in/${date}.ndjson`));
    await runIn(folder.path, job, { checkpointFolder: path.join(folder.path, "state") });
    return readdirSync(path.join(folder.path, "wh/t"))
      .filter((name) => name.startsWith("dt="))
      .toSorted();
  };
  expect(await partitions("2026-01-05")).toEqual(["dt=2026-01-05"]);
  expect(await partitions("2026-01-06")).toEqual(["dt=2026-01-05", "dt=2026-01-06"]);
  expect(await partitions("2026-01-09")).toEqual(["dt=2026-01-05", "dt=2026-01-06", "dt=2026-01-09"]);
  // By what was known before this batch, as ever.
  expect(await partitions("2026-01-10")).toEqual(["dt=2026-01-09", "dt=2026-01-10"]);
}, 60_000);

/**
 * What a bounded run keeps is bounded too: where it grows too large, windows close on the way, and no row is
 * late all the same.
 */

import { afterAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { systemClock } from "../../../src/base/clock.ts";
import { rowFiles } from "../../../src/verify/run.ts";
import { difference } from "../../equation/answers.ts";
import { batchAnswers, runIn, writtenIn } from "./bounded.ts";

const root = mkdtempSync(path.join(tmpdir(), "streamkit-bounded-"));
afterAll(() => rmSync(root, { recursive: true }));

const SMALL = { segmentBytes: 500, heldRows: 0 };
const COUNT = "SELECT window_start, count(*) AS n FROM tumble(log, ts, INTERVAL 1 MINUTE) GROUP BY ALL";

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(root, "case-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

function jobOf(log: Readonly<Record<string, unknown>>, sql = COUNT): string {
  return stringify({
    sources: { log: { watermark: "0s", ...log } },
    queries: { counts: sql },
    sinks: rowFiles(["counts"]),
  });
}

/** A line a second, but for those that come an hour too late, and the first line, which comes last. */
function times(count: number): Date[] {
  const start = Date.UTC(2026, 0, 5, 10);
  const seconds = [...Array(count).keys()].map((n) => (n % 50 === 49 && n > 3600 ? n - 3600 : n));
  return [...seconds.slice(60), ...seconds.slice(0, 60)].map((second) => new Date(start + second * 1000));
}

function inOrder(count: number): Date[] {
  return [...Array(count).keys()].map((n) => new Date(Date.UTC(2026, 0, 5, 10, 0, n)));
}

const iso = (time: Date): string => time.toISOString().slice(0, 19);
const json = (time: Date): string => `{"ts":"${iso(time)}","v":1}`;

async function expectWhole(folder: string, job: string): Promise<number> {
  const { lateRows, batchesWithRows } = await runIn(folder, job, { bounds: SMALL });
  const answer = (await batchAnswers(folder, job)).get("counts");
  if (answer === undefined) throw new Error("No answer");
  expect(difference(writtenIn(folder, "counts"), answer)).toBeUndefined();
  expect(answer.rows.length).toBeGreaterThan(1);
  expect(lateRows).toBe(0);
  return batchesWithRows;
}

describe("windows close on the way", () => {
  test("where the input is in order", async () => {
    const folder = folderWith({
      "log.ndjson": inOrder(300)
        .map((time) => `${json(time)}\n`)
        .join(""),
    });
    const job = jobOf({ from: "file:log.ndjson", schema: { ts: "TIMESTAMP", v: "BIGINT" } });
    expect(await expectWhole(folder, job)).toBeGreaterThan(3);
  });

  test("but not before the earliest row, which comes last", async () => {
    const lines = [...inOrder(300).slice(1), ...inOrder(1)].map((time) => `${json(time)}\n`);
    const folder = folderWith({ "log.ndjson": lines.join("") });
    const job = jobOf({ from: "file:log.ndjson", schema: { ts: "TIMESTAMP", v: "BIGINT" } });
    // The batch that reads it, and the end.
    expect(await expectWhole(folder, job)).toBe(2);
  });

  test("of a source that others have left behind", async () => {
    const folder = folderWith({
      "log.ndjson": inOrder(300)
        .map((time) => `${json(time)}\n`)
        .join(""),
      "few.ndjson": `${json(new Date(Date.UTC(2026, 0, 5, 10)))}\n`,
    });
    const schema = { ts: "TIMESTAMP", v: "BIGINT" };
    const job = stringify({
      sources: {
        log: { from: "file:log.ndjson", schema },
        few: { from: "file:few.ndjson", schema },
      },
      queries: {
        counts: `SELECT log.ts, few.v FROM log LEFT JOIN few
          ON few.ts BETWEEN log.ts AND log.ts + INTERVAL 1 MINUTE`,
      },
      sinks: rowFiles(["counts"]),
    });
    expect(await expectWhole(folder, job)).toBeGreaterThan(3);
  });
});

describe("event times are looked for as they are read", () => {
  const columns = { t: "BIGINT", v: "BIGINT" };
  const files: Readonly<Record<string, { readonly log: Record<string, unknown>; readonly text: string }>> = {
    "CSV, of which some lines are broken": {
      log: { format: "csv", schema: { ts: "TIMESTAMP", v: "BIGINT" } },
      text: `ts,v\n${times(400)
        .map((time, n) => (n % 40 === 0 ? `"x\n${iso(time)},1` : `${iso(time)},1`))
        .join("\n")}\n`,
    },
    "JSON, with lines and values that are none": {
      log: { schema: { ts: "TIMESTAMP", v: "BIGINT" } },
      text: times(400)
        .map((time, n) => `${n % 30 === 0 ? '{"ts":"soon"}\n{oops\n' : ""}${json(time)}\n`)
        .join(""),
    },
    "a time that the projection makes": {
      log: { schema: columns, select: "epoch_ms(t) AS ts, v" },
      text: times(400)
        .map((time) => `{"t":${time.getTime()},"v":1}\n`)
        .join(""),
    },
    "an access log": {
      log: { format: "combined" },
      text: times(400)
        .map((time) => {
          const day = `05/Jan/2026:${iso(time).slice(11)} +0000`;
          return `192.0.2.7 - - [${day}] "GET /\\x16 HTTP/1.1" 200 5 "-" "curl/8"\n`;
        })
        .join(""),
    },
    "rows without a time, and before and after all times": {
      log: { schema: { ts: "TIMESTAMP", v: "BIGINT" } },
      text: [...times(200).map(json), '{"v":1}', '{"ts":"infinity","v":1}', ...times(200).map(json), ""].join(
        "\n",
      ),
    },
  };
  for (const [name, { log, text }] of Object.entries(files))
    test(name, async () => {
      const folder = folderWith({ log: text });
      await expectWhole(folder, jobOf({ from: "file:log", ...log }));
    });
});

test("the input is what was there at the start: what is written meanwhile is not", async () => {
  const folder = folderWith({
    log: times(100)
      .map((time) => `${json(time)}\n`)
      .join(""),
  });
  const job = jobOf({ from: "file:log", schema: { ts: "TIMESTAMP", v: "BIGINT" } });
  let reads = 0;
  const clock = {
    ...systemClock,
    nowMs: () => {
      reads += 1;
      appendFileSync(path.join(folder, "log"), `${json(new Date(0))}\n`);
      return systemClock.nowMs();
    },
  };
  const { lateRows } = await runIn(folder, job, { bounds: SMALL, clock });
  expect(reads).toBeGreaterThan(0);
  expect(lateRows).toBe(0);
  const counted = writtenIn(folder, "counts").map((row) => (JSON.parse(row) as { n: number }).n);
  expect(counted.reduce((sum, n) => sum + n, 0)).toBe(100);
});

test("--available-now goes by the watermark: the same rows are late there", async () => {
  const folder = folderWith({
    log: times(300)
      .map((time) => `${json(time)}\n`)
      .join(""),
  });
  const job = jobOf({ from: "file:log", schema: { ts: "TIMESTAMP", v: "BIGINT" } });
  expect((await runIn(folder, job, { bounds: SMALL, until: "available" })).lateRows).toBe(60);
});

/** A job over rotated logs: rows come in the order of time, in one go and as files appear. */

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { rowFiles } from "../../../src/verify/run.ts";
import { until } from "../../support/until.ts";
import { runIn, writtenIn } from "../bounded-runs/bounded.ts";

const root = mkdtempSync(path.join(tmpdir(), "streamkit-rotated-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Lines of an access log, one in ten minutes of the day. */
function dayOf(day: number): string {
  return [...Array(144).keys()]
    .map((n) => {
      const time = new Date(Date.UTC(2026, 0, day) + n * 600_000).toISOString().slice(11, 19);
      const request = `GET /${day}/${n} HTTP/1.1`;
      return `192.0.2.7 - - [0${day}/Jan/2026:${time} +0000] "${request}" 200 5 "-" "curl/8"\n`;
    })
    .join("");
}

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(root, "case-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return folder;
}

function jobOf(glob: string): string {
  return stringify({
    sources: { log: { from: `file:${glob}`, format: "combined", watermark: "0s" } },
    queries: {
      paths: "SELECT path FROM log",
      days: "SELECT window_start, count(*) AS n FROM tumble(log, ts, INTERVAL 1 DAY) GROUP BY ALL",
    },
    sinks: rowFiles(["paths", "days"]),
  });
}

const wanted = (days: readonly number[]): string[] =>
  days.flatMap((day) => [...Array(144).keys()].map((n) => `{"path":"/${day}/${n}"}`));

describe("in one go", () => {
  const names: Readonly<Record<string, readonly string[]>> = {
    numbers: ["access.log.10", "access.log.2", "access.log.1", "access.log"],
    days: ["access.log-20260101", "access.log-20260102", "access.log-20260103", "access.log"],
    "nothing but times": ["access.z", "access.log.2", "access.b", "access.a"],
    numbers_as_names: ["7", "30", "2", "1"],
  };
  for (const [name, files] of Object.entries(names))
    for (const segmentBytes of [1000, 10_000, 1_000_000])
      test(`${name}, batches of ${segmentBytes} bytes`, async () => {
        const folder = folderWith(Object.fromEntries(files.map((file, index) => [file, dayOf(index + 1)])));
        const glob = name === "numbers_as_names" ? "[0-9]*" : "access.*";
        const { lateRows } = await runIn(folder, jobOf(glob), { bounds: { segmentBytes } });
        expect(writtenIn(folder, "paths")).toEqual(wanted([1, 2, 3, 4]));
        expect(writtenIn(folder, "days")).toHaveLength(4);
        expect(lateRows).toBe(0);
      });
});

test("files that appear later, older ones among them, are read once each", async () => {
  const folder = folderWith({ "access.log.2": dayOf(1), "access.log.1": dayOf(2) });
  const stop = new AbortController();
  const run = runIn(folder, jobOf("access.log*"), { until: "stopped", stop: stop.signal });
  const rows = (): number => writtenIn(folder, "paths").length;
  await until("the first files", () => rows() === 288);
  writeFileSync(path.join(folder, "access.log"), dayOf(3));
  await until("the third", () => rows() === 432);
  stop.abort();
  await run;
  expect(writtenIn(folder, "paths")).toEqual(wanted([1, 2, 3]));
});

test("a checkpoint counts the bytes of each file: the order may change between runs", async () => {
  const folder = folderWith({ "access.log": dayOf(2) });
  const checkpointFolder = path.join(folder, "state");
  mkdirSync(checkpointFolder);
  const options = { until: "available", checkpointFolder, bounds: { segmentBytes: 3000 } } as const;
  await runIn(folder, jobOf("access.log*"), options);
  writeFileSync(path.join(folder, "access.log.1"), dayOf(1));
  writeFileSync(path.join(folder, "access.log"), dayOf(2) + dayOf(3));
  await runIn(folder, jobOf("access.log*"), options);
  const paths = readFileSync(path.join(folder, "out/paths.ndjson"), "utf8").trim().split("\n");
  expect(paths).toEqual(wanted([2, 1, 3]));
});

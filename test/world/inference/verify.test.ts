/** The batch side of `verify` reads with the schema that the stream finds. */

import { expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { verificationText } from "../../../src/verify/report.ts";
import { verifyJob } from "../../../src/verify/verify.ts";
import { emptyFolder } from "../../support/binary.ts";
import { jobIn } from "../../verify/job.ts";

const lines = (count: number, line: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => line(at)).join("");

const FILES = {
  "in/1.csv": `ts;id;note;p\r\n${lines(200, (at) => `${1_767_225_600 + at};00${at};"a\r\n${at}";7\n`)}`,
  "in/2.csv": `ts,id,note,p\n${lines(50, (at) => `${1_767_225_800 + at},${at},x,0.5\r\n`)}`,
};

test("epoch times, records of several lines, files with other delimiters", async () => {
  using folder = emptyFolder();
  const job = jobIn(
    folder.path,
    `
sources: { s: { from: "file:in/*.csv", format: csv } }
queries:
  w: |
    SELECT window_start, count(*) AS n, sum(p) AS p, min(id) AS id
    FROM tumble(s, ts, INTERVAL 1 MINUTE) GROUP BY ALL
  notes: SELECT id, note FROM s WHERE p < 1 OR note LIKE 'a%1'
`,
    FILES,
  );
  const found = await verifyJob(job, {
    clock: systemClock,
    stop: new AbortController().signal,
    seed: 20_260_105,
    cuts: 2,
    startMs: Date.parse("2026-01-05T10:00:00Z"),
  });
  if (found === undefined) throw new Error("It was stopped");
  expect(found.inputs.map(({ rows, deadLetters }) => [rows, deadLetters])).toEqual([[250, 0]]);
  expect([verificationText(found), found.differingCut]).toEqual([verificationText(found), undefined]);
});

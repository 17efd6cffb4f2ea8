/** A job over events of several lines: in order, whole and in time, over rotations and over kill -9. */

import { expect, test } from "bun:test";
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { emptyFolder } from "../../support/binary.ts";
import { type Running, start } from "../../support/running.ts";
import { until } from "../../support/until.ts";

const JOB = String.raw`
name: events
checkpoint: ./state
batch: 0
sources:
  log:
    from: { tail: { path: "app.log", multiline: { starts: '^\d{4}-' } } }
    format: lines
    select: "line, line[1:19]::TIMESTAMP AS ts"
    time: ts
    watermark: 0s
queries:
  all_: SELECT line FROM log
  seconds: SELECT window_start, count(*) AS n FROM tumble(log, ts, INTERVAL 1 SECOND) GROUP BY ALL
sinks:
  - { from: all_, to: "file:out.txt" }
  - { from: late, to: "file:late.txt" }
`;

const event = (second: number, lines = " a\n"): string => `2026-01-05T10:00:0${second} E${second}\n${lines}`;

/** The events that were written, by their lines without the time. */
function written(folder: string): readonly string[] {
  const file = path.join(folder, "out.txt");
  const rows = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  return rows.filter(Boolean).map((row) => (JSON.parse(row) as { line: string }).line.slice(20));
}

async function has(folder: string, running: Running, events: readonly string[]): Promise<void> {
  await until(
    () => `${JSON.stringify(written(folder))} ${running.stderr()}`,
    () => written(folder).length >= events.length,
  );
  expect(written(folder)).toEqual([...events]);
}

for (const isKilled of [false, true])
  test(isKilled ? "killed between the rotation and the last event" : "while it runs", async () => {
    using folder = emptyFolder();
    const at = (name: string): string => path.join(folder.path, name);
    writeFileSync(at("job.yaml"), JOB);
    writeFileSync(at("app.log"), event(1));
    const before = await start(["process", at("job.yaml")]);
    try {
      await has(folder.path, before, ["E1\n a"]);
      appendFileSync(at("app.log"), event(2) + event(3));
      if (isKilled) before.kill("SIGKILL");
      renameSync(at("app.log"), at("app.log.1"));
      writeFileSync(at("app.log"), ` b\n${event(4)}`);
      if (isKilled) await before.finished();
      await using after = isKilled ? await start(["process", at("job.yaml")]) : undefined;
      await has(folder.path, after ?? before, ["E1\n a", "E2\n a", "E3\n a\n b", "E4\n a"]);
      expect(readFileSync(at("late.txt"), "utf8")).toBe("");
    } finally {
      await before[Symbol.asyncDispose]();
    }
  });

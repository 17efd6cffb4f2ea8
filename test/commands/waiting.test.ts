/** A job that has nothing to do says once what it waits for, on stderr; one that has something does not. */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openJobStatus } from "../../src/commands/job-status.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import type { BatchReport } from "../../src/engine/batch-progress.ts";
import { loadJobText } from "../../src/job/load.ts";
import { NO_OUTPUT } from "../../src/runtime/stdio.ts";
import { emptyFolder } from "../support/binary.ts";
import { emulator } from "../terminal/emulator.ts";
import { steppedClock } from "./stepped-clock.ts";

function report(inputRows: number, more: Partial<BatchReport> = {}): { report: BatchReport } {
  return {
    report: {
      batch: 1,
      startedAtMs: 0,
      schedulingDelayMs: 0,
      processingMs: 1,
      inputRows,
      inputBytes: inputRows * 100,
      lateRows: 0,
      deadLetters: 0,
      watermarkMs: null,
      maxEventTimeMs: null,
      outputRows: {},
      ...more,
    },
  };
}

interface Setting {
  readonly from: string;
  readonly until?: "stopped" | "once";
  readonly quiet?: boolean;
  readonly isStdinTerminal?: boolean;
  readonly folder?: string;
}

function statusOf({
  from,
  until = "stopped",
  quiet = false,
  isStdinTerminal = false,
  folder = ".",
}: Setting) {
  const clock = steppedClock();
  const said: string[] = [];
  const terminal = emulator(100, 10);
  const file = join(folder, "job.yaml");
  const text = `sources: { a: { from: ${JSON.stringify(from)}, schema: { n: BIGINT } } }`;
  const job = loadJobText(text, file, wholeJobSchema(), { env: {}, overrides: [] });
  const status = openJobStatus(
    job,
    { until, quiet, isFresh: true },
    {
      clock,
      stop: new AbortController().signal,
      stdout: NO_OUTPUT,
      progressOutput: terminal,
      isStdinTerminal,
      say: (line) => void said.push(line),
      env: {},
      freshSeed: () => 1,
    },
  );
  /** A batch, after which the sources have nothing more. */
  const add = (of: { report: BatchReport }, hasMore = false): void => {
    status.asked(true);
    status.add(of as never);
    status.asked(hasMore);
  };
  status.asked(false);
  return { clock, said, status, terminal, add };
}

test("files: how much was read, what is waited for, and how it would end; once", async () => {
  const { clock, said, add } = statusOf({ from: "file:in/*.ndjson" });
  add(report(5000));
  await clock.advance(1500);
  expect(said).toEqual([]);
  await clock.advance(1000);
  const words = ["streamkit: 5,000 rows read; waiting for new files; --once ends here"];
  expect(said).toEqual(words);
  add(report(1));
  await clock.advance(60_000);
  expect(said).toEqual(words);
});

test("each kind of source is waited for in its own words", async () => {
  const kinds = {
    "-": "streamkit: nothing has come yet; waiting for lines on the standard input",
    "file:x": "streamkit: nothing has come yet; waiting for new files; --once ends here",
    "tail:x.log": "streamkit: nothing has come yet; waiting for new lines; --once ends here",
    "kafka://localhost:9092/t": "streamkit: nothing has come yet; waiting for new messages; --once ends here",
    "http://127.0.0.1:0/": "streamkit: nothing has come yet; waiting for what comes over http",
    "tcp://127.0.0.1:0": "streamkit: nothing has come yet; waiting for what comes over tcp",
    "syslog://127.0.0.1:0": "streamkit: nothing has come yet; waiting for what comes over syslog",
  };
  for (const [from, words] of Object.entries(kinds)) {
    const { clock, said } = statusOf({ from });
    await clock.advance(from === "-" ? 9000 : 1500);
    expect(said).toEqual([]);
    await clock.advance(2000);
    expect(said).toEqual([words]);
  }
});

test("who types the command at a terminal is told what to type", async () => {
  const { clock, said } = statusOf({ from: "-", isStdinTerminal: true });
  await clock.advance(3000);
  expect(said[0]).toBe("streamkit: nothing has come yet; waiting for lines typed here (Ctrl-D ends them)");
  expect(said.join("\n")).toContain("streamkit simulate quotes | streamkit process");
});

test("nothing is said while rows come, with --quiet, with --once, and after the end", async () => {
  const steady = statusOf({ from: "file:x" });
  for (let second = 0; second < 10; second += 1) {
    steady.add(report(10));
    await steady.clock.advance(1000);
  }
  expect(steady.said).toEqual([]);
  // A batch that takes long, or comes seldom, is no waiting.
  const slow = statusOf({ from: "file:x" });
  slow.add(report(10), true);
  await slow.clock.advance(60_000);
  expect(slow.said).toEqual([]);
  for (const setting of [{ quiet: true }, { until: "once" as const }]) {
    const { clock, said } = statusOf({ from: "file:x", ...setting });
    await clock.advance(5000);
    expect(said).toEqual([]);
  }
  const ended = statusOf({ from: "file:x" });
  ended.status.end();
  await ended.clock.advance(5000);
  expect(ended.said).toEqual([]);
});

test("long work over files tells rows, rate, per cent and time left, and takes it away", async () => {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "a.ndjson"), "x".repeat(600_000));
  writeFileSync(join(folder.path, "b.ndjson"), "x".repeat(400_000));
  const { clock, terminal, add, status } = statusOf({
    from: "file:*.ndjson",
    until: "once",
    folder: folder.path,
  });
  // The sizes of the files are looked up meanwhile.
  await Bun.sleep(0);
  for (let turn = 0; turn < 200 && !terminal.screen().join("").includes("%"); turn += 1) {
    if (turn === 0) add(report(1000));
    await clock.advance(10);
    await Bun.sleep(1);
    add(report(0));
  }
  await clock.advance(2000 - clock.nowMs());
  add(report(1000));
  expect(terminal.screen()).toEqual(["2,000 rows · 1,000/s · 20 % · 8 s left · running"]);
  status.end();
  expect(terminal.screen()).toEqual([]);
});

test("packed files tell no per cent", async () => {
  using folder = emptyFolder();
  writeFileSync(join(folder.path, "a.gz"), Bun.gzipSync(Buffer.from("{}")));
  const { clock, terminal, add } = statusOf({ from: "file:*.gz", until: "once", folder: folder.path });
  await Bun.sleep(20);
  await clock.advance(1000);
  add(report(1000));
  expect(terminal.screen()).toEqual(["1,000 rows · 1,000/s · running"]);
});

test("lag grows while nothing comes, and lost rows are counted", async () => {
  const { clock, terminal, add } = statusOf({ from: "-" });
  add(report(10, { watermarkMs: 5000, maxEventTimeMs: 7000, lateRows: 2, deadLetters: 1 }));
  expect(terminal.screen()).toEqual(["10 rows · 10/s · lag 2 s · 2 late · 1 dead letter · running"]);
  await clock.advance(40_000);
  expect(terminal.screen()).toEqual(["10 rows · 0/s · lag 42 s · 2 late · 1 dead letter · no data for 40 s"]);
});

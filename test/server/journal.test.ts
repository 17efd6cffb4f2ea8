import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import type { BatchProgress } from "../../src/engine/batch-progress.ts";
import { followJournal } from "../../src/server/follower.ts";
import { JOURNAL_FILE, openJournal, ROTATED_FILE } from "../../src/server/journal.ts";
import { until } from "../support/until.ts";
import { marketFeed } from "./market-feed.ts";

let folder = "";
const stops: (() => Promise<void>)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "streamkit-journal-"));
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  rmSync(folder, { recursive: true, force: true });
});

test("a follower sees every batch once and in order, through rotations, as they are written", async () => {
  const checkpoint = join(folder, "not/there/yet");
  const follower = follow(checkpoint);
  const feed = marketFeed({ symbols: 10 });
  const journal = openJournal(checkpoint, { maxFileBytes: 30_000 });
  const written: BatchProgress[] = [];
  for (let round = 0; round < 12; round += 1) {
    for (let batch = 0; batch < 5; batch += 1) {
      written.push(feed.next());
      journal.append(written.at(-1) as BatchProgress);
    }
    await until("the follower has caught up", () => follower.taken.length === written.length);
  }
  journal.close();
  expect(follower.taken).toEqual(written);
  expect(follower.broken()).toBe(0);
  expect(readdirSync(checkpoint).toSorted()).toEqual([ROTATED_FILE, JOURNAL_FILE]);
});

test("a follower that comes late reads both files, the older first; they stay in bounds", async () => {
  const feed = marketFeed({ symbols: 10 });
  const journal = openJournal(folder, { maxFileBytes: 30_000 });
  for (let batch = 0; batch < 100; batch += 1) journal.append(feed.next());
  journal.close();
  const follower = follow(folder);
  await until("the newest batch is there", () => follower.batches().at(-1) === 99);
  const batches = follower.batches();
  expect(batches).toEqual(Array.from(batches, (_, index) => 100 - batches.length + index));
  for (const name of [JOURNAL_FILE, ROTATED_FILE])
    expect(statSync(join(folder, name)).size).toBeLessThan(40_000);
});

test("a line that is still being written waits for its end", async () => {
  const line = `${JSON.stringify(marketFeed({ symbols: 3 }).next())}\n`;
  const path = join(folder, JOURNAL_FILE);
  appendFileSync(path, line + line.replace('"batch":0', '"batch":1').slice(0, 50));
  const follower = follow(folder);
  await until("the first line is taken", () => follower.taken.length === 1);
  appendFileSync(path, line.replace('"batch":0', '"batch":1').slice(50));
  await until("the second line is taken", () => follower.taken.length === 2);
  expect(follower.batches()).toEqual([0, 1]);
  expect(follower.broken()).toBe(0);
});

test("a line torn by a crash costs itself only, and a batch run again after it is taken once", async () => {
  const feed = marketFeed({ symbols: 3 });
  const before = openJournal(folder);
  const first = feed.next();
  before.append(first);
  before.close();
  appendFileSync(join(folder, JOURNAL_FILE), '{"job":"market","rep');
  const follower = follow(folder);
  await until("the first batch is taken", () => follower.taken.length === 1);
  const after = openJournal(folder);
  after.append(first);
  after.append(feed.next());
  after.close();
  await until("the second batch is taken", () => follower.batches().at(-1) === 1);
  expect(follower.batches()).toEqual([0, 1]);
  expect(follower.broken()).toBe(1);
});

test("a journal in a place that can't be written says so, naming it", () => {
  appendFileSync(join(folder, "file"), "");
  expect(() => openJournal(join(folder, "file"))).toThrow(
    `Cannot write the journal "${join(folder, "file")}`,
  );
});

function follow(checkpoint: string) {
  const stop = new AbortController();
  const taken: BatchProgress[] = [];
  let broken = 0;
  const done = followJournal({
    ended: () => {},
    folder: checkpoint,
    clock: systemClock,
    stop: stop.signal,
    take: (outcome) => taken.push(outcome),
    brokenLines: (count) => {
      broken = count;
    },
  });
  stops.push(() => {
    stop.abort();
    return done;
  });
  return { taken, batches: () => taken.map(({ report }) => report.batch), broken: () => broken };
}

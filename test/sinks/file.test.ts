/** An output file that somebody removes, replaces or cuts: it is told, and made again, over crashes too. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../src/base/error.ts";
import { configureLogging } from "../../src/base/log.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { sql } from "../../src/duckdb/sql.ts";
import { fileSink } from "../../src/sinks/file.ts";
import type { Sink, SinkBatch, SinkContext } from "../../src/sinks/sink.ts";
import { emptyFolder } from "../support/binary.ts";

let database: Database;
const words: string[] = [];
beforeAll(async () => {
  database = await openDatabase({ threads: 1 });
  configureLogging("info", (line) => words.push(line));
});
afterAll(() => {
  database.close();
  configureLogging("error", () => {});
});

/** A sink over one file, and the checkpoint that it has. */
function story(folder: string) {
  const target = join(folder, "out.ndjson");
  let committed: unknown;
  let committedBatch = 0;
  let sink: Sink | undefined;
  words.length = 0;
  return {
    target,
    async open() {
      await sink?.close();
      const context = {
        input: { query: "q", mode: "append", key: [], columns: [{ name: "n", type: "BIGINT" }] },
        claimant: { owner: { job: "a", checkpoint: "c", folder, host: "h" }, adopts: false, isReset: false },
        isDurable: true,
        baseFolder: folder,
        committed,
        committedBatch,
      } as unknown as SinkContext;
      sink = await fileSink.open({ path: "out.ndjson" }, context);
    },
    /** The rows of the next batch; without a commit it is repeated by the next `open`. */
    async write(n: number, { commits = true } = {}) {
      await database.run(sql`CREATE OR REPLACE TEMP TABLE rel AS SELECT ${n}::BIGINT AS n`);
      await sink?.write(database, {
        id: committedBatch + 1,
        relation: "rel",
        rows: 1,
      } as unknown as SinkBatch);
      if (!commits) return;
      committed = sink?.position();
      committedBatch += 1;
    },
    lines: (): string[] => readFileSync(target, "utf8").trimEnd().split("\n"),
    said: (): string => words.splice(0).join("\n"),
    [Symbol.asyncDispose]: async () => sink?.close(),
  };
}

const line = (n: number): string => `{"n":${n}}`;

const FAULTS: Readonly<
  Record<string, { disturb(target: string): void; said: string; left: readonly string[] }>
> = {
  removed: { disturb: (target) => rmSync(target), said: "was removed", left: [] },
  "moved away": { disturb: (target) => renameSync(target, `${target}.1`), said: "was removed", left: [] },
  emptied: { disturb: (target) => truncateSync(target), said: "was cut", left: [] },
  "cut within a line": {
    disturb: (target) => truncateSync(target, line(1).length + 3),
    said: "was cut",
    left: [line(1), '{"'],
  },
  replaced: {
    disturb(target) {
      writeFileSync(`${target}.new`, "theirs");
      renameSync(`${target}.new`, target);
    },
    said: "was replaced",
    left: ["theirs"],
  },
};

test.each(Object.keys(FAULTS))("%s while the job runs", async (name) => {
  using folder = emptyFolder();
  await using job = story(folder.path);
  const { disturb, said, left } = FAULTS[name] ?? { disturb: () => {}, said: "", left: [] };
  await job.open();
  for (const n of [1, 2]) await job.write(n);
  expect(job.said()).toBe("");
  disturb(job.target);
  await job.write(3, { commits: false });
  expect(job.said()).toContain(said);
  // Twice in a row, the batch is not committed.
  for (const _ of [1, 2]) {
    await job.open();
    await job.write(3, { commits: false });
    expect(job.lines()).toEqual([...left, line(3)]);
  }
  await job.open();
  await job.write(3);
  await job.write(4);
  await job.open();
  await job.write(5);
  expect(job.lines()).toEqual([...left, line(3), line(4), line(5)]);
  expect(job.said()).toBe("");
});

test("replaced by a folder: that is named, and with the folder gone the batch is written", async () => {
  using folder = emptyFolder();
  await using job = story(folder.path);
  await job.open();
  await job.write(1);
  rmSync(job.target);
  mkdirSync(job.target);
  const failed = await job.write(2, { commits: false }).then(() => "", messageOf);
  expect(failed).toContain("is a folder");
  rmSync(job.target, { recursive: true });
  await job.open();
  await job.write(2);
  expect(job.lines()).toEqual([line(2)]);
});

test("removed while the job did not run", async () => {
  using folder = emptyFolder();
  await using job = story(folder.path);
  await job.open();
  await job.write(1);
  rmSync(job.target);
  await job.open();
  expect(job.said()).toContain("was removed");
  expect(existsSync(job.target)).toBe(true);
  await job.write(2, { commits: false });
  await job.open();
  await job.write(2);
  await job.open();
  expect(job.lines()).toEqual([line(2)]);
});

test("what is shorter than the checkpoint says, or longer, is what it was before", async () => {
  using folder = emptyFolder();
  await using job = story(folder.path);
  await job.open();
  for (const n of [1, 2]) await job.write(n);
  appendFileSync(job.target, '{"n":9}');
  await job.open();
  expect(job.lines()).toEqual([line(1), line(2)]);
  truncateSync(job.target, 3);
  expect(await job.open().catch(messageOf)).toContain("put it back, or remove it");
});

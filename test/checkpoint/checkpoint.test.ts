/** What a restart finds: all of a commit or nothing of it, and the plan of a batch that was not committed. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { messageOf } from "../../src/base/error.ts";
import { type BatchPlan, type Checkpoint, openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { type Database, openDatabase } from "../../src/duckdb/database.ts";
import { type Sql, sql } from "../../src/duckdb/sql.ts";
import { emptyFolder } from "../support/binary.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "streamkit-checkpoint-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/**
 * Opens the checkpoint in a database of its own; the process "dies" after it, without closing the checkpoint.
 */
async function inOneLife<T>(use: (checkpoint: Checkpoint, database: Database) => Promise<T>): Promise<T> {
  const database = await openDatabase({ threads: 1 });
  try {
    return await use(await openCheckpoint(database, folder), database);
  } finally {
    database.close();
  }
}

const PLAN: BatchPlan = {
  batch: 1,
  ranges: { ticks: { from: undefined, to: { files: { "a.ndjson": 12 } } } },
  idle: ["other"],
  endsInput: false,
  plannedAtMs: 1_767_623_400_000,
};

const progressOf = (batch: number) => ({
  batch,
  sources: {},
  watermarksUs: { ticks: "5" },
  sinks: { s: batch },
});
const CREATE = sql`CREATE TABLE IF NOT EXISTS ckpt.state AS SELECT 1 AS x`;

describe("a checkpoint", () => {
  test("that is new has no progress and no plan", async () => {
    await inOneLife(async ({ progress, pendingPlan }) => {
      expect([progress, pendingPlan]).toEqual([undefined, undefined]);
    });
  });

  test("gives back the plan of a batch that was not committed, as it was", async () => {
    await inOneLife(async (checkpoint) => checkpoint.writePlan(PLAN));
    await inOneLife(async ({ pendingPlan, progress }) => {
      expect(progress).toBeUndefined();
      expect(pendingPlan).toEqual(JSON.parse(JSON.stringify(PLAN)) as BatchPlan);
    });
  });

  test("that is older than its plan is refused, until it is begun anew", async () => {
    using copy = emptyFolder();
    const killed = copy.path;
    await inOneLife(async (checkpoint) => {
      for (const batch of [1, 2, 3]) {
        checkpoint.writePlan({ ...PLAN, batch });
        await checkpoint.commit([CREATE], progressOf(batch));
      }
      // As a kill leaves it: nothing is closed.
      cpSync(folder, killed, { recursive: true });
    });
    const log = path.join(killed, "checkpoint.duckdb.wal");
    truncateSync(log, Math.floor(statSync(log).size / 3));
    writeFileSync(path.join(killed, "mine.txt"), "of somebody else");
    const opened = async (isReset: boolean): Promise<Pick<Checkpoint, "progress" | "pendingPlan">> => {
      const database = await openDatabase({ threads: 1 });
      try {
        return await openCheckpoint(database, killed, { isReset });
      } finally {
        database.close();
      }
    };
    expect(await opened(false).catch(messageOf)).toMatch(
      /is older than what was written: it ends with batch [01], but batch 3 was begun.*--reset-checkpoint/s,
    );
    expect(await opened(true)).toMatchObject({ progress: undefined, pendingPlan: undefined });
    expect(readdirSync(killed)).toContain("mine.txt");
  });

  test("has forgotten the plan of a batch that was committed", async () => {
    await inOneLife(async (checkpoint) => {
      checkpoint.writePlan(PLAN);
      await checkpoint.commit([CREATE], progressOf(1));
    });
    await inOneLife(async ({ progress, pendingPlan }, database) => {
      expect(pendingPlan).toBeUndefined();
      expect(progress?.batch).toBe(1);
      expect(progress?.watermarksUs).toEqual({ ticks: "5" });
      expect(progress?.sinks).toEqual({ s: 1 });
      expect(await database.rows(sql`FROM ckpt.state`)).toEqual([{ x: 1 }]);
    });
  });

  test("takes all of a commit or nothing", async () => {
    await inOneLife(async (checkpoint, database) => {
      await checkpoint.commit([CREATE], progressOf(1));
      const commit = checkpoint.commit(
        [sql`INSERT INTO ckpt.state VALUES (2)`, sql`INSERT INTO ckpt.state VALUES ('no number')`],
        progressOf(2),
      );
      expect(commit).rejects.toThrow("Could not convert");
      await commit.catch(() => undefined);
      expect(await database.rows(sql`FROM ckpt.state`)).toEqual([{ x: 1 }]);
      await checkpoint.commit([sql`INSERT INTO ckpt.state VALUES (3)`], progressOf(2));
    });
    await inOneLife(async ({ progress }, database) => {
      expect(progress?.batch).toBe(2);
      expect(await database.rows(sql`FROM ckpt.state ORDER BY x`)).toEqual([{ x: 1 }, { x: 3 }]);
    });
  });

  /** A database of which nobody learns that a statement failed, as a driver with a fault would be. */
  const silent = (database: Database): Database => ({
    ...database,
    run: (statements) => database.run(statements).catch(() => undefined),
  });

  for (const [what, statement] of [
    ["while it runs", sql`INSERT INTO ckpt.state SELECT error('boom')`],
    ["before it runs", sql`INSERT INTO ckpt.nowhere VALUES (2)`],
  ] as const)
    test(`does not take a COMMIT for one that kept nothing: a statement fails ${what}`, async () => {
      await inOneLife(async (checkpoint) => checkpoint.commit([CREATE], progressOf(1)));
      await inOneLife(async (_checkpoint, database) => {
        await database.run(sql`DETACH ckpt`);
        const deaf = await openCheckpoint(silent(database), folder);
        const insert = sql`INSERT INTO ckpt.state VALUES (2)`;
        const error = await deaf
          .commit([insert, statement], progressOf(2))
          .catch((thrown: unknown) => thrown);
        expect(String(error)).toContain("kept nothing, though DuckDB said that it succeeded");
      });
      await inOneLife(async ({ progress }) => expect(progress?.batch).toBe(1));
    });

  test("DuckDB's COMMIT after an error still says that it succeeded", async () => {
    const database = await openDatabase({ threads: 1 });
    const kept = async (wrong: Sql): Promise<unknown[]> => {
      await database.run(sql`CREATE OR REPLACE TABLE t (x INTEGER); BEGIN; INSERT INTO t VALUES (1)`);
      await database.run(wrong).catch(() => undefined);
      await database.run(sql`INSERT INTO t VALUES (2)`).catch(() => undefined);
      await database.run(sql`COMMIT`);
      return (await database.rows(sql`FROM t ORDER BY x`)).map((row) => row["x"]);
    };
    try {
      expect(await kept(sql`SELECT error('boom')`)).toEqual([]);
      expect(await kept(sql`FROM nowhere`)).toEqual([1, 2]);
    } finally {
      database.close();
    }
  });

  test("whose log was cut off anywhere in its last commit is that of the batch before", async () => {
    const log = path.join(folder, "checkpoint.duckdb.wal");
    const sizes: number[] = [];
    await inOneLife(async (checkpoint) => {
      await checkpoint.commit([CREATE], progressOf(1));
      sizes.push(statSync(log).size);
      await checkpoint.commit([sql`INSERT INTO ckpt.state VALUES (2)`], progressOf(2));
      sizes.push(statSync(log).size);
      // As a power cut leaves it: nothing is closed.
      cpSync(folder, path.join(folder, "..", `${path.basename(folder)}-cut`), { recursive: true });
    });
    const [before = 0, after = 0] = sizes;
    const cut = path.join(folder, "..", `${path.basename(folder)}-cut`);
    const bytes = readFileSync(path.join(cut, "checkpoint.duckdb.wal"));
    expect([bytes.length, after > before]).toEqual([after, true]);
    rmSync(folder, { recursive: true });
    for (let size = before; size < after; size += Math.ceil((after - before) / 25)) {
      cpSync(cut, folder, { recursive: true });
      writeFileSync(log, bytes.subarray(0, size));
      await inOneLife(async ({ progress }, database) => {
        expect(progress?.batch).toBe(1);
        expect(await database.rows(sql`FROM ckpt.state`)).toEqual([{ x: 1 }]);
      });
      rmSync(folder, { recursive: true });
    }
    renameSync(cut, folder);
    await inOneLife(async ({ progress }) => expect(progress?.batch).toBe(2));
  });

  test("of a newer streamkit is left alone", async () => {
    await inOneLife(async (checkpoint, database) => {
      await checkpoint.commit([], progressOf(1));
      await database.run(
        sql`UPDATE ckpt.progress SET json = replace(json, '"formatVersion":', '"formatVersion":9')`,
      );
    });
    const error = await inOneLife(async () => undefined).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("newer streamkit");
  });

  test("does not take a plan that was cut off anywhere for one", async () => {
    await inOneLife(async (checkpoint) => {
      checkpoint.writePlan({ ...PLAN, idle: ["a source with a longer name"] });
      checkpoint.writePlan(PLAN);
    });
    const file = path.join(folder, "plan.json");
    const whole = readFileSync(file);
    await inOneLife(async ({ pendingPlan }) => expect(pendingPlan?.batch).toBe(1));
    const before = Buffer.from(`${JSON.stringify({ ...PLAN, batch: 9 })}\n`);
    for (const size of [0, 1, 20, 60, 90, 120]) {
      writeFileSync(file, Buffer.concat([whole.subarray(0, size), before.subarray(size)]));
      await inOneLife(async ({ pendingPlan }) => expect(pendingPlan).toBeUndefined());
      writeFileSync(file, whole.subarray(0, size));
      await inOneLife(async ({ pendingPlan }) => expect(pendingPlan).toBeUndefined());
    }
  });
});

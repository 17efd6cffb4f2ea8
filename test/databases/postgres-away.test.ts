/**
 * A PostgreSQL server that goes away in the middle: it is said, the job waits, and goes on; a signal ends the
 * wait; whatever was under way is there once.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { PASSWORD, type PostgresService, startPostgres } from "../services/postgres.ts";
import { type SmallDisk, smallDisk } from "../services/small-disk.ts";
import { type Running, start } from "../support/running.ts";
import { until } from "../support/until.ts";
import { type JobParts, type SinkJob, sinkJob } from "./sink-job.ts";

const TIMEOUT_MS = 180_000;

let postgres: PostgresService;
const disks: SmallDisk[] = [];
beforeAll(async () => {
  postgres = await startPostgres();
}, 90_000);
afterAll(async () => {
  await postgres.kill();
  for (const disk of disks) disk[Symbol.dispose]();
  await postgres[Symbol.asyncDispose]();
});

function job(parts: Partial<JobParts> = {}): SinkJob {
  return sinkJob({
    env: { DB_PASSWORD: PASSWORD },
    sink: (table) => ({
      postgres: { url: postgres.url, password: "${DB_PASSWORD}", table, create: true },
    }),
    ...parts,
  });
}

async function values(one: SinkJob): Promise<number[]> {
  const rows = await postgres.query(`SELECT v::int AS v FROM ${one.table} ORDER BY v`);
  return rows.map(({ v }) => Number(v));
}

const row = (v: number) => [{ k: "a", v }];

/** A job that runs and has written its first row. */
async function running(one: SinkJob): Promise<Running> {
  one.put(row(1));
  const process = await start(["process", one.file], { env: one.env });
  await until(
    () => `the first row is there: ${process.stderr()}`,
    async () => (await values(one).catch(() => [])).length === 1,
  );
  return process;
}

const arrived = (one: SinkJob, process: Running, count: number): Promise<void> =>
  until(
    () => `${count} rows are there: ${process.stderr()}`,
    async () => (await values(one).catch(() => [])).length >= count,
    90_000,
  );

describe("a server that goes away", () => {
  test(
    "killed and started again: the job says so, waits, and goes on",
    async () => {
      using one = job();
      await using process = await running(one);
      await postgres.kill();
      one.put(row(2));
      await until(
        () => `it is said: ${process.stderr()}`,
        () => /can't be written, trying again: .*(ECONN|closed|terminat)/.test(process.stderr()),
      );
      await postgres.start();
      await arrived(one, process, 2);
      await until("that too", () => process.stderr().includes("is written again"));
      process.kill("SIGTERM");
      expect((await process.finished()).code).toBe(143);
      expect(await values(one)).toEqual([1, 2]);
    },
    TIMEOUT_MS,
  );

  test(
    "one that does not answer for 20 s: that is said, and then each row is there once",
    async () => {
      using one = job();
      await using process = await running(one);
      postgres.pause();
      try {
        one.put(row(2));
        await until(
          () => `it is said: ${process.stderr()}`,
          () => process.stderr().includes("takes long to write batch 2: waiting for its answer"),
        );
        await Bun.sleep(20_000);
      } finally {
        postgres.resume();
      }
      await arrived(one, process, 2);
      process.kill("SIGTERM");
      expect((await process.finished()).code).toBe(143);
      expect(await values(one)).toEqual([1, 2]);
    },
    TIMEOUT_MS,
  );

  for (const away of ["killed", "paused"] as const)
    test(
      `a signal while it is ${away} ends the job, and the next start writes the batch once`,
      async () => {
        using one = job();
        await using process = await running(one);
        if (away === "killed") await postgres.kill();
        else postgres.pause();
        one.put(row(2));
        await until(
          () => `it is missed: ${process.stderr()}`,
          () => /trying again|takes long/.test(process.stderr()),
        );
        process.kill("SIGTERM");
        const ended = await process.finished();
        if (away === "killed") await postgres.start();
        else postgres.resume();
        expect(ended.code).toBe(143);
        expect(ended.stderr).toContain("could not be written when the job was stopped");
        expect(ended.stderr).not.toContain("    at ");
        expect(await one.once()).toMatchObject({ code: 0 });
        expect(await values(one)).toEqual([1, 2]);
      },
      TIMEOUT_MS,
    );

  test(
    "backends ended a hundred times, in whatever statement: each row is there once",
    async () => {
      using one = job();
      await using process = await running(one);
      for (let kill = 0; kill < 100; kill += 1) {
        one.put(row(kill + 2));
        await postgres.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'streamkit'",
        );
        await Bun.sleep(kill % 40);
      }
      await arrived(one, process, 101);
      process.kill("SIGTERM");
      expect((await process.finished()).code).toBe(143);
      expect(await values(one)).toEqual(Array.from({ length: 101 }, (_, index) => index + 1));
    },
    TIMEOUT_MS,
  );

  const WIDE =
    "SELECT i AS v, count(*) AS n, repeat('x', 400) AS k FROM rows, range(10000) AS t (i) GROUP BY i";
  const wide = {
    append: { sql: WIDE.replace("count(*)", "1").replace("GROUP BY i", "") },
    update: { sql: WIDE, mode: "update" },
  };

  for (const [mode, parts] of Object.entries(wide))
    test(
      `a disk that is full, in ${mode} mode: the job waits for room`,
      async () => {
        using one = job(parts);
        const space = join(postgres.folder, `space-${mode}`);
        const disk = smallDisk(space, 2);
        // The server needs it as long as it runs.
        disks.push(disk);
        await Bun.$`chown -R postgres ${space}`;
        await postgres.query(`CREATE TABLESPACE small_${mode} LOCATION '${space}'`);
        await postgres.query(`GRANT CREATE ON TABLESPACE small_${mode} TO streamkit`);
        // Rows that are added go into the table, others into a temporary one before.
        const kind = mode === "append" ? "default_tablespace" : "temp_tablespaces";
        await postgres.query(`ALTER ROLE streamkit SET ${kind} = 'small_${mode}'`);
        try {
          one.put(row(1));
          await using process = await start(["process", one.file], { env: one.env });
          await until(
            () => `it is said: ${process.stderr()}`,
            () => /SQLSTATE 53100/.test(process.stderr()),
          );
          disk.grow(64);
          await arrived(one, process, 10_000);
          process.kill("SIGTERM");
          expect((await process.finished()).code).toBe(143);
          expect(await values(one)).toHaveLength(10_000);
        } finally {
          await postgres.query(`ALTER ROLE streamkit RESET ${kind}`);
          await postgres.query(`DROP TABLE IF EXISTS ${one.table}`);
        }
      },
      TIMEOUT_MS,
    );

  test(
    "a server that is full: the job waits for a place",
    async () => {
      using one = job();
      await using process = await running(one);
      await postgres.query("ALTER ROLE streamkit CONNECTION LIMIT 0");
      await postgres.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'streamkit'",
      );
      one.put(row(2));
      await until(
        () => `it is said: ${process.stderr()}`,
        () => /too many connections for role "streamkit" \(SQLSTATE 53300\)/.test(process.stderr()),
      );
      await postgres.query("ALTER ROLE streamkit CONNECTION LIMIT -1");
      await arrived(one, process, 2);
      process.kill("SIGTERM");
      expect((await process.finished()).code).toBe(143);
      expect(await values(one)).toEqual([1, 2]);
    },
    TIMEOUT_MS,
  );

  test(
    "the repeated batch of a process that died waits for the transaction that it left behind",
    async () => {
      using one = job();
      // Whoever holds the mark's table, or the table, is waited for: here it is the test.
      await using slow = await running(one);
      const holding = postgres.query(
        `BEGIN; LOCK TABLE ${one.table} IN EXCLUSIVE MODE; SELECT pg_sleep(6); COMMIT`,
      );
      one.put(row(2));
      await until("the batch waits", async () => {
        const waiting = await postgres.query(
          "SELECT 1 FROM pg_stat_activity WHERE application_name = 'streamkit' AND wait_event_type = 'Lock'",
        );
        return waiting.length > 0;
      });
      slow.kill("SIGKILL");
      await slow.finished();
      expect(await one.once()).toMatchObject({ code: 0 });
      await holding;
      expect(await values(one)).toEqual([1, 2]);
    },
    TIMEOUT_MS,
  );
});

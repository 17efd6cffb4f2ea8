/** kill -9 of the process and of the database's server: nothing lost, nothing twice. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DATABASE_FAILPOINTS } from "../../src/base/failpoint.ts";
import { PASSWORD, type PostgresService, startPostgres } from "../services/postgres.ts";
import {
  anyDatabaseDeaths,
  type DatabaseDeath,
  runDatabaseEpisode,
  type TorturedDatabase,
} from "./database-episode.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const EPISODES = 3;
const LIVES = 40;
const BREAK_EVERY = 3;
const TIMEOUT_MS = 400_000;

let postgres: PostgresService;
beforeAll(async () => {
  postgres = await startPostgres();
}, 90_000);
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

function inPostgres(): TorturedDatabase {
  return {
    env: { DB_PASSWORD: PASSWORD },
    sink: (table) => ({
      postgres: { url: postgres.url, password: "${DB_PASSWORD}", table, create: true },
    }),
    rows: async (table) =>
      (await postgres.query(`SELECT row_to_json(t)::text AS line FROM ${table} AS t`)).map(({ line }) =>
        String(line),
      ),
    breakages: {
      async kill() {
        await postgres.kill();
        await postgres.start();
      },
      async pause() {
        postgres.pause();
        await Bun.sleep(3000);
        postgres.resume();
      },
      async terminate() {
        for (let time = 0; time < 20; time += 1)
          await postgres.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'streamkit'",
          );
      },
      async restart() {
        await postgres.query("SELECT pg_reload_conf()");
        await postgres.stop();
        await postgres.start();
      },
    },
  };
}

const atFailpoints = [1, 2, 3].flatMap((times) =>
  DATABASE_FAILPOINTS.map((failpoint): DatabaseDeath => ({ failpoint: `${failpoint}:${times}` })),
);

describe("postgres", () => {
  test(
    "killed at each failpoint, in each sink's batch",
    async () => {
      const episode = await runDatabaseEpisode({
        database: inPostgres(),
        seed: SEED,
        deaths: () => atFailpoints,
      });
      expect(episode).toMatchObject({ wrong: [], survived: [], kills: atFailpoints.length });
    },
    TIMEOUT_MS,
  );

  for (let number = 1; number <= EPISODES; number += 1)
    test(
      `killed anywhere, and the server killed, stopped, paused, its backends ended (seed ${SEED + number})`,
      async () => {
        const database = inPostgres();
        const episode = await runDatabaseEpisode({
          database,
          seed: SEED + number,
          deaths: (random) =>
            anyDatabaseDeaths(LIVES, BREAK_EVERY, { random, breakages: Object.keys(database.breakages) }),
        });
        expect(episode.wrong).toEqual([]);
        expect(episode.breakages).toBeGreaterThanOrEqual(Math.floor(LIVES / BREAK_EVERY));
      },
      TIMEOUT_MS,
    );

  const canaries = {
    "a row that is there twice": (_life: number, tableOf: (query: string) => string) =>
      postgres.query(`INSERT INTO ${tableOf("picked")} SELECT * FROM ${tableOf("picked")} LIMIT 1`),
    "a mark that is gone with a checkpoint": async (
      life: number,
      _: (query: string) => string,
      folder: string,
    ) => {
      if (life === 0) rmSync(join(folder, "state"), { recursive: true });
    },
  };
  for (const [what, meddle] of Object.entries(canaries))
    test(
      `the test sees ${what}`,
      async () => {
        const { wrong } = await runDatabaseEpisode({
          database: inPostgres(),
          seed: SEED,
          deaths: () => [{ failpoint: "database-committed:3" }],
          meddle: async (...given) => void (await meddle(...given)),
        });
        expect(wrong.join("\n")).toContain("table of picked");
      },
      TIMEOUT_MS,
    );
});

/** kill -9 of the process and of the database's server: nothing lost, nothing twice. */

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DATABASE_FAILPOINTS } from "../../src/base/failpoint.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { id, sql } from "../../src/duckdb/sql.ts";
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

/** A file in the job's folder: nobody can take it away. */
function inDuckdb(): TorturedDatabase {
  return {
    env: {},
    sink: (table) => ({ duckdb: { file: "market.db", table, create: true } }),
    rows: async (table, folder) => {
      const database = await openDatabase({ threads: 1, readOnlyPath: join(folder, "market.db") });
      try {
        const rows = await database.rows(sql`SELECT to_json(t)::VARCHAR AS line FROM ${id(table)} AS t`);
        return rows.map(({ line }) => String(line));
      } finally {
        database.close();
      }
    },
    breakages: {},
  };
}

function inSqlite(): TorturedDatabase {
  return {
    env: {},
    sink: (table) => ({ sqlite: { file: "market.sqlite", table, create: true } }),
    rows: async (table, folder) => {
      using database = new Database(join(folder, "market.sqlite"));
      return database
        .prepare<object, []>(`SELECT * FROM ${table}`)
        .all()
        .map((row) => JSON.stringify(row));
    },
    breakages: {},
  };
}

const atFailpoints = [1, 2, 3].flatMap((times) =>
  DATABASE_FAILPOINTS.map((failpoint): DatabaseDeath => ({ failpoint: `${failpoint}:${times}` })),
);

const databases = { postgres: inPostgres, duckdb: inDuckdb, sqlite: inSqlite };

for (const [name, tortured] of Object.entries(databases))
  describe(name, () => {
    test(
      "killed at each failpoint, in each sink's batch",
      async () => {
        const deaths = () => atFailpoints;
        const episode = await runDatabaseEpisode({ database: tortured(), seed: SEED, deaths });
        expect(episode).toMatchObject({ wrong: [], survived: [], kills: atFailpoints.length });
      },
      TIMEOUT_MS,
    );

    for (let number = 1; number <= EPISODES; number += 1)
      test(
        `killed anywhere, and its server in each way there is (seed ${SEED + number})`,
        async () => {
          const database = tortured();
          const breakages = Object.keys(database.breakages);
          const episode = await runDatabaseEpisode({
            database,
            seed: SEED + number,
            deaths: (random) => anyDatabaseDeaths(LIVES, BREAK_EVERY, { random, breakages }),
          });
          expect(episode.wrong).toEqual([]);
          expect(episode.kills + episode.survived.length).toBe(LIVES);
          if (breakages.length > 0)
            expect(episode.breakages).toBeGreaterThanOrEqual(Math.floor(LIVES / BREAK_EVERY));
        },
        TIMEOUT_MS,
      );
  });

describe("the test sees", () => {
  const dies: readonly DatabaseDeath[] = [{ failpoint: "database-committed:3" }];

  test(
    "a row that is there twice",
    async () => {
      const { wrong } = await runDatabaseEpisode({
        database: inPostgres(),
        seed: SEED,
        deaths: () => dies,
        meddle: async (_life, tableOf) => {
          const table = tableOf("picked");
          await postgres.query(`INSERT INTO ${table} SELECT * FROM ${table} LIMIT 1`);
        },
      });
      expect(wrong.join("\n")).toContain("table of picked");
    },
    TIMEOUT_MS,
  );

  test(
    "that the checkpoint is a new one",
    async () => {
      const { wrong } = await runDatabaseEpisode({
        database: inPostgres(),
        seed: SEED,
        deaths: () => dies,
        meddle: async (_life, _tableOf, folder) => rmSync(join(folder, "state"), { recursive: true }),
      });
      expect(wrong.join("\n")).toContain("table of picked");
    },
    TIMEOUT_MS,
  );
});

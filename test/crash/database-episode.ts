/**
 * Files into tables of a database, in each mode, by a job whose process and whose server die as often as they
 * are told. At the end the tables must hold what plain DuckDB says of the whole input.
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { DATABASE_FAILPOINTS, FAILPOINTS } from "../../src/base/failpoint.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { id, sql, stringStruct } from "../../src/duckdb/sql.ts";
import { WINDOW_MACROS } from "../../src/sql/window-macros.ts";
import { answersOf, difference } from "../equation/answers.ts";
import type { QuerySpec } from "../equation/streaming.ts";
import { linesFrom } from "./crash-job.ts";
import { type Life, type Random, randomBelow, spawned } from "./episode.ts";
import { limited } from "./limited.ts";

/** What is done to the server while the process lives, and how long after its start. */
export type DatabaseDeath =
  | { readonly failpoint: string }
  | { readonly afterMs: number }
  | { readonly breakage: string; readonly afterMs: number };

export interface TorturedDatabase {
  /** A sink's entry for this table, without `from`. */
  readonly sink: (table: string, folder: string) => Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  /** The table's rows as JSON texts. */
  readonly rows: (table: string, folder: string) => Promise<readonly string[]>;
  /** By name: breaks the server, and has it serve again when it resolves. */
  readonly breakages: Readonly<Record<string, () => Promise<void>>>;
}

export interface DatabaseEpisode {
  readonly kills: number;
  readonly breakages: number;
  /** Failpoints that were not passed so often. */
  readonly survived: readonly string[];
  readonly rows: number;
  /** Empty where every table has the batch answer. */
  readonly wrong: readonly string[];
}

export interface DatabaseEpisodeOptions {
  readonly database: TorturedDatabase;
  readonly seed: number;
  readonly deaths: (random: Random) => Iterable<DatabaseDeath>;
  /** A fault of the test's own between two lives, which must be found out. */
  readonly meddle?: (life: number, tableOf: (query: string) => string, folder: string) => Promise<void>;
}

const LINES_A_LIFE = 90;
const MAX_PASSES = 3;
const SCHEMA = { id: "BIGINT", ts: "TIMESTAMP", k: "VARCHAR", v: "BIGINT" };

const QUERIES: Readonly<Record<string, QuerySpec>> = {
  picked: { sql: "SELECT id, k, v * 2 AS v FROM ticks WHERE v % 5 > 0" },
  sums: {
    sql: `SELECT k, epoch_ms(window_start) AS w, count(*) AS n, sum(v)::BIGINT AS v
      FROM tumble(ticks, ts, INTERVAL 5 SECOND) GROUP BY k, window_start`,
  },
  live: { sql: "SELECT k, count(*) AS n, max(v) AS high FROM ticks GROUP BY k", mode: "update" },
};

const PASSED = [
  ...DATABASE_FAILPOINTS,
  ...DATABASE_FAILPOINTS,
  ...FAILPOINTS.filter((name) => /^(plan|source|batch|query|sink|commit)/.test(name)),
];

/** Every `breakEvery`th life the server breaks; of the others half end at a failpoint, half at any moment. */
export function* anyDatabaseDeaths(
  lives: number,
  breakEvery: number,
  { random, breakages }: { readonly random: Random; readonly breakages: readonly string[] },
): Generator<DatabaseDeath> {
  for (let life = 0; life < lives; life += 1) {
    const breakage = breakages[random(Math.max(1, breakages.length))];
    if (life % breakEvery === breakEvery - 1 && breakage !== undefined)
      yield { breakage, afterMs: 200 + random(500) };
    else if (random(2) === 0)
      yield { failpoint: `${PASSED[random(PASSED.length)]}:${1 + random(MAX_PASSES)}` };
    else yield { afterMs: 200 + random(700) };
  }
}

let episodes = 0;

export async function runDatabaseEpisode(options: DatabaseEpisodeOptions): Promise<DatabaseEpisode> {
  const { database, seed, deaths, meddle } = options;
  const folder = mkdtempSync(join(tmpdir(), "streamkit-database-crash-"));
  mkdirSync(join(folder, "in"));
  episodes += 1;
  const name = `torture_${process.pid}_${episodes}`;
  const tableOf = (query: string): string => `${name}_${query}`;
  const random = randomBelow(seed);
  const wrong: string[] = [];
  const survived: string[] = [];
  let [kills, breakages, rows, files, life] = [0, 0, 0, 0, -1];
  const put = async (): Promise<void> => {
    const lines = linesFrom(rows + 1, LINES_A_LIFE, random);
    rows += lines.length;
    const text = lines.map((line) => `${line}\n`).join("");
    // With its name at once: it may be read from then on.
    await Bun.write(join(folder, "next"), text);
    files += 1;
    await Bun.$`mv ${join(folder, "next")} ${join(folder, `in/${String(files).padStart(4, "0")}.ndjson`)}`;
  };
  try {
    await Bun.write(join(folder, "job.yaml"), jobText(name, tableOf, database, folder));
    for (const death of deaths(random)) {
      life += 1;
      await put();
      await put();
      const ended = await live(folder, database, death, put);
      if ("breakage" in death) breakages += 1;
      if (ended.wasKilled) kills += 1;
      else if (ended.code === 0 && "failpoint" in death) survived.push(death.failpoint);
      else wrong.push(`life ${life} (${JSON.stringify(death)}) ended with ${ended.code}: ${ended.stderr}`);
      if (wrong.length > 0) return { kills, breakages, survived, rows, wrong };
      await meddle?.(life, tableOf, folder);
    }
    const last = await limited(await spawned(folder, ["--once"], database.env, "pipe"));
    if (last.code !== 0) wrong.push(`the last life ended with ${last.code}: ${last.stderr}`);
    else wrong.push(...(await wrongInTables(folder, database, tableOf)));
    return { kills, breakages, survived, rows, wrong };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function jobText(
  name: string,
  tableOf: (query: string) => string,
  database: TorturedDatabase,
  folder: string,
): string {
  return stringify({
    name,
    checkpoint: "state",
    batch: "20ms",
    sources: { ticks: { from: "file:in/*.ndjson", schema: SCHEMA, watermark: "60s", rate: 500 } },
    queries: QUERIES,
    sinks: Object.keys(QUERIES).map((query) => ({ from: query, ...database.sink(tableOf(query), folder) })),
  });
}

async function live(
  folder: string,
  { env, breakages }: TorturedDatabase,
  death: DatabaseDeath,
  put: () => Promise<void>,
): Promise<Life> {
  if ("failpoint" in death)
    return limited(
      await spawned(folder, ["--available-now"], { ...env, STREAMKIT_FAILPOINT: death.failpoint }, "pipe"),
    );
  const child = await spawned(folder, [], env, "pipe");
  const ended = limited(child);
  await Bun.sleep(death.afterMs);
  if ("breakage" in death) {
    const broken = breakages[death.breakage]?.();
    await put();
    await broken;
    await Bun.sleep(death.afterMs);
  }
  child.kill("SIGKILL");
  return ended;
}

async function wrongInTables(
  folder: string,
  target: TorturedDatabase,
  tableOf: (query: string) => string,
): Promise<string[]> {
  const database = await openDatabase({ threads: 1 });
  const wrong: string[] = [];
  try {
    await database.run(WINDOW_MACROS);
    await database.run(sql`CREATE TABLE ${id("ticks")} AS
      FROM read_json(${join(folder, "in/*.ndjson")}, format = 'newline_delimited',
        columns = ${stringStruct(Object.entries(SCHEMA))})`);
    for (const [name, answer] of await answersOf(database, QUERIES)) {
      const inTable = difference(await target.rows(tableOf(name), folder), answer);
      if (inTable !== undefined) wrong.push(`table of ${name}: ${inTable}`);
    }
  } finally {
    database.close();
  }
  return wrong;
}

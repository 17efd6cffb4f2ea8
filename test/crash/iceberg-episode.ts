/**
 * Files into Iceberg tables by a job that is killed as often as it is told. At the end the tables must hold,
 * as pyiceberg reads them, what plain DuckDB says of the whole input; and no file that no snapshot names.
 */

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { FAILPOINTS, ICEBERG_FAILPOINTS } from "../../src/base/failpoint.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { id, sql, stringStruct } from "../../src/duckdb/sql.ts";
import { WINDOW_MACROS } from "../../src/sql/window-macros.ts";
import { answersOf, difference } from "../equation/answers.ts";
import type { QuerySpec } from "../equation/streaming.ts";
import { sharedPyIceberg } from "../services/iceberg.ts";
import { linesFrom } from "./crash-job.ts";
import { type Kill, type Random, randomBelow, spawned } from "./episode.ts";

export interface IcebergEpisode {
  readonly kills: number;
  /** Failpoints that were not passed so often. */
  readonly survived: readonly string[];
  readonly wrong: readonly string[];
}

export interface IcebergEpisodeOptions {
  readonly seed: number;
  readonly deaths: (random: Random) => Iterable<Kill>;
  /** A fault of the test's own between two lives, which must be found out. */
  readonly meddle?: (warehouse: string, life: number) => void;
}

const LINES_A_LIFE = 60;
const MAX_PASSES = 3;
const MAX_LIFE_MS = 700;
const KEEP_SNAPSHOTS = 4;
const SCHEMA = { id: "BIGINT", ts: "TIMESTAMP", k: "VARCHAR", v: "BIGINT" };
const QUERIES: Readonly<Record<string, QuerySpec>> = {
  picked: { sql: "SELECT id, k, v * 2 AS v FROM ticks WHERE v % 5 > 0" },
  sums: {
    sql: `SELECT k, epoch_us(window_start) AS at, count(*) AS n, sum(v)::BIGINT AS v
      FROM tumble(ticks, ts, INTERVAL 10 SECOND) GROUP BY ALL`,
  },
};

const JOB = stringify({
  name: "crash",
  checkpoint: "state",
  batch: 0,
  sources: { ticks: { from: "file:in/*.ndjson", schema: SCHEMA, watermark: "2s", rate: 400 } },
  queries: QUERIES,
  sinks: Object.keys(QUERIES).map((name) => ({
    from: name,
    iceberg: { warehouse: "wh", table: name, partition_by: ["k"], keep_snapshots: KEEP_SNAPSHOTS },
  })),
});

/** For so many lives: mostly a failpoint of such a batch, else any other one or any moment. */
export function* anyIcebergDeaths(lives: number, random: Random): Generator<Kill> {
  const places = [...ICEBERG_FAILPOINTS, ...ICEBERG_FAILPOINTS, ...FAILPOINTS];
  for (let life = 0; life < lives; life += 1) {
    const name = places[random(places.length + 12)];
    yield name === undefined
      ? { afterMs: random(MAX_LIFE_MS) }
      : { failpoint: `${name}:${1 + random(MAX_PASSES)}` };
  }
}

export async function runIcebergEpisode(options: IcebergEpisodeOptions): Promise<IcebergEpisode> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-iceberg-"));
  const random = randomBelow(options.seed);
  const survived: string[] = [];
  const wrong: string[] = [];
  let kills = 0;
  let lines = 0;
  const addInput = async (life: number): Promise<void> => {
    const added = linesFrom(lines + 1, LINES_A_LIFE, random);
    lines += added.length;
    await Bun.write(join(folder, `in/${String(life).padStart(4, "0")}.ndjson`), `${added.join("\n")}\n`);
  };
  try {
    mkdirSync(join(folder, "in"));
    await Bun.write(join(folder, "job.yaml"), JOB);
    let life = 0;
    for (const death of options.deaths(random)) {
      await addInput(life);
      const { wasKilled, code, stderr } = await lived(folder, death);
      if (wasKilled) kills += 1;
      else if (code === 0 && "failpoint" in death) survived.push(death.failpoint);
      else if (code !== 0)
        wrong.push(`life ${life} (${JSON.stringify(death)}) ended with ${code}: ${stderr}`);
      if (wrong.length > 0) return { kills, survived, wrong };
      options.meddle?.(join(folder, "wh"), life);
      life += 1;
    }
    await addInput(life);
    const last = await spawned(folder, ["--once"], {}, new Blob([]));
    const stderr = await new Response(last.stderr).text();
    const code = await last.exited;
    if (code !== 0) wrong.push(`the last life ended with ${code}: ${stderr}`);
    else wrong.push(...(await wrongInTables(folder)));
    return { kills, survived, wrong };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function lived(folder: string, death: Kill) {
  const env = "failpoint" in death ? { STREAMKIT_FAILPOINT: death.failpoint } : {};
  const child = await spawned(folder, ["--available-now"], env, new Blob([]));
  const killer = "afterMs" in death ? setTimeout(() => child.kill("SIGKILL"), death.afterMs) : undefined;
  const stderr = await new Response(child.stderr).text();
  const code = await child.exited;
  clearTimeout(killer);
  return { code, wasKilled: child.signalCode === "SIGKILL", stderr };
}

async function wrongInTables(folder: string): Promise<string[]> {
  const reader = await sharedPyIceberg();
  const database = await openDatabase({ threads: 1 });
  const wrong: string[] = [];
  try {
    await database.run(WINDOW_MACROS);
    await database.run(sql`CREATE TABLE ${id("ticks")} AS
      FROM read_json(${join(folder, "in/*.ndjson")}, format = 'newline_delimited',
        columns = ${stringStruct(Object.entries(SCHEMA))})`);
    for (const [name, answer] of await answersOf(database, QUERIES)) {
      const table = join(folder, "wh", name);
      const { rows } = await reader.scan(table);
      const found = difference(
        rows.map((row) => JSON.stringify(row)),
        answer,
      );
      if (found !== undefined) wrong.push(`the table of ${name}: ${found}`);
      wrong.push(...(await strayFiles(table)).map((file) => `${name}: no snapshot names ${file}`));
    }
  } finally {
    database.close();
  }
  return wrong;
}

/** Files of a table that nothing of its metadata names. */
export async function strayFiles(table: string): Promise<string[]> {
  const named = await (await sharedPyIceberg()).files(table);
  const known = new Set(
    [...named.data, ...named.manifests, ...named.lists].map((uri) => uri.slice(uri.lastIndexOf("/") + 1)),
  );
  return readdirSync(table, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .filter((name) => !known.has(name) && !/^(?:v\d+\.metadata\.json|version-hint\.text)$/.test(name));
}

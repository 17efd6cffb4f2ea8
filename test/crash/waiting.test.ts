/** kill -9 where many rows wait in files beside the checkpoint: nothing is lost, nothing comes twice. */

import { describe, expect, test } from "bun:test";
import { globSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { WAITING_FAILPOINTS } from "../../src/base/failpoint.ts";
import { emptyFolder } from "../support/binary.ts";
import { parquetRows } from "../support/warehouse.ts";
import { randomBelow, spawned, text } from "./episode.ts";

const SEED = Number(process.env["SEED"] ?? 20_260_105);
const LIVES = 50;
/** Enough for a file of their own, of one batch. */
const ROWS_A_LIFE = 5000;
const DEATHS = [
  ...WAITING_FAILPOINTS.flatMap((name) => [name, `${name}:2`]),
  "parquet-staged",
  "parquet-published",
  "parquet-published:2",
  "commit-open",
  "commit-open",
  "commit-open",
  "committed",
];

/**
 * Partitions that are written together; one that is written when rows of the other in the same files are not;
 * those that come one after the other; rows that wait until the end.
 */
const TABLES = {
  halves: { partition_by: ["p=n % 2"], roll: { rows: 20_000 } },
  uneven: { partition_by: ["p=(CASE WHEN n % 5 = 0 THEN 'rare' ELSE 'often' END)"], roll: { rows: 12_000 } },
  thousands: { partition_by: ["p=n // 9000"], roll: { rows: 9000 } },
  all: { roll: { rows: 1_000_000 } },
};

const JOB = stringify({
  name: "waiting",
  checkpoint: "state",
  batch: 0,
  sources: { rows: { from: "file:in/*.ndjson", schema: { n: "BIGINT", text: "VARCHAR" } } },
  sinks: Object.entries(TABLES).map(([table, options]) => ({
    from: "rows",
    parquet: { warehouse: "wh", table, ...options },
  })),
});

interface Lived {
  /** The failpoints at which it was killed. */
  readonly deaths: ReadonlySet<string>;
  readonly mostFiles: number;
  /** Of each table, what is wrong with it in the end. */
  readonly wrong: readonly string[];
  readonly left: readonly string[];
}

async function live(meddle?: (waiting: string, life: number) => void): Promise<Lived> {
  using folder = emptyFolder();
  const at = (name: string): string => join(folder.path, name);
  await Bun.write(at("job.yaml"), JOB);
  const random = randomBelow(SEED);
  const deaths = new Set<string>();
  const waiting = at("state/waiting");
  const waits = (): string[] => globSync(join(waiting, "**/*.*"));
  let mostFiles = 0;
  for (let life = 0; life <= LIVES; life += 1) {
    const isLast = life === LIVES;
    const rows = Array.from({ length: ROWS_A_LIFE }, (_, index) => life * ROWS_A_LIFE + index);
    const lines = rows.map((n) => JSON.stringify({ n, text: `row ${n}` }));
    await Bun.write(at(`in/${String(life).padStart(4, "0")}.ndjson`), text(lines));
    const death = isLast ? undefined : DEATHS[random(DEATHS.length + 2)];
    const env = death === undefined ? {} : { STREAMKIT_FAILPOINT: death };
    const child = await spawned(folder.path, [isLast ? "--once" : "--available-now"], env, new Blob([]));
    const stderr = await new Response(child.stderr).text();
    const code = await child.exited;
    if (child.signalCode === "SIGKILL") deaths.add(death?.split(":")[0] ?? "");
    else if (code !== 0) return { deaths, mostFiles, left: [], wrong: [`life ${life}: ${stderr}`] };
    mostFiles = Math.max(mostFiles, waits().length);
    if (!isLast) meddle?.(waiting, life);
  }
  const wrong: string[] = [];
  const count = (LIVES + 1) * ROWS_A_LIFE;
  for (const table of Object.keys(TABLES)) {
    const found = (await parquetRows(at(`wh/${table}`))).map((row) => Number(row["n"]));
    const different = new Set(found).size;
    if (found.length !== count || different !== count)
      wrong.push(`${table}: ${found.length} rows, ${different} different, of ${count}`);
  }
  return { deaths, mostFiles, wrong, left: waits() };
}

describe("many rows that wait", () => {
  test(`over ${LIVES} lives (SEED=${SEED})`, async () => {
    const { deaths, mostFiles, wrong, left } = await live();
    expect(wrong).toEqual([]);
    expect(left).toEqual([]);
    // They have been there, and their number is bounded.
    expect(mostFiles).toBeGreaterThan(5);
    expect(WAITING_FAILPOINTS.filter((name) => !deaths.has(name))).toEqual([]);
  }, 120_000);

  test("it is said when their files are gone", async () => {
    const { wrong } = await live((waiting, life) => {
      if (life === 10) rmSync(waiting, { recursive: true });
    });
    expect(wrong.join()).toMatch(/waiting.*\.parquet" is gone: [\d,]+ rows wait in it/);
  }, 120_000);
});

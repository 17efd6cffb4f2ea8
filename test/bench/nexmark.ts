/**
 * Nexmark: each query on its own through the real binary, from a file of events into a file, beside one
 * DuckDB batch of the same text and beside Flink's figures. Some queries alone, after a build:
 *
 *     bun test/bench/nexmark.ts q5 q7
 */

import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { id, raw, sql, stringStruct } from "../../src/duckdb/sql.ts";
import { WINDOW_MACROS } from "../../src/sql/window-macros.ts";
import { nexmarkBlocks } from "../nexmark/generator.ts";
import { EVENT_SCHEMA, jobTextOf, NEXMARK_QUERIES, SIDE_INPUT, withWhatTheyRead } from "../nexmark/job.ts";
import { byTurns, median, type Run, timed } from "./measure.ts";

const EVENTS = Number(process.env["STREAMKIT_BENCH_NEXMARK_EVENTS"] ?? 1_000_000);

/** Flink's figures, in thousand events a second; q6, q10, q12, q13, q14, q21 and q22 have none. */
const FLINK: ReadonlyMap<string, number> = new Map([
  ["q0", 365],
  ["q1", 400],
  ["q2", 497],
  ["q3", 304],
  ["q4", 149],
  ["q5", 200],
  ["q7", 161],
  ["q8", 263],
  ["q9", 156],
  ["q11", 231],
  ["q15", 279],
  ["q16", 204],
  ["q17", 290],
  ["q18", 282],
  ["q19", 194],
  ["q20", 205],
]);

export interface NexmarkBench {
  readonly streamkit: string;
  readonly bun: string;
  /** The script `reference.ts`. */
  readonly reference: string;
  readonly turns: number;
}

interface Measured {
  readonly query: string;
  /** Undefined where the job failed. */
  readonly ours: Run | undefined;
  readonly batchSeconds: number;
}

/** Both tables' text: a row a query, then the geometric mean of the ratios to Flink's figures. */
export async function nexmarkTable(
  bench: NexmarkBench,
  queries: readonly string[] = NEXMARK_QUERIES,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "streamkit-bench-nexmark-"));
  try {
    const events = join(folder, "events.ndjson");
    writeEvents(events);
    const measured: Measured[] = [];
    for (const query of queries) {
      process.stderr.write(`nexmark ${query} …\n`);
      measured.push(await measure(query, folder, events, bench));
    }
    return tableOf(measured);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeEvents(file: string): void {
  const descriptor = openSync(file, "w");
  for (const block of nexmarkBlocks({ seed: 1, count: EVENTS })) writeSync(descriptor, block, null, "latin1");
  closeSync(descriptor);
}

async function measure(
  query: string,
  folder: string,
  events: string,
  bench: NexmarkBench,
): Promise<Measured> {
  const place = join(folder, query);
  mkdirSync(place);
  const job = join(place, "job.yaml");
  writeFileSync(job, jobTextOf([query], { events, watermark: "4s", out: "out" }));
  const batch = join(place, "batch.sql");
  writeFileSync(batch, batchStatements(query, events, join(place, "batch.ndjson")));
  try {
    const { ours, reference } = await byTurns(
      bench.turns,
      () => runJob(job, place, bench.streamkit),
      async () => (await timed([bench.bun, bench.reference, "statements", batch])).seconds,
    );
    const middle = median(ours.map((run) => run?.seconds ?? Number.NaN));
    return {
      query,
      ours: ours.find((run) => run?.seconds === middle),
      batchSeconds: median(reference),
    };
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** Undefined where the job failed: a query that is refused leaves the others to be measured. */
async function runJob(job: string, place: string, streamkit: string): Promise<Run | undefined> {
  const checkpoint = join(place, "state");
  for (const made of [checkpoint, join(place, "out")]) rmSync(made, { recursive: true, force: true });
  try {
    return await timed([streamkit, "process", job, "--once", "--checkpoint", checkpoint]);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

/** The events are read once and the queries before the last are views, as one would write it by hand. */
function batchStatements(query: string, events: string, out: string): string {
  const views = Object.entries(withWhatTheyRead([query])).map(
    ([name, query]) => sql`CREATE VIEW ${id(name)} AS ${raw(query.sql)}`.text,
  );
  return [
    WINDOW_MACROS.text,
    sql`CREATE TABLE side_input AS FROM read_csv(${SIDE_INPUT})`.text,
    sql`CREATE TABLE events AS SELECT *, TIMESTAMP '2026-01-06 00:00:00' AS p_time
      FROM read_json(${events}, format = 'newline_delimited',
        columns = ${stringStruct(Object.entries(EVENT_SCHEMA))})`.text,
    ...views,
    sql`COPY (FROM ${id(query)}) TO ${out} (FORMAT json)`.text,
  ].join(";\n");
}

function tableOf(measured: readonly Measured[]): string {
  const perSecond = (seconds: number): string => (EVENTS / seconds / 1000).toFixed(0);
  const rows = measured.map(({ query, ours, batchSeconds }) => {
    const flink = FLINK.get(query);
    const cells = [
      ours === undefined ? "failed" : perSecond(ours.seconds),
      perSecond(batchSeconds),
      ours === undefined ? "–" : (batchSeconds / ours.seconds).toFixed(2),
      flink === undefined ? "–" : String(flink),
      ours === undefined || flink === undefined ? "–" : ratioToFlink(ours, flink).toFixed(2),
      ours === undefined ? "–" : `${(ours.peakBytes / 2 ** 20).toFixed(0)} MiB`,
    ];
    return `| ${query} | ${cells.join(" | ")} |`;
  });
  const ratios = measured.flatMap(({ query, ours }) => {
    const flink = FLINK.get(query);
    return ours === undefined || flink === undefined ? [] : [ratioToFlink(ours, flink)];
  });
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  const failed = measured.filter(({ ours }) => ours === undefined).map(({ query }) => query);
  return [
    `Nexmark, ${EVENTS.toLocaleString("en-US")} events, thousand events a second\n`,
    "| query | ours | DuckDB batch | ratio | Flink | ratio | peak memory |",
    "|---|---|---|---|---|---|---|",
    ...rows,
    ...(ratios.length === 0
      ? []
      : [`\ngeometric mean of the ${ratios.length} ratios to Flink: ${mean.toFixed(2)}`]),
    ...(failed.length === 0 ? [] : [`failed: ${failed.join(", ")}`]),
  ].join("\n");
}

function ratioToFlink(ours: Run, flink: number): number {
  return EVENTS / ours.seconds / 1000 / flink;
}

if (import.meta.main) {
  const root = join(import.meta.dir, "../..");
  const named = process.argv.slice(2);
  const bench = {
    streamkit: join(root, "dist/streamkit"),
    bun: process.execPath,
    reference: join(import.meta.dir, "reference.ts"),
    turns: 1,
  };
  process.stdout.write(`${await nexmarkTable(bench, named.length === 0 ? NEXMARK_QUERIES : named)}\n`);
}

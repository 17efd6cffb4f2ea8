/** A job run batch by batch as the test wants it cut, with the real sources, engine and sinks. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { systemClock } from "../../src/base/clock.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import { openDatabase } from "../../src/duckdb/database.ts";
import { type BatchRunner, openRunner } from "../../src/engine/batch-runner.ts";
import type { BatchPlan, Checkpoint } from "../../src/engine/checkpoint.ts";
import type { BatchOutcome } from "../../src/engine/outcome.ts";
import { type OpenSink, openSinks } from "../../src/engine/outputs.ts";
import { prepareJob } from "../../src/engine/prepare.ts";
import { loadJobText } from "../../src/job/load.ts";
import type { Range } from "../../src/sources/source.ts";

export interface QuerySpec {
  readonly sql: string;
  readonly mode?: "append" | "update" | "complete";
}

export interface JobSpec {
  /** Column names and DuckDB types of the stream `ticks`. */
  readonly schema: Readonly<Record<string, string>>;
  readonly watermark: string;
  /** CSV texts by table name. */
  readonly tables: Readonly<Record<string, string>>;
  readonly queries: Readonly<Record<string, QuerySpec>>;
  /** Queries whose rows also go into a Parquet table of their name. */
  readonly parquet?: readonly string[];
}

/**
 * Where a batch dies: before its first sink, between its sinks, or when everything is written but not
 * committed.
 */
export type CrashPoint = "before sinks" | "between sinks" | "before commit";

/** A job in a folder of its own, with the whole input in one file. */
export interface Streaming {
  readonly folder: string;
  readonly inputFile: string;
  /**
   * Runs the next batch over the lines up to `endByte` (`undefined`: no new line), in the open job; meanwhile
   * the lines up to `nextEndByte` are read ahead.
   */
  batch(endByte: number | undefined, endsInput: boolean, nextEndByte?: number): Promise<BatchOutcome>;
  /** Closes everything and opens it again from the checkpoint. */
  restart(): Promise<void>;
  /**
   * The batch dies at the point; then the job is opened again and the pending batch replayed, as the loop
   * does.
   */
  crash(endByte: number | undefined, endsInput: boolean, point: CrashPoint): Promise<void>;
  /** The text of a query's file sink. */
  written(query: string): string;
  close(): Promise<void>;
}

class Crash extends Error {}

interface OpenJob {
  readonly runner: BatchRunner;
  readonly sinks: readonly OpenSink[];
  readonly pending: BatchPlan | undefined;
  crashAt: CrashPoint | undefined;
  close(isCrash: boolean): Promise<void>;
}

export async function openStreaming(
  job: JobSpec,
  input: string,
  options: { readonly isDurable: boolean; readonly threads?: number },
): Promise<Streaming> {
  const folder = mkdtempSync(path.join(tmpdir(), "streamkit-equation-"));
  const inputFile = path.join(folder, "ticks.ndjson");
  writeFileSync(inputFile, input);
  for (const [name, text] of Object.entries(job.tables))
    writeFileSync(path.join(folder, `${name}.csv`), text);
  mkdirSync(path.join(folder, "out"));
  const text = jobText(job);
  let open = await openJob(text, folder, options).catch((error: unknown) => {
    rmSync(folder, { recursive: true });
    throw error;
  });
  let committedByte = 0;

  let readAhead: Readonly<Record<string, Range>> = {};

  const rangesOf = (fromByte: number, endByte: number | undefined): Readonly<Record<string, Range>> => {
    if (endByte === undefined || endByte <= fromByte) return {};
    const from = { files: fromByte === 0 ? {} : { [inputFile]: fromByte } };
    return { ticks: { from, to: { files: { [inputFile]: endByte } } } };
  };
  const plan = (endByte: number | undefined, endsInput: boolean): BatchPlan => {
    const ranges = rangesOf(committedByte, endByte);
    // What was read ahead is known by being the same object.
    const isAhead = JSON.stringify(ranges) === JSON.stringify(readAhead);
    return {
      batch: open.runner.lastBatch() + 1,
      ranges: isAhead ? readAhead : ranges,
      idle: [],
      endsInput,
    };
  };
  return {
    folder,
    inputFile,
    async batch(endByte, endsInput, nextEndByte) {
      const now = plan(endByte, endsInput);
      committedByte = endByte ?? committedByte;
      readAhead = rangesOf(committedByte, nextEndByte);
      return open.runner.run(now, 0, [readAhead]);
    },
    async restart() {
      await open.close(false);
      open = await openJob(text, folder, options);
    },
    async crash(endByte, endsInput, point) {
      open.crashAt = point;
      const died = await open.runner.run(plan(endByte, endsInput), 0).then(
        () => false,
        (error: unknown) => {
          if (!(error instanceof Crash)) throw error;
          return true;
        },
      );
      if (!died) throw new Error(`The batch survived a crash ${point}`);
      await open.close(true);
      open = await openJob(text, folder, options);
      if (open.pending === undefined) throw new Error("The crashed batch left no plan");
      await open.runner.run(open.pending, 0);
      committedByte = endByte ?? committedByte;
    },
    written: (query) => {
      const file = path.join(folder, "out", `${query}.ndjson`);
      return existsSync(file) ? readFileSync(file, "utf8") : "";
    },
    async close() {
      await open.close(false);
      rmSync(folder, { recursive: true });
    },
  };
}

function jobText({ schema, watermark, tables, queries, parquet = [] }: JobSpec): string {
  return stringify({
    name: "equation",
    sources: { ticks: { from: "file:ticks.ndjson", schema, watermark } },
    tables: Object.fromEntries(Object.keys(tables).map((name) => [name, { from: `file:${name}.csv` }])),
    queries,
    sinks: [
      ...Object.keys(queries).map((name) => ({ from: name, to: `file:out/${name}.ndjson` })),
      ...parquet.map((name) => ({ from: name, parquet: { warehouse: "warehouse", table: name } })),
    ],
  });
}

async function openJob(
  text: string,
  folder: string,
  { isDurable, threads }: { readonly isDurable: boolean; readonly threads?: number },
): Promise<OpenJob> {
  const job = loadJobText(text, path.join(folder, "job.yaml"), wholeJobSchema(), { env: {}, overrides: [] });
  const database = await openDatabase(threads === undefined ? {} : { threads });
  try {
    const prepared = await prepareJob(job, isDurable ? path.join(folder, "state") : undefined, {
      database,
      clock: systemClock,
      freshSeed: () => 1,
      takesWhatIsThere: true,
      notify: () => {},
      waitForNews: () => Promise.resolve(),
      isStopped: () => false,
    });
    if (prepared === undefined) throw new Error("The job found no input");
    const sinks = await openSinks({
      sinks: job.config.sinks,
      outputs: prepared.outputs,
      errorAt: job.errorAt,
      saved: prepared.checkpoint.progress?.sinks ?? {},
      contextOf: (input) => ({
        input,
        writer: "equation",
        baseFolder: folder,
        bareRows: false,
        isDurable: false,
        stdout: { isTerminal: false, write: () => {} },
        clock: systemClock,
      }),
    });
    const open: Omit<OpenJob, "runner"> = {
      sinks,
      pending: prepared.checkpoint.pendingPlan,
      crashAt: undefined,
      async close(isCrash) {
        await runner.close();
        for (const { sink } of sinks) await sink.close();
        if (!isCrash) await prepared.close();
        database.close();
      },
    };
    const checkpoint: Checkpoint = {
      ...prepared.checkpoint,
      commit: async (...statements) => {
        if (open.crashAt === "before commit") throw new Crash();
        return prepared.checkpoint.commit(...statements);
      },
    };
    const breakable = sinks.map(
      (openSink, index): OpenSink => ({
        ...openSink,
        sink: {
          ...openSink.sink,
          async write(...batch) {
            if (open.crashAt === "before sinks") throw new Crash();
            if (open.crashAt === "between sinks" && index === sinks.length - 1) throw new Crash();
            await openSink.sink.write(...batch);
          },
        },
      }),
    );
    const runner = await openRunner({
      database,
      clock: systemClock,
      prepared: { ...prepared, checkpoint },
      sinks: breakable,
      observed: [],
    });
    return Object.assign(open, { runner });
  } catch (error) {
    database.close();
    throw error;
  }
}

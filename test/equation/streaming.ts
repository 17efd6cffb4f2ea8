/** A job of the tests' own, run batch by batch as the test wants it cut, and killed where it says. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { wholeJobSchema } from "../../src/commands/load-job.ts";
import type { Column } from "../../src/duckdb/database.ts";
import type { BatchProgress } from "../../src/engine/batch-progress.ts";
import type { SourceShape } from "../../src/ingest/source-reader.ts";
import { type LoadedJob, loadJobText } from "../../src/job/load.ts";
import { openRun, rowFiles, type Share, type WrittenTo } from "../../src/verify/run.ts";

export interface QuerySpec {
  readonly sql: string;
  readonly mode?: "append" | "update" | "complete";
  readonly key?: readonly string[];
  readonly lateness?: string;
  readonly state?: "unbounded" | { readonly keep: string };
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

/** A job's text with the files of its folder, by name; `rowFiles` are its sinks where `written` is asked. */
export interface JobFiles {
  readonly text: string;
  /** The job's only source, which reads files. */
  readonly source: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}

interface StreamingOptions {
  readonly isDurable: boolean;
  /** By the general plan, in place of the one that the planner picks. */
  readonly isGeneral?: boolean;
  readonly threads?: number;
  /** The system's if left out. */
  readonly clock?: Clock;
}

/**
 * Where a batch dies: before its first sink, between its sinks, or when everything is written but not
 * committed.
 */
export type CrashPoint = "before sinks" | "between sinks" | "before commit";

/** A job in a folder of its own, with the whole input in one file. */
export interface Streaming {
  readonly folder: string;
  readonly shapes: readonly SourceShape[];
  /**
   * Runs the next batch over the lines up to `endByte` (`undefined`: no new line), in the open job; meanwhile
   * the lines up to `nextEndByte` are read ahead.
   */
  batch(endByte: number | undefined, endsInput: boolean, nextEndByte?: number): Promise<BatchProgress>;
  /** Closes everything and opens it again from the checkpoint. */
  restart(): Promise<void>;
  /**
   * The batch dies at the point; then the job is opened again and the pending batch replayed, as the loop
   * does. `meanwhile`: what happens before it is opened again.
   */
  crash(
    endByte: number | undefined,
    endsInput: boolean,
    point: CrashPoint,
    meanwhile?: () => void,
  ): Promise<void>;
  /** Whether every source has given all it has. */
  isEnded(): boolean;
  /** The text of a query's file sink. */
  written(query: string): string;
  /** The columns of a query's rows. */
  columns(query: string): readonly Column[];
  close(): Promise<void>;
}

class Crash extends Error {}

export function openStreaming(spec: JobSpec, input: string, options: StreamingOptions): Promise<Streaming> {
  const tables = Object.entries(spec.tables).map(([name, text]) => [`${name}.csv`, text] as const);
  const files = { "ticks.ndjson": input, ...Object.fromEntries(tables) };
  return openStreamingJob({ text: jobText(spec), source: "ticks", files }, options);
}

export async function openStreamingJob(
  { text, source, files }: JobFiles,
  options: StreamingOptions,
): Promise<Streaming> {
  const folder = mkdtempSync(path.join(tmpdir(), "streamkit-equation-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  let crashAt: CrashPoint | undefined;
  const through = (parts: WrittenTo): WrittenTo => breakable(parts, () => crashAt);
  const run = await openRun(loadedJob(text, folder), {
    clock: systemClock,
    ...options,
    folder,
    through,
  }).catch((error: unknown) => {
    rmSync(folder, { recursive: true });
    throw error;
  });
  let takenByte = 0;
  let ahead: Share | undefined;

  /** The share of the input up to a byte; the same object if that is being read ahead. */
  const shareOf = (endByte: number | undefined): Share => {
    const bytes = Math.max(0, (endByte ?? 0) - takenByte);
    takenByte += bytes;
    return ahead?.[source] === bytes ? ahead : { [source]: bytes };
  };
  return {
    folder,
    shapes: run.open().prepared.shapes,
    async batch(endByte, endsInput, nextEndByte) {
      const share = shareOf(endByte);
      ahead = { [source]: Math.max(0, (nextEndByte ?? 0) - takenByte) };
      return run.batch(share, endsInput, ahead);
    },
    async restart() {
      ahead = undefined;
      await run.restart();
    },
    async crash(endByte, endsInput, point, meanwhile) {
      const share = shareOf(endByte);
      ahead = undefined;
      crashAt = point;
      const died = await run.batch(share, endsInput).then(
        () => false,
        (error: unknown) => {
          if (!(error instanceof Crash)) throw error;
          return true;
        },
      );
      crashAt = undefined;
      if (!died) throw new Error(`The batch survived a crash ${point}`);
      meanwhile?.();
      const before = run.open().runner.lastBatch();
      await run.restart(true);
      if (run.open().runner.lastBatch() !== before + 1) throw new Error("The crashed batch left no plan");
    },
    isEnded: () => run.open().prepared.readers.every(({ source: { isEnded } }) => isEnded()),
    written: (query) => run.written(query),
    columns(query) {
      const planned = run.open().prepared.queries.find(({ output }) => output.name === query);
      if (planned === undefined) throw new Error(`The job has no query ${query}`);
      return planned.output.columns;
    },
    async close() {
      await run.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The job as it is loaded from a file in the folder. */
export function loadedJob(text: string, folder: string): LoadedJob {
  return loadJobText(text, path.join(folder, "job.yaml"), wholeJobSchema(), { env: {}, overrides: [] });
}

export function jobText({ schema, watermark, tables, queries, parquet = [] }: JobSpec): string {
  return stringify({
    name: "equation",
    sources: { ticks: { from: "file:ticks.ndjson", schema, watermark } },
    tables: Object.fromEntries(
      Object.keys(tables).map((name) => [name, { from: `file:${name}.csv`, refresh: "1ms" }]),
    ),
    queries,
    sinks: [
      ...rowFiles(Object.keys(queries)),
      ...parquet.map((name) => ({ from: name, parquet: { warehouse: "warehouse", table: name } })),
    ],
  });
}

function breakable({ checkpoint, sinks }: WrittenTo, crashAt: () => CrashPoint | undefined): WrittenTo {
  return {
    checkpoint: {
      ...checkpoint,
      commit: async (...statements) => {
        if (crashAt() === "before commit") throw new Crash();
        return checkpoint.commit(...statements);
      },
    },
    sinks: sinks.map((openSink, index) => ({
      ...openSink,
      sink: {
        ...openSink.sink,
        async write(...batch) {
          if (crashAt() === "before sinks") throw new Crash();
          if (crashAt() === "between sinks" && index === sinks.length - 1) throw new Crash();
          await openSink.sink.write(...batch);
        },
      },
    })),
  };
}

/**
 * A job run both ways over the same input: by the streaming engine, cut into random batches and restarted in
 * the middle, and by plain DuckDB over the whole. The rows of each query must be the same.
 *
 * Which rows are late depends on the cut, and the batch knows nothing of that. So the input's disorder is
 * measured first, and where the job's watermark is less, it is raised to it: then no cut makes a row late.
 * How many rows would have been late with the job's own is told.
 */

import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { StreamkitError } from "../base/error.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { durationText } from "../base/units.ts";
import { openDatabase } from "../duckdb/database.ts";
import { type PlannedJob, planForCheck } from "../engine/prepare.ts";
import type { SourceShape } from "../ingest/source-reader.ts";
import type { LoadedJob } from "../job/load.ts";
import { queryConfig } from "../job/schema.ts";
import type { PlannedQuery } from "../operators/query.ts";
import { createRandom } from "../simulate/random.ts";
import {
  type BatchSide,
  dependsOnClock,
  openBatchSide,
  type ReaderFault,
  type WholeInput,
} from "./batch-answer.ts";
import { type Cut, randomCut } from "./cut.ts";
import type { PutAside } from "./put-aside.ts";
import type { ReadingFacts } from "./reading/compare.ts";
import { type Answer, appliedRows, compareRows, type Difference, linesOf } from "./rows.ts";
import { rowFiles } from "./run.ts";
import { MAX_RUN_MS, openRunClock } from "./run-clock.ts";
import { streamAnswer } from "./stream-answer.ts";

export interface VerifyOptions {
  readonly clock: Clock;
  /** Ends the work after the batch under way. */
  readonly stop: AbortSignal;
  /** Of the first cut; the next ones count up from it. */
  readonly seed: number;
  readonly cuts: number;
  /** The wall clock when a run begins. */
  readonly startMs: number;
  /** Told what is done now. */
  readonly tell?: (words: string) => void;
  /** For tests: see `BatchSideOptions`. */
  readonly through?: ReaderFault;
}

export interface Verification {
  readonly inputs: readonly InputFacts[];
  readonly queries: readonly QueryVerdict[];
  /** Whether a source's rows depend on when they are read. */
  readonly dependsOnClock: boolean;
  /** How many were tried. */
  readonly cuts: number;
  /** The first cut in which a query differs; undefined where all are equal in all of them. */
  readonly differingCut: CutFacts | undefined;
}

export interface InputFacts {
  readonly source: string;
  readonly rows: number;
  readonly deadLetters: number;
  /** The job's own watermark, and the one that it was given. */
  readonly ownWatermarkMs: number;
  readonly watermarkMs: number;
  /** Rows behind the job's own watermark, in the cut that has most of them. */
  readonly lateRows: number;
  /** Dead letters for being further ahead than the source's max_ahead allows, likewise. */
  readonly farAhead: number;
  readonly reading: ReadingFacts;
}

export interface QueryVerdict {
  readonly query: string;
  /** Of the batch's answer. */
  readonly rows: number;
  readonly difference: Difference | undefined;
  /** Rows, groups and windows that it fails on, left out of both sides: of the last cut. */
  readonly putAside: number;
  /** Why it may differ and be right. */
  readonly hint: string | undefined;
  /** What makes its rows no answer at all. */
  readonly fault: string | undefined;
}

export interface CutFacts {
  readonly seed: number;
  readonly batches: number;
  readonly restartAfter: number;
}

/**
 * `job` reads files. Undefined where `stop` aborted. Throws code `job` where the job is wrong, `input` where
 * there is nothing to compare.
 */
export async function verifyJob(job: LoadedJob, options: VerifyOptions): Promise<Verification | undefined> {
  const { shapes, queries } = await plannedJob(job, options);
  const order = queries.map(({ output }) => output.name);
  if (order.length === 0) throw job.errorAt([], "it has no query: there is nothing to compare");
  const folder = await temporaryFolder("verify");
  try {
    const lastPlanMs = options.startMs + MAX_RUN_MS;
    const { clock, through } = options;
    const side = await openBatchSide({ job, shapes, order, queries, clock, lastPlanMs, folder, through });
    try {
      for (const [source, input] of side.inputs) refuseEmpty(source, input);
      const compared = await compareCuts(job, { shapes, queries, side, folder }, options);
      if (compared === undefined) return undefined;
      return {
        differingCut: compared.differingCut,
        dependsOnClock: shapes.some(dependsOnClock),
        cuts: options.cuts,
        inputs: [...side.inputs].map(([source, input]) => ({
          source,
          rows: input.rows,
          deadLetters: input.deadLetters,
          ownWatermarkMs: job.config.sources[source]?.watermark ?? 0,
          watermarkMs: neededMs(job, source, input),
          lateRows: compared.lateRows.get(source) ?? 0,
          farAhead: compared.farAhead.get(source) ?? 0,
          reading: input.reading,
        })),
        queries: order.map((query) => ({
          query,
          rows: compared.answers.get(query)?.rows.length ?? 0,
          difference: compared.findings.get(query)?.difference,
          fault: compared.findings.get(query)?.fault,
          hint: hintOf(job, query),
          putAside: compared.putAside.filter((one) => one.query === query).length,
        })),
      };
    } finally {
      side.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Known {
  readonly shapes: readonly SourceShape[];
  readonly queries: readonly PlannedQuery[];
  readonly side: BatchSide;
  readonly folder: string;
}

type Finding = Pick<QueryVerdict, "difference" | "fault">;

interface Compared {
  readonly differingCut: CutFacts | undefined;
  /** By query, where there is anything to say. */
  readonly findings: ReadonlyMap<string, Finding>;
  /** Of the last cut. */
  readonly answers: ReadonlyMap<string, Answer>;
  readonly lateRows: ReadonlyMap<string, number>;
  readonly farAhead: ReadonlyMap<string, number>;
  /** In the last cut. */
  readonly putAside: readonly PutAside[];
}

/** One cut after the other, until one differs. */
async function compareCuts(
  job: LoadedJob,
  { shapes, queries, side, folder }: Known,
  { clock, stop, seed, cuts, startMs, tell = () => {} }: VerifyOptions,
): Promise<Compared | undefined> {
  const running = unhurried(job, side.inputs);
  const bytes = new Map([...side.inputs].map(([name, input]) => [name, input.bytes]));
  const isByClock = shapes.some(dependsOnClock);
  let whole: ReadonlyMap<string, Answer> | undefined;
  const lateRows = new Map<string, number>();
  const farAhead = new Map<string, number>();
  const ownWatermarksMs = new Map(
    shapes.map(({ name }) => [name, job.config.sources[name]?.watermark ?? 0] as const),
  );
  for (let index = 0; index < cuts; index += 1) {
    const cut = randomCut(seed + index, bytes);
    const runFolder = path.join(folder, String(index));
    await mkdir(runFolder);
    const runClock = openRunClock(clock, startMs, createRandom(cut.seed, 1));
    const answer = await streamAnswer(running, cut, {
      clock: runClock,
      stop,
      folder: runFolder,
      ownWatermarksMs,
      began: (batch) => tell(`cut ${index + 1} of ${cuts}, batch ${batch} of ${cut.shares.length}`),
    });
    tell(`cut ${index + 1} of ${cuts}, all at once`);
    if (answer === undefined) return undefined;
    const { putAside, taken } = answer;
    const isOwn = isByClock || putAside.length > 0;
    if (!isOwn) whole ??= await side.answers();
    const answers = isOwn
      ? await side.answers({ batches: taken, putAside })
      : (whole ?? new Map<string, Answer>());
    raise(lateRows, answer.lateRows);
    raise(farAhead, answer.farAhead);
    const findings = new Map(
      queries.flatMap((query): [string, Finding][] => {
        const { name } = query.output;
        const found = findingOf(query, answer.written(name), answers.get(name));
        return found === undefined ? [] : [[name, found]];
      }),
    );
    await rm(runFolder, { recursive: true, force: true });
    const differingCut = findings.size > 0 ? factsOf(cut, answer.batches) : undefined;
    if (differingCut !== undefined || index === cuts - 1)
      return { differingCut, findings, answers, lateRows, farAhead, putAside };
  }
  throw new StreamkitError("bug", "No cut was tried");
}

function raise(most: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) most.set(name, Math.max(most.get(name) ?? 0, count));
}

function factsOf({ seed, restartAfter }: Cut, batches: number): CutFacts {
  return { seed, batches, restartAfter };
}

function findingOf(
  { output, key }: PlannedQuery,
  written: string,
  answer: Answer = { rows: [], inexact: [] },
): Finding | undefined {
  const lines = linesOf(written);
  try {
    const rows = output.mode === "append" ? lines : appliedRows(lines, key);
    const difference = compareRows(rows, answer);
    return difference === undefined ? undefined : { difference, fault: undefined };
  } catch (error) {
    if (error instanceof StreamkitError) return { difference: undefined, fault: error.message };
    throw error;
  }
}

/** The job with watermarks that make no row late, and with files for rows in the place of its sinks. */
function unhurried(job: LoadedJob, inputs: ReadonlyMap<string, WholeInput>): LoadedJob {
  const sources = Object.entries(job.config.sources).map(([name, source]) => {
    const input = inputs.get(name);
    return [
      name,
      input === undefined ? source : { ...source, watermark: neededMs(job, name, input) },
    ] as const;
  });
  const sinks = rowFiles(Object.keys(job.config.queries));
  return { ...job, config: { ...job.config, sources: Object.fromEntries(sources), sinks: [...sinks] } };
}

function neededMs(job: LoadedJob, source: string, { disorderUs }: WholeInput): number {
  const ownMs = job.config.sources[source]?.watermark ?? 0;
  return Math.max(ownMs, Math.ceil(Number(disorderUs) / 1000));
}

/** What a job asks to be left out, the batch does not leave out. */
function hintOf({ config }: LoadedJob, query: string): string | undefined {
  const found = config.queries[query];
  const state = found === undefined ? undefined : queryConfig(found).state;
  if (typeof state !== "object") return undefined;
  const keep = durationText(state.keep);
  return `its state: {keep: ${keep}} leaves out rows that are further apart, as the batch does not`;
}

/** Nothing of nothing would be equal, and mean nothing. */
function refuseEmpty(source: string, { rows, deadLetters, firstReason }: WholeInput): void {
  if (rows > 0) return;
  const reason =
    firstReason === undefined
      ? "it has no line"
      : `none of its ${deadLetters} lines could be read; the first: ${firstReason}`;
  throw new StreamkitError("input", `The input of source "${source}" gives no row: ${reason}`);
}

async function plannedJob(job: LoadedJob, { clock, seed }: VerifyOptions): Promise<PlannedJob> {
  const database = await openDatabase();
  try {
    return await planForCheck(job, database, { clock, freshSeed: () => seed });
  } finally {
    database.close();
  }
}

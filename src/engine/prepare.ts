/**
 * From a loaded job to a database with everything set up: macros, tables, sources as streams, planned
 * queries.
 */

import type { Clock } from "../base/clock.ts";
import { JobError, StreamkitError } from "../base/error.ts";
import { openFaults } from "../base/faults.ts";
import { adoptPlan, madeOtherwise } from "../checkpoint/adopt-plan.ts";
import { calledAs } from "../checkpoint/called-as.ts";
import { type Checkpoint, openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { Database } from "../duckdb/database.ts";
import { raw } from "../duckdb/sql.ts";
import type { RecordColumn } from "../formats/epoch.ts";
import { timeSource } from "../ingest/event-time.ts";
import { findColumns } from "../ingest/find-columns.ts";
import { takenNames } from "../ingest/reserved-column-names.ts";
import {
  formatOf,
  knownColumns,
  openReader,
  type SourceReader,
  type SourceShape,
  segmentFolder,
} from "../ingest/source-reader.ts";
import type { LoadedJob } from "../job/load.ts";
import type { PlannedQuery } from "../operators/query.ts";
import { planQueries } from "../plan/plan.ts";
import { resolveSource } from "../sources/list.ts";
import { optionOf, type Source, type SourceContext } from "../sources/source.ts";
import { WINDOW_MACROS } from "../sql/window-macros.ts";
import { checkAhead, checkShared, shapeOf } from "./check-sources.ts";
import { outputsOf } from "./job-outputs.ts";
import { checkSinks, checkTests, type Output, probeSinks } from "./outputs.ts";
import { ownFiles } from "./own-files.ts";
import { sharingOf } from "./shared-sources.ts";
import { openTables, type StaticTables } from "./tables.ts";

/**
 * A batch's bytes of a source: few enough for a small memory and a short way from the first row to the last,
 * enough that what a batch costs by itself does not count. Tried from 8 to 33 MiB; DuckDB reads so much with
 * one thread.
 */
export const MAX_SEGMENT_BYTES = 16 * 1024 * 1024;

export interface Given {
  readonly database: Database;
  readonly clock: Clock;
  readonly freshSeed: () => number;
  /** What is there now is all. */
  readonly isBounded: boolean;
  /** Files that are not there are no mistake then. */
  readonly allowsEmpty?: boolean | undefined;
  /** Wakes the loop: a source may have something. */
  readonly notify: () => void;
  /** Resolves when a source may have something, or after a while. */
  readonly waitForNews: () => Promise<void>;
  readonly isStopped: () => boolean;
  /** A state of fewer rows is not worth a rewrite. */
  readonly minRowsToRewrite?: number;
  /** Whether stateful queries keep all their rows, and run over them. */
  readonly isGeneral?: boolean | undefined;
  /** Queries whose state is dropped: they begin anew. */
  readonly resets?: readonly string[];
  /** Everything that the checkpoint's folder holds is dropped. */
  readonly resetsCheckpoint?: boolean;
  /** Where processes share the input: the partitions to read, and who mirrors their offsets. */
  readonly partitions?: SourceContext["partitions"];
  readonly membership?: SourceContext["membership"];
  /** `MAX_SEGMENT_BYTES` if left out. */
  readonly maxSegmentBytes?: number | undefined;
}

/** A job whose every name, type and query is known to be right. */
export interface PlannedJob {
  readonly job: LoadedJob;
  readonly tables: StaticTables;
  readonly shapes: readonly SourceShape[];
  readonly queries: readonly PlannedQuery[];
  /** Everything a sink may read, by name. */
  readonly outputs: ReadonlyMap<string, Output>;
}

export interface PreparedJob extends PlannedJob {
  readonly checkpoint: Checkpoint;
  readonly readers: readonly SourceReader[];
  close(): Promise<void>;
}

/**
 * Validates everything before a source is opened, where the schemas are known; those that only the input can
 * tell are found from its first segment. Undefined where such an input ended without a line, or we were
 * stopped before its first.
 */
export async function prepareJob(
  job: LoadedJob,
  checkpointFolder: string | undefined,
  given: Given,
): Promise<PreparedJob | undefined> {
  const { database } = given;
  const sources = Object.entries(job.config.sources);
  const needsNoInput = sources.every(([, source]) => knownColumns(source, undefined) !== undefined);
  const ahead = needsNoInput
    ? await planJob(job, database, given, new Map())
    : await checkAhead(job, database);
  const checkpoint = await openCheckpoint(database, checkpointFolder, {
    isReset: given.resetsCheckpoint === true,
    jobName: job.config.name,
  });
  const called = calledAs(job, checkpoint);
  const opened = new Map<string, Source>();
  const close = async (): Promise<void> => {
    for (const source of opened.values()) await source.close();
    await checkpoint.close();
  };
  try {
    const columns = new Map<string, readonly RecordColumn[]>();
    for (const [name, config] of sources) {
      const known = knownColumns(config, checkpoint.progress?.sources[name]?.columns);
      if (known !== undefined) columns.set(name, known);
    }
    let planned = ahead;
    const adopted = async (plan: PlannedJob): Promise<PlannedJob> => {
      const resets = given.resets ?? [];
      const former = (await madeOtherwise(database, checkpoint, plan)).filter(
        (name) => !resets.includes(name),
      );
      const fitting = former.length === 0 ? plan : await planJob(job, database, given, columns, former);
      await adoptPlan(database, checkpoint, fitting, resets);
      return fitting;
    };
    // A source takes up the checkpoint's segments when it is opened: what does not fit is refused before.
    if (columns.size === sources.length) {
      planned = await adopted(planned ?? (await planJob(job, database, given, columns)));
    }
    for (const [name] of sources) {
      const source = await openSource(name, called, given, await keptOf(name, checkpoint));
      opened.set(name, source);
      const found =
        columns.get(name) ??
        (await source.columns?.()) ??
        (await columnsFromInput(job, name, source, within(given, checkpoint)));
      if (found !== undefined) columns.set(name, found);
    }
    if (columns.size < sources.length) {
      await close();
      return undefined;
    }
    planned ??= await adopted(await planJob(job, database, given, columns));
    if (checkpoint.isDurable || planned.queries.some(({ tables = [] }) => tables.length > 0))
      await planned.tables.settle(checkpoint);
    for (const { setup } of planned.queries) await database.run(setup);
    const readers = planned.shapes.map((shape) => {
      const source = opened.get(shape.name);
      if (source === undefined) throw new StreamkitError("bug", `Source ${shape.name} is not open`);
      return openReader(shape, source, keepsLateRows(job, shape.name));
    });
    return { ...planned, job: called, checkpoint, readers, close };
  } catch (error) {
    // What went wrong is told, not what then can't be closed.
    await close().catch(() => {});
    throw error;
  }
}

/**
 * The plan alone: opens no sink, source or checkpoint. Schemas that the job does not declare are looked up in
 * `columns`. Throws code `job`.
 */
export async function planJob(
  job: LoadedJob,
  database: Database,
  { clock, minRowsToRewrite, isGeneral }: Pick<Given, "clock" | "minRowsToRewrite" | "isGeneral">,
  columns: ReadonlyMap<string, readonly RecordColumn[]>,
  former: readonly string[] = [],
): Promise<PlannedJob> {
  const { config, errorAt } = job;
  await database.run(WINDOW_MACROS);
  refuseDoubleNames(job);
  const faults = openFaults();
  const tables = await faults.attempt(() => openTables(database, config.tables, job.folder, clock));
  const shapes: SourceShape[] = [];
  for (const name of Object.keys(config.sources)) {
    const shape = await faults.attempt(() => shapeOf(job, database, name, columns.get(name)));
    if (shape !== undefined) shapes.push(shape);
  }
  // A query may read each of the tables.
  if (tables === undefined) faults.throwIfAny();
  const streams = shapes.map(({ stream }) => stream);
  const sharedBy = sharingOf(job)?.sharing.by;
  const unknown = Object.keys(config.sources).filter((name) => shapes.every((shape) => shape.name !== name));
  const request = {
    queries: config.queries,
    sources: streams,
    unknown,
    tables: Object.keys(config.tables),
    errorAt,
    sharedBy,
    former,
    isGeneral,
    names: [config.sources, config.queries, config.tables].flatMap((part) => Object.keys(part)),
    ...(minRowsToRewrite === undefined ? {} : { minRowsToRewrite }),
  };
  for (const stream of streams) await faults.attempt(() => checkShared(job, stream, sharedBy ?? []));
  const queries = await planQueries(database, request, faults);
  const outputs = outputsOf(streams, queries);
  const wrong = new Set([...unknown, ...Object.keys(config.queries)].filter((name) => !outputs.has(name)));
  if (wrong.size === 0) await faults.attempt(() => checkTests(job, outputs));
  // Where examples are run, the sinks are theirs.
  if (wrong.size > 0 || faults.isEmpty())
    await checkSinks({ sinks: config.sinks, outputs, errorAt, baseFolder: job.folder }, wrong, faults);
  faults.throwIfAny();
  await probeSinks(database, { sinks: config.sinks, outputs, errorAt });
  if (tables === undefined) throw new StreamkitError("bug", "Tables without a fault are not open");
  return { job, tables, shapes, queries, outputs };
}

/** The plan for a person to read: schemas that are not declared are found in files that are there. */
export async function planForCheck(
  job: LoadedJob,
  database: Database,
  { clock, freshSeed }: Pick<Given, "clock" | "freshSeed">,
): Promise<PlannedJob> {
  const columns = new Map<string, readonly RecordColumn[]>();
  const unknown = Object.entries(job.config.sources).filter(
    ([, config]) => knownColumns(config, undefined) === undefined,
  );
  for (const [name, config] of unknown) {
    if (resolveSource(config.from).kind.name !== "files") continue;
    const checkpoint = await openCheckpoint(database, undefined);
    const given: Given = {
      database,
      clock,
      freshSeed,
      isBounded: true,
      allowsEmpty: true,
      notify: () => {},
      waitForNews: () => Promise.resolve(),
      isStopped: () => false,
    };
    const source = await openSource(name, job, given, await keptOf(name, checkpoint));
    try {
      const found =
        (await source.columns?.()) ?? (await columnsFromInput(job, name, source, within(given, checkpoint)));
      if (found !== undefined) columns.set(name, found);
    } finally {
      await source.close();
      await checkpoint.close();
      await database.run(raw("DETACH ckpt"));
    }
  }
  const planned = await planJob(job, database, { clock }, columns);
  const checkpoint = await openCheckpoint(database, undefined);
  try {
    for (const { setup } of planned.queries) await database.run(setup);
  } finally {
    await checkpoint.close();
    await database.run(raw("DETACH ckpt"));
  }
  return planned;
}

function within(given: Given, { folder }: Checkpoint): Given & { readonly folder: string } {
  return { ...given, folder };
}

async function columnsFromInput(
  job: LoadedJob,
  name: string,
  source: Source,
  given: Given & { readonly folder: string },
): Promise<readonly RecordColumn[] | undefined> {
  const config = job.config.sources[name];
  if (config === undefined) throw new StreamkitError("bug", `No source ${name}`);
  return findColumns(source, {
    ...given,
    name,
    config,
    isLive: resolveSource(config.from).kind.isLive && !given.isBounded,
    limit: { maxBytes: MAX_SEGMENT_BYTES, maxLines: Number.POSITIVE_INFINITY },
    isTaken: takenNames(job, name),
    isReceived: resolveSource(config.from).kind.isReceiver === true,
  });
}

function keepsLateRows({ config }: LoadedJob, source: string): boolean {
  return config.sinks.some(({ from }) => from === "late" || from === `late.${source}`);
}

function refuseDoubleNames({ config, errorAt }: LoadedJob): void {
  const seen = new Map<string, string>();
  for (const part of ["sources", "tables", "queries"] as const) {
    for (const name of Object.keys(config[part])) {
      const other = seen.get(name.toLowerCase());
      if (other !== undefined)
        throw errorAt([part, name], `the name "${name}" is taken: ${other} has it too`);
      seen.set(name.toLowerCase(), part);
    }
  }
}

type Kept = Pick<SourceContext, "committed" | "segmentFolder" | "isDurable" | "columns">;

/** What a checkpoint has of a source. */
async function keptOf(name: string, { progress, folder, isDurable }: Checkpoint): Promise<Kept> {
  return {
    committed: progress?.sources[name]?.position,
    columns: progress?.sources[name]?.columns,
    segmentFolder: await segmentFolder(folder, name),
    isDurable,
  };
}

/** Opens a source of the job, whose name is known to be right. */
export async function openSource(
  name: string,
  job: LoadedJob,
  given: Omit<Given, "database" | "waitForNews" | "isStopped">,
  kept: Kept,
): Promise<Source> {
  const config = job.config.sources[name];
  if (config === undefined) throw new StreamkitError("bug", `No source ${name}`);
  const { kind, options } = resolveSource(config.from);
  const context: SourceContext = {
    ...kept,
    name,
    clock: given.clock,
    baseFolder: job.folder,
    maxSegmentBytes: given.maxSegmentBytes ?? MAX_SEGMENT_BYTES,
    isBounded: given.isBounded,
    allowsEmpty: given.allowsEmpty,
    columns: kept.columns ?? knownColumns(config, undefined),
    job: job.config.name,
    format: formatOf(config),
    hasHeader: config.format === "csv",
    delimiter: config.delimiter,
    timeColumn: timeSource(config),
    freshSeed: given.freshSeed,
    notify: given.notify,
    partitions: given.partitions,
    membership: given.membership,
    isOwn: ownFiles(job, kept.segmentFolder),
  };
  try {
    return await kind.open(options, context);
  } catch (error) {
    if (!(error instanceof StreamkitError) || error.code !== "job" || error instanceof JobError) throw error;
    const option = typeof config.from === "object" ? [kind.name, ...optionOf(error)] : [];
    throw job.errorAt(["sources", name, "from", ...option], error.message, error);
  }
}

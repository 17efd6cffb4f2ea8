/** One micro-batch from its plan to its commit: read → execute → write → commit. */

import type { Clock } from "../base/clock.ts";
import { failpoint } from "../base/failpoint.ts";
import type { ActivePartitions, BatchPlan, SourceProgress, ToCome } from "../checkpoint/checkpoint.ts";
import { clockTime, savedPartitions, textOf, usOf } from "../checkpoint/saved-times.ts";
import { isAboutValues } from "../duckdb/data-error.ts";
import type { Database } from "../duckdb/database.ts";
import { INFINITY_US, join, type Sql } from "../duckdb/sql.ts";
import { type DeadLetters, forgetLetters } from "../formats/dead-letters.ts";
import { openReadAhead, type Ranges } from "../ingest/read-ahead.ts";
import { type BatchInput, isTimedByClock, type SourceReader } from "../ingest/source-reader.ts";
import { advance, openWatermarks, type Seen, type SourceTime } from "../ingest/watermark.ts";
import { openAside } from "../operators/on-error/aside.ts";
import type { Batch } from "../operators/query.ts";
import type { SinkBatch } from "../sinks/sink.ts";
import { isProcessingTime, processingTimeOf } from "../sql/processing-time.ts";
import { relation } from "../sql/stream.ts";
import type { BatchProgress, BatchReport } from "./batch-progress.ts";
import { timesOf, totals } from "./batch-report.ts";
import { deadLetterRelation } from "./dead-letters/batch-letters.ts";
import { openKeptLetters } from "./dead-letters/kept-letters.ts";
import { letterKinds } from "./dead-letters/letter-kinds.ts";
import { openInputEnd, timeOfSource } from "./input-end.ts";
import { emptyRelations } from "./job-outputs.ts";
import { lateRowsOf } from "./late-rows.ts";
import { observedRows } from "./observed-rows.ts";
import type { OpenSink } from "./open-sinks.ts";
import type { Output } from "./outputs.ts";
import type { PreparedJob } from "./prepare.ts";
import { reachedTimes } from "./sink-times.ts";

export interface BatchRunner {
  /** The id of the last committed batch. */
  lastBatch(): number;
  /** When the last committed batch was planned; 0 before the first. */
  lastPlannedAtMs(): number;
  /** How much later a batch that is planned now would be. */
  sinceLastPlanMs(): number;
  /** The plan of the next batch, made now. */
  plan(of: Pick<BatchPlan, "ranges" | "idle" | "holding" | "toCome" | "endsInput">): BatchPlan;
  times(): ReadonlyMap<string, SourceTime>;
  /** Whether the input has ended, and nothing came since: there is nothing left to close. */
  hasEnded(): boolean;
  /** Whether a batch without input would move a watermark, now that these sources are silent. */
  movesWatermark(silent: Idleness): boolean;
  /** Whether a sink has something to do that needs a batch. */
  isSinkDue(): boolean;
  /** Groups of sources whose least watermark matters. */
  readonly groups: readonly (readonly string[])[];
  /**
   * `upcoming`: ranges of the batches after this one, to be read while it is executed. It is asked twice: a
   * pipe has the next ones only when it had time to go on.
   */
  run(plan: BatchPlan, schedulingDelayMs: number, upcoming?: Upcoming): Promise<BatchProgress>;
  /** Waits for what is being read ahead, and forgets it. */
  close(): Promise<void>;
}

type Upcoming = () => Promise<readonly Ranges[]>;

export interface RunnerOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly prepared: PreparedJob;
  readonly sinks: readonly OpenSink[];
  /** Outputs whose rows observers are shown. */
  readonly observed: readonly Output[];
}

/** What stops the watermark: sources that aren't idle, partitions of such, and what is known to come. */
interface Idleness {
  readonly idle: readonly string[];
  readonly holding: ActivePartitions;
  readonly toCome?: ToCome;
}

const US_PER_MS = 1000n;
const NOTHING_SEEN: Seen = { maxEventTimeUs: null };

export async function openRunner(options: RunnerOptions): Promise<BatchRunner> {
  const { database, clock, prepared, sinks, observed } = options;
  const { readers, queries, checkpoint } = prepared;
  const saved = checkpoint.progress;
  const groups = groupsOf(prepared);
  const watermarks = openWatermarks(groups, saved?.watermarksUs ?? {});
  let lastBatch = saved?.batch ?? 0;
  let lastPlannedAtMs = saved?.plannedAtMs ?? 0;
  let lastPlannedMs = clock.monotonicMs();
  /** Never back; from a time ahead of the clock it goes on as time passes, and does not wait for it. */
  const nextPlannedAtMs = (): number => {
    const nowMs = Math.floor(clock.nowMs());
    if (nowMs >= lastPlannedAtMs) return nowMs;
    return lastPlannedAtMs + Math.floor(clock.monotonicMs() - lastPlannedMs);
  };
  let times: ReadonlyMap<string, SourceTime> = new Map([
    ...readers.map(({ name }): [string, SourceTime] => [
      name,
      timeOfSource(prepared.job.config.sources[name]?.watermark ?? 0, saved?.sources[name]),
    ]),
    ...groups
      .flatMap((names) => names.filter(isProcessingTime))
      .map((clock): [string, SourceTime] => [clock, clockTime(watermarks.of([clock]))]),
  ]);
  await database.run(join(emptyRelations(readers), ";\n"));
  const inputEnd = await openInputEnd(database, queries, saved);
  const keptLetters = await openKeptLetters(database, prepared.job.config.dead_letters.keep);

  // A sink that the job leaves out for a while goes on where it was when it comes back.
  const otherSinks = Object.fromEntries(
    Object.entries(saved?.sinks ?? {}).filter(([name]) => sinks.every(({ formerId }) => formerId !== name)),
  );
  const positions = new Map(readers.map(({ name }) => [name, saved?.sources[name]?.position]));
  const progressOf = (plan: BatchPlan, name: string, columns: SourceProgress["columns"]): SourceProgress => ({
    position: plan.ranges[name]?.to ?? positions.get(name),
    columns,
    maxEventTimeUs: textOf(times.get(name)?.maxEventTimeUs),
    watermarkUs: textOf(times.get(name)?.watermarkUs),
    ...savedPartitions(times.get(name)),
  });
  /** The times after a batch that has seen so much. */
  const timesAfter = (
    seen: (name: string) => Seen,
    { holding, toCome, endsInput }: Pick<BatchPlan, "holding" | "toCome" | "endsInput">,
  ): ReadonlyMap<string, SourceTime> =>
    new Map(
      [...times].map(([name, time]) => {
        const course = { endsInput, holding: holding?.[name], toComeUs: usOf(toCome?.[name]) };
        return [name, advance(time, seen(name), course)];
      }),
    );

  /** Rows before it are late for a query at least. */
  const lateBeforeUs = (reader: SourceReader): bigint | null => {
    const { name } = reader;
    const reachedUs = watermarks.of([name]);
    const names = isTimedByClock(reader) ? [name, processingTimeOf(name)] : [name];
    return inputEnd.closedOf(names, reachedUs) ?? reachedUs;
  };

  let wasClean = true;
  /** Of the last batch that had any: its relation is there until the next one's. */
  let told: readonly DeadLetters[] = [];
  const ahead = await openReadAhead(database, readers);
  const readAll = async (plan: BatchPlan): Promise<ReadonlyMap<string, BatchInput>> => {
    const intakes = new Map<string, BatchInput>();
    const loadedAhead = await ahead.take(plan.ranges);
    for (const reader of readers) {
      const range = plan.ranges[reader.name];
      const load =
        loadedAhead.find((candidate) => candidate.range === range) ??
        (range === undefined ? undefined : await reader.load(database, range, reader.name));
      const moment = {
        watermarkUs: lateBeforeUs(reader),
        plannedAtUs: plannedAtUs(plan),
        maxEventTimeUs: times.get(reader.name)?.maxEventTimeUs ?? null,
      };
      intakes.set(reader.name, await reader.take(database, load, moment));
      failpoint("source-read");
    }
    const isClean = totals(intakes).deadLetters === 0;
    if (!isClean || !wasClean) {
      const unread = [...intakes].flatMap(([source, { deadLetters }]) =>
        deadLetters.map((letters) => ({ source, letters })),
      );
      await database.run(deadLetterRelation(unread, plan.batch));
      for (const letters of told) await forgetLetters(letters);
      told = unread.map(({ letters }) => letters);
    }
    wasClean = isClean;
    failpoint("batch-read");
    return intakes;
  };

  const commit = async (
    plan: BatchPlan,
    batch: Batch,
    { deadLetters }: { readonly deadLetters: number },
    sinkBatch: (output: Output) => SinkBatch,
  ): Promise<void> => {
    const statements = sinks.flatMap(({ output, sink }) => sink.commit?.(sinkBatch(output)) ?? []);
    statements.push(...(await keptLetters.statements(deadLetters, plan.plannedAtMs)));
    statements.push(...prepared.tables.commit());
    watermarks.advance(times, plan.idle);
    const progress = {
      batch: plan.batch,
      plannedAtMs: plan.plannedAtMs,
      watermarksUs: watermarks.toJson(),
      ...inputEnd.toJson(watermarks),
      sources: Object.fromEntries(
        readers.map(({ name, recordColumns }) => [name, progressOf(plan, name, recordColumns)]),
      ),
      sinks: {
        ...otherSinks,
        ...Object.fromEntries(sinks.map(({ id: sinkId, sink }) => [sinkId, sink.position()])),
      },
    };
    const ofQueries = (): readonly Sql[] =>
      queries.flatMap((query) => query.commit(inputEnd.seenBy(query, batch)));
    try {
      await checkpoint.commit([...ofQueries(), ...statements], progress);
    } catch (error) {
      if (!isAboutValues(error)) throw error;
      // A rewrite of the state merges groups that no answer asked for: it can wait.
      await checkpoint.commit([...ofQueries(), ...statements], progress);
    }
    prepared.tables.committed();
    failpoint("committed");
    for (const { name, source } of readers) {
      const range = plan.ranges[name];
      if (range === undefined) continue;
      positions.set(name, range.to);
      await source.commit(range);
      failpoint("source-committed");
    }
    lastBatch = plan.batch;
    lastPlannedAtMs = plan.plannedAtMs;
    lastPlannedMs = clock.monotonicMs();
  };
  return {
    groups,
    lastBatch: () => lastBatch,
    lastPlannedAtMs: () => lastPlannedAtMs,
    sinceLastPlanMs: () => nextPlannedAtMs() - lastPlannedAtMs,
    plan: (of) => ({
      ...of,
      batch: lastBatch + 1,
      plannedAtMs: nextPlannedAtMs(),
    }),
    times: () => times,
    hasEnded: () => inputEnd.hasEnded(),
    isSinkDue: () => sinks.some(({ sink }) => sink.isDue?.(clock.nowMs()) === true),
    movesWatermark({ idle, ...silence }) {
      if (inputEnd.hasEnded()) return false;
      const after = timesAfter(() => NOTHING_SEEN, { ...silence, endsInput: false });
      return groups.some((sources) => watermarks.next(sources, after, idle) !== watermarks.of(sources));
    },
    async close() {
      await ahead.close();
      for (const letters of told) await forgetLetters(letters);
    },
    async run(plan, schedulingDelayMs, upcoming = async () => []) {
      const startedAtMs = clock.nowMs();
      const startedMs = clock.monotonicMs();
      // One that is repeated sees the tables that it saw at first.
      if (plan.batch !== checkpoint.pendingPlan?.batch) await prepared.tables.refresh();
      checkpoint.writePlan(plan);
      // Into lanes that are free already, as at the start, and then into the one that held this batch.
      ahead.start(await upcoming());
      if (Object.keys(plan.ranges).length > 0) inputEnd.goOn(watermarks);
      const isOver = inputEnd.hasEnded();
      const intakes = await readAll(plan);
      ahead.start(await upcoming());
      const after = timesAfter(
        (name) =>
          isProcessingTime(name)
            ? { maxEventTimeUs: plannedAtUs(plan) }
            : (intakes.get(name) ?? NOTHING_SEEN),
        plan,
      );
      const batch: Batch = {
        id: plan.batch,
        changedTables: new Set(prepared.tables.changed()),
        watermarkBeforeUs: (sources) => (isOver ? INFINITY_US : watermarks.of(sources)),
        watermarkAfterUs: (sources) =>
          isOver || plan.endsInput ? INFINITY_US : watermarks.next(sources, after, plan.idle),
      };
      const late = await lateRowsOf(
        database,
        prepared,
        intakes,
        (reader) => ({ reachedUs: watermarks.of([reader.name]), lateBeforeUs: lateBeforeUs(reader) }),
        (query, us) => us < (inputEnd.leastOf(query, watermarks.of(query.sources)) ?? us),
      );
      const counts = countsOf(intakes);
      let putAside = 0;
      for (const query of queries) {
        const aside = openAside({
          database,
          query: query.output.name,
          batch: plan.batch,
          policy: query.onError,
          inputs: query.inputs,
          originsOf: async (stream, rows) => intakes.get(stream)?.originsOf?.(rows),
        });
        counts.set(query.output.name, await query.execute(database, inputEnd.seenBy(query, batch), aside));
        await aside.close();
        putAside += aside.letters();
        failpoint("query-executed");
      }
      if (plan.endsInput) await inputEnd.end(database);
      wasClean &&= putAside === 0;
      const rowsOf = (output: Output): number => counts.get(output.relation) ?? 0;
      const sinkBatch = (output: Output): SinkBatch => ({
        id: plan.batch,
        relation: output.relation,
        rows: rowsOf(output),
        plannedAtMs: plan.plannedAtMs,
        ...reachedTimes(output, batch, { beforeMs: lastPlannedAtMs, ...plan }),
      });
      /** Tells how many rows became dead letters by it. */
      const write = async (written: readonly OpenSink[]): Promise<number> => {
        let diverted = 0;
        for (const { output, sink } of written) {
          await sink.write(database, sinkBatch(output));
          diverted += sink.divertedRows?.() ?? 0;
          failpoint("sink-written");
        }
        return diverted;
      };
      // What a table does not take becomes a dead letter only as it is written.
      let diverted = await write(sinks.filter(({ output }) => !isOfDeadLetters(output)));
      const unread = totals(intakes).deadLetters + putAside;
      counts.set(relation.deadLetters, unread + diverted);
      diverted += await write(sinks.filter(({ output }) => isOfDeadLetters(output)));
      const deadLetters = unread + diverted;
      wasClean &&= diverted === 0;
      failpoint("batch-written");
      const outputs = [];
      for (const output of observed)
        outputs.push(await observedRows(database, output, { id: plan.batch, rows: rowsOf(output) }));
      const letters = deadLetters === 0 ? {} : { letters: await letterKinds(database) };
      times = after;
      await commit(plan, batch, { deadLetters }, sinkBatch);
      for (const { sink } of sinks) await sink.committed?.();
      const report: BatchReport = {
        batch: plan.batch,
        startedAtMs,
        schedulingDelayMs,
        processingMs: clock.monotonicMs() - startedMs,
        ...totals(intakes),
        deadLetters,
        ...timesOf(times, watermarks, groups),
        outputRows: Object.fromEntries(
          [...new Set([...sinks.map(({ output }) => output), ...observed])].map((output) => [
            output.name,
            rowsOf(output),
          ]),
        ),
      };
      return {
        job: prepared.job.config.name,
        report,
        ...(late.length === 0 ? {} : { late }),
        ...letters,
        outputs,
      };
    },
  };
}

function isOfDeadLetters({ relation: read }: Output): boolean {
  return read === relation.deadLetters;
}

/** Rows of the relations that are no query's, by name. */
function countsOf(intakes: ReadonlyMap<string, BatchInput>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [name, { rows, lateRows }] of intakes) {
    counts.set(name, rows);
    counts.set(relation.late(name), lateRows);
  }
  return counts.set(relation.deadLetters, totals(intakes).deadLetters);
}

function groupsOf({ readers, queries }: PreparedJob): readonly (readonly string[])[] {
  const groups = [...readers.map(({ name }) => [name]), ...queries.map(({ output }) => output.sources)];
  return [...new Map(groups.map((sources) => [sources.toSorted().join("+"), sources])).values()];
}

function plannedAtUs({ plannedAtMs }: BatchPlan): bigint {
  return BigInt(plannedAtMs) * US_PER_MS;
}

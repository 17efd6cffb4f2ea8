/** One micro-batch from its plan to its commit: read → execute → write → commit. */

import type { Clock } from "../base/clock.ts";
import { failpoint } from "../base/failpoint.ts";
import type { Database } from "../duckdb/database.ts";
import { INFINITY_US, id, join, type Sql, sql } from "../duckdb/sql.ts";
import type { SinkBatch } from "../sinks/sink.ts";
import type { BatchPlan, Holding, SourceProgress, ToCome } from "./checkpoint.ts";
import { isClock } from "./clocks.ts";
import { definitionsOf, emptyTable } from "./input.ts";
import { emptyRelations } from "./job-outputs.ts";
import { lateRowsOf } from "./late-rows.ts";
import type { BatchOutcome, BatchReport } from "./outcome.ts";
import { DEAD_LETTER_COLUMNS, type OpenSink, type Output, observedRows } from "./outputs.ts";
import type { PreparedJob } from "./prepare.ts";
import type { Batch } from "./query.ts";
import { openReadAhead, type Ranges } from "./read-ahead.ts";
import { clockTime, savedPartitions, savedTime, textOf, usOf } from "./saved-times.ts";
import { reachedTimes } from "./sink-times.ts";
import type { Intake } from "./source-reader.ts";
import { CHECKPOINT, relation } from "./stream.ts";
import { advance, openWatermarks, type Seen, type SourceTime, type Watermarks } from "./watermark.ts";

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
  /** Whether a batch without input would move a watermark, now that these sources are silent. */
  movesWatermark(silent: Silence): boolean;
  /** Whether a sink has something to do that needs a batch. */
  isSinkDue(): boolean;
  /** Groups of sources whose least watermark matters. */
  readonly groups: readonly (readonly string[])[];
  /** `upcoming`: ranges of the batches after this one, to be read while it is executed. */
  run(plan: BatchPlan, schedulingDelayMs: number, upcoming?: readonly Ranges[]): Promise<BatchOutcome>;
  /** Waits for what is being read ahead, and forgets it. */
  close(): Promise<void>;
}

export interface RunnerOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly prepared: PreparedJob;
  readonly sinks: readonly OpenSink[];
  /** Outputs whose rows observers are shown. */
  readonly observed: readonly Output[];
}

/** What stops the watermark: sources that aren't idle, partitions of such, and what is known to come. */
interface Silence {
  readonly idle: readonly string[];
  readonly holding: Holding;
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
  /** Never back; from a time that is ahead of the clock it goes on as time passes, and does not wait for it. */
  const nextPlannedAtMs = (): number => {
    const nowMs = Math.floor(clock.nowMs());
    if (nowMs >= lastPlannedAtMs) return nowMs;
    return lastPlannedAtMs + Math.floor(clock.monotonicMs() - lastPlannedMs);
  };
  let times: ReadonlyMap<string, SourceTime> = new Map([
    ...readers.map(({ name }): [string, SourceTime] => [
      name,
      savedTime(prepared.job.config.sources[name]?.watermark ?? 0, saved?.sources[name]),
    ]),
    ...groups
      .flatMap((names) => names.filter(isClock))
      .map((clock): [string, SourceTime] => [clock, clockTime(watermarks.of([clock]))]),
  ]);
  await database.run(join(emptyRelations(readers), ";\n"));
  await database.run(emptyTableIn(CHECKPOINT));

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

  let wasClean = true;
  const ahead = await openReadAhead(database, readers);
  const readAll = async (plan: BatchPlan): Promise<ReadonlyMap<string, Intake>> => {
    const intakes = new Map<string, Intake>();
    const loadedAhead = await ahead.take(plan.ranges);
    for (const reader of readers) {
      const range = plan.ranges[reader.name];
      const load =
        loadedAhead.find((candidate) => candidate.range === range) ??
        (range === undefined ? undefined : await reader.load(database, range, reader.name));
      const moment = {
        watermarkUs: watermarks.of([reader.name]),
        plannedAtUs: plannedAtUs(plan),
        maxEventTimeUs: times.get(reader.name)?.maxEventTimeUs ?? null,
      };
      intakes.set(reader.name, await reader.take(database, load, moment));
      failpoint("source-read");
    }
    const isClean = totals(intakes).deadLetters === 0;
    if (!isClean || !wasClean) await database.run(deadLetterTable(intakes, plan.batch));
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
    const statements: Sql[] = queries.flatMap((query) => query.commit(batch));
    for (const { output, sink } of sinks) statements.push(...(sink.commit?.(sinkBatch(output)) ?? []));
    if (deadLetters > 0)
      statements.push(sql`INSERT INTO ${id(CHECKPOINT, "dead_letters")} FROM ${id(relation.deadLetters)}`);
    watermarks.advance(times, plan.idle);
    await checkpoint.commit(statements, {
      batch: plan.batch,
      plannedAtMs: plan.plannedAtMs,
      watermarksUs: watermarks.toJson(),
      sources: Object.fromEntries(
        readers.map(({ name, recordColumns }) => [name, progressOf(plan, name, recordColumns)]),
      ),
      sinks: {
        ...otherSinks,
        ...Object.fromEntries(sinks.map(({ id: sinkId, sink }) => [sinkId, sink.position()])),
      },
    });
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
    isSinkDue: () => sinks.some(({ sink }) => sink.isDue?.(clock.nowMs()) === true),
    movesWatermark({ idle, ...silence }) {
      const after = timesAfter(() => NOTHING_SEEN, { ...silence, endsInput: false });
      return groups.some((sources) => watermarks.next(sources, after, idle) !== watermarks.of(sources));
    },
    close: () => ahead.close(),
    async run(plan, schedulingDelayMs, upcoming = []) {
      const startedAtMs = clock.nowMs();
      const startedMs = clock.monotonicMs();
      checkpoint.writePlan(plan);
      // Into lanes that are free already, as at the start, and then into the one that held this batch.
      ahead.start(upcoming);
      const intakes = await readAll(plan);
      ahead.start(upcoming);
      const after = timesAfter(
        (name) =>
          isClock(name) ? { maxEventTimeUs: plannedAtUs(plan) } : (intakes.get(name) ?? NOTHING_SEEN),
        plan,
      );
      const batch: Batch = {
        id: plan.batch,
        watermarkBeforeUs: (sources) => watermarks.of(sources),
        watermarkAfterUs: (sources) => watermarks.next(sources, after, plan.idle),
      };
      const late = await lateRowsOf(database, prepared, intakes, (name) => watermarks.of([name]));
      const counts = countsOf(intakes);
      for (const query of queries) {
        counts.set(query.output.name, await query.execute(database, batch));
        failpoint("query-executed");
      }
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
      counts.set(relation.deadLetters, totals(intakes).deadLetters + diverted);
      diverted += await write(sinks.filter(({ output }) => isOfDeadLetters(output)));
      const deadLetters = totals(intakes).deadLetters + diverted;
      wasClean &&= diverted === 0;
      failpoint("batch-written");
      const outputs = [];
      for (const output of observed)
        outputs.push(await observedRows(database, output, { id: plan.batch, rows: rowsOf(output) }));
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
      return { job: prepared.job.config.name, report, ...(late.length === 0 ? {} : { late }), outputs };
    },
  };
}

function isOfDeadLetters({ relation: read }: Output): boolean {
  return read === relation.deadLetters;
}

/** Rows of the relations that are no query's, by name. */
function countsOf(intakes: ReadonlyMap<string, Intake>): Map<string, number> {
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

function deadLetterTable(intakes: ReadonlyMap<string, Intake>, batchId: number): Sql {
  const rows = [...intakes].flatMap(([source, { deadLetters }]) =>
    deadLetters.map(
      ({ origin, offset, line, reason }) =>
        sql`(${source}, ${origin}, ${offset}, ${line}, ${reason}, ${batchId})`,
    ),
  );
  const empty = emptyTable(relation.deadLetters, DEAD_LETTER_COLUMNS);
  return rows.length === 0 ? empty : sql`${empty}; INSERT INTO ${id(relation.deadLetters)} VALUES ${rows}`;
}

function emptyTableIn(database: string): Sql {
  const columns = definitionsOf(DEAD_LETTER_COLUMNS);
  return sql`CREATE TABLE IF NOT EXISTS ${id(database, "dead_letters")} (${columns})`;
}

function totals(
  intakes: ReadonlyMap<string, Intake>,
): Pick<BatchReport, "inputRows" | "inputBytes" | "lateRows" | "deadLetters"> {
  const all = [...intakes.values()];
  const sum = (figure: (intake: Intake) => number): number =>
    all.reduce((total, intake) => total + figure(intake), 0);
  return {
    inputRows: sum(({ rows }) => rows),
    inputBytes: sum(({ bytes }) => bytes),
    lateRows: sum(({ lateRows }) => lateRows),
    deadLetters: sum(({ deadLetters }) => deadLetters.length),
  };
}

function timesOf(
  times: ReadonlyMap<string, SourceTime>,
  watermarks: Watermarks,
  groups: readonly (readonly string[])[],
): Pick<BatchReport, "watermarkMs" | "maxEventTimeMs"> {
  const reached = groups
    .map((sources) => watermarks.of(sources))
    .filter((value) => value !== null && value !== INFINITY_US);
  const seen = [...times].flatMap(([name, time]) => (isClock(name) ? [] : (time.maxEventTimeUs ?? [])));
  return {
    watermarkMs:
      reached.length === 0
        ? null
        : Number(reached.reduce((a, b) => (b !== null && a !== null && b < a ? b : a)) ?? 0n) / 1000,
    maxEventTimeMs: seen.length === 0 ? null : Number(seen.reduce((a, b) => (b > a ? b : a))) / 1000,
  };
}
